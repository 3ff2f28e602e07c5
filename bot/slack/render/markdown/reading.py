"""Reads Markdown as CommonMark does, with tables and strikethrough, and gives its units. Pure.

Nothing that the text says is left out: link definitions stay text, since one that no link uses
would be invisible and still reach the next phase; so do comments and other raw HTML, titles of
links, and what stands beside the language of a fence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.rules_block.table import escapedSplit
from markdown_it.token import Token

from bot.slack.render import text
from bot.slack.render.limits import LIMITS
from bot.slack.render.markdown import inline, links
from bot.slack.render.markdown.units import (
    Code,
    Heading,
    Item,
    Leaf,
    Leaves,
    Paragraph,
    Quote,
    Rule,
    Style,
    Table,
    Unit,
    merged,
    stripped,
)

MAX_NESTING: Final = 60
"""Levels of quotes and lists (a list is two). What is deeper is shown as its source: CommonMark
sets no limit, but the parser calls itself at each level."""

_INDENT: Final = LIMITS["rich_text"]["indent"]
_LANGUAGE: Final = re.compile(r"[\w+#.-]{0,30}\Z")
_NESTING: Final = ("blockquote_open", "list_item_open")


def _parser(*, nesting: int, without: Sequence[str]) -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"maxNesting": nesting})
    parser.enable(["table", "strikethrough"]).disable(without)
    normalize: Callable[[str], str] = parser.normalizeLink
    # An ASCII address stays as it is, to the letter.
    parser.normalizeLink = (  # type: ignore[method-assign]
        lambda url: url.replace(" ", "%20") if url.isascii() else normalize(url)
    )
    parser.normalizeLinkText = lambda link: link  # type: ignore[method-assign]
    # What is refused here stays text, as it is written.
    parser.validateLink = links.allowed  # type: ignore[method-assign]
    return parser


_BLOCKS: Final = _parser(nesting=MAX_NESTING, without=["reference", "inline", "text_join"])
_INLINE: Final = _parser(nesting=20, without=[])
_WITHOUT_LINKS: Final = _parser(nesting=20, without=["link", "image"])

MAX_BRACKETS: Final = 400
"""A paragraph with more opening brackets has no links but bare addresses: the parser looks for the
end of each through all the others."""


_MARKS: Final = re.compile(r"[\\`*_~\[!<&:\n]")
"""Without one of these a text is only text."""


def _inline(content: str) -> Leaves:
    if not _MARKS.search(content):
        return (Leaf(inline.prose(content)),)
    parser = _WITHOUT_LINKS if content.count("[") > MAX_BRACKETS else _INLINE
    tokens: list[Token] = []
    parser.inline.parse(content, parser, {}, tokens)
    return inline.leaves(tokens)


def units(markdown: str) -> list[Unit]:
    """The units of a sanitized text with `\\n` for newlines."""
    return _Reader(markdown).read()


@dataclass
class _List:
    ordered: bool
    numbers: list[int]
    indent: int
    at: int = -1

    @property
    def number(self) -> int | None:
        return self.numbers[self.at] if self.ordered else None


class _Reader:
    def __init__(self, markdown: str) -> None:
        self._lines = markdown.split("\n")
        self._tokens = _BLOCKS.parse(markdown)
        self._units: list[Unit] = []
        self._lists: list[_List] = []
        self._fresh = False
        """Whether the list item that is being read has nothing yet."""
        self._quotes: list[int] = []
        """For each open quotation, how many lists were open around it."""
        self._quoted: list[Leaf] = []

    def read(self) -> list[Unit]:
        at = 0
        while at < len(self._tokens):
            at = self._block(at)
        return self._units

    def _block(self, at: int) -> int:
        """Read the block at a token, or a part of it; return where to go on."""
        token = self._tokens[at]
        match token.type:
            case "blockquote_open" | "bullet_list_open" | "ordered_list_open" | "table_open":
                end = _closing(self._tokens, at)
                if token.level == 0 and _too_deep(self._tokens[at:end]):
                    self._code(self._source(token))
                    return end + 1
                if token.type == "table_open":
                    self._separate(_table(self._tokens[at:end], self._lines))
                    return end + 1
                self._enter(token, self._tokens[at:end])
            case "blockquote_close":
                self._quotes.pop()
                if not self._quotes:
                    self._end_quote()
            case "bullet_list_close" | "ordered_list_close":
                self._lists.pop()
            case "list_item_open":
                self._lists[-1].at += 1
                self._fresh = True
            case "list_item_close":
                self._bullet()
            case "inline":
                heading = self._tokens[at - 1].type == "heading_open"
                self._text(_inline(token.content), heading=heading)
            case "fence" | "code_block" | "html_block" | "hr":
                self._leaf_block(token)
        return at + 1

    def _source(self, token: Token) -> str:
        start, end = token.map or (0, 0)
        return "\n".join(self._lines[start:end])

    def _enter(self, token: Token, inside: Sequence[Token]) -> None:
        self._bullet()
        if token.type == "blockquote_open":
            self._quotes.append(len(self._lists))
            return
        ordered = token.type == "ordered_list_open"
        around = self._quotes[-1] if self._quotes else 0
        indent = min(len(self._lists) - around, _INDENT)
        self._lists.append(_List(ordered, _numbers(inside) if ordered else [], indent))

    def _bullet(self) -> None:
        """Show the mark of a list item that has no text before something else."""
        if self._fresh:
            self._text(())

    def _text(self, leaves: Leaves, *, heading: bool = False) -> None:
        leaves = stripped(leaves)
        if heading:
            leaves = tuple(replace(leaf, styles=leaf.styles | {Style.BOLD}) for leaf in leaves)
        if self._quotes:
            self._quote(leaves)
        elif self._lists:
            self._item_text(leaves)
        elif leaves:
            self._units.append(Heading(leaves) if heading else Paragraph(leaves))

    def _item_text(self, leaves: Leaves) -> None:
        if self._fresh:
            self._fresh = False
            level = self._lists[-1]
            self._units.append(Item(leaves, level.indent, level.number))
        elif isinstance(last := self._units[-1], Item) and last.indent == self._lists[-1].indent:
            parted = (*last.leaves, Leaf("\n"), *leaves) if last.leaves else leaves
            self._units[-1] = replace(last, leaves=merged(parted))
        else:
            self._units.append(Paragraph(leaves))

    def _quote(self, leaves: Leaves) -> None:
        """Quotations have no lists and no quotations in them: the marks are text."""
        lists = self._lists[self._quotes[-1] :]
        mark = "> " * (len(self._quotes) - 1)
        if lists:
            mark += "    " * (len(lists) - 1)
            bullet = f"{lists[-1].number}. " if lists[-1].ordered else "• "
            mark += bullet if self._fresh else " " * len(bullet)
        self._fresh = False
        if self._quoted:
            self._quoted.append(Leaf("\n" if lists else "\n\n"))
        for leaf in (Leaf(mark), *leaves):
            self._quoted.append(leaf)

    def _end_quote(self) -> None:
        quoted, self._quoted = merged(self._quoted), []
        if stripped(quoted):
            self._units.append(Quote(quoted))

    def _separate(self, unit: Unit) -> None:
        """A unit that stands by itself, also inside a list or a quotation."""
        self._bullet()
        self._end_quote()
        self._units.append(unit)

    def _code(self, code: str) -> None:
        if code.strip():
            self._separate(Code(code))

    def _leaf_block(self, token: Token) -> None:
        match token.type:
            case "fence" | "code_block":
                info = text.sanitize(token.info).strip()
                if not _LANGUAGE.match(info):
                    self._text((Leaf(inline.prose(info)),))
                self._code(text.sanitize(token.content).removesuffix("\n"))
            case "html_block":
                self._text((Leaf(inline.prose(token.content)),))
            case "hr":
                self._separate(Rule())


def _closing(tokens: Sequence[Token], at: int) -> int:
    """Where the block that opens at `at` is closed."""
    closing = tokens[at].type.removesuffix("_open") + "_close"
    level = tokens[at].level
    return next(
        position
        for position in range(at + 1, len(tokens))
        if tokens[position].type == closing and tokens[position].level == level
    )


def _too_deep(tokens: Sequence[Token]) -> bool:
    """Whether the parser has stopped somewhere inside and left text out."""
    return any(token.level + 1 >= MAX_NESTING and token.type in _NESTING for token in tokens)


def _numbers(inside: Sequence[Token]) -> list[int]:
    """The numbers of an ordered list's items, as written; a list of equal numbers counts up."""
    level = inside[0].level + 1
    written = [
        int(token.info)
        for token in inside
        if token.type == "list_item_open" and token.level == level
    ]
    if len(set(written)) == 1:
        return [written[0] + position for position in range(len(written))]
    return written


def _table(tokens: Sequence[Token], lines: Sequence[str]) -> Table:
    """A table. Cells beyond the header's columns, which Markdown ignores, are shown as well."""
    rows: list[list[Leaves]] = []
    aligns: list[str] = []
    line = ""
    for token in tokens:
        if token.type == "tr_open":
            rows.append([])
            line = lines[token.map[0]] if token.map else ""
        elif token.type == "tr_close" and len(rows) > 1:
            rows[-1] += _ignored_cells(line, len(rows[-1]))
        elif token.type == "inline":
            rows[-1].append(stripped(_inline(token.content)))
        elif token.type == "th_open":
            aligns.append(str(token.attrGet("style") or "").removeprefix("text-align:") or "left")
    columns = max(len(row) for row in rows)
    return Table(
        tuple((*row, *[()] * (columns - len(row))) for row in rows),
        (*aligns, *["left"] * (columns - len(aligns))),
    )


def _ignored_cells(line: str, columns: int) -> list[Leaves]:
    cells = escapedSplit(line.lstrip("> \t").rstrip())
    if cells and cells[0] == "":
        cells.pop(0)
    if cells and cells[-1] == "":
        cells.pop()
    return [stripped(_inline(cell.strip())) for cell in cells[columns:]]
