"""The inline tokens of a paragraph as leaves. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from markdown_it.token import Token

from bot.slack.render import text
from bot.slack.render.markdown import links
from bot.slack.render.markdown.units import Leaf, Leaves, Style, joined, merged

_STYLES: Final = {"strong": Style.BOLD, "em": Style.ITALIC, "s": Style.STRIKE}
_PLAIN: Final[frozenset[Style]] = frozenset()

_TEXT: Final = ("text", "text_special")
_BROADCAST: Final = re.compile(r"@(?=(?:channel|here|everyone)\b)", re.IGNORECASE)


def leaves(tokens: Sequence[Token]) -> Leaves:
    return merged(_Builder().build(tokens))


def prose(raw: str) -> str:
    """Text of a model outside code: nothing invisible, and no word that Slack's composer would
    turn into a broadcast if somebody copies it there.

    `text.sanitize` removes the character that is put in, so the two can be compared.
    """
    return _BROADCAST.sub("@" + text.WORD_JOINER, text.sanitize(raw))


class _Builder:
    def __init__(self) -> None:
        self._depth = dict.fromkeys(Style, 0)
        self._leaves: list[Leaf] = []
        self._pending: list[str] = []

    def build(self, tokens: Sequence[Token]) -> list[Leaf]:
        open_links: list[tuple[Token, int]] = []
        for token in tokens:
            if token.type in _TEXT:
                self._pending.append(token.content)
                continue
            self._end_text(linked=bool(open_links))
            if token.type == "link_open":
                open_links.append((token, len(self._leaves)))
            elif token.type == "link_close":
                opened, start = open_links.pop()
                label, self._leaves[start:] = merged(self._leaves[start:]), []
                self._leaves += self._link(opened, label)
            elif token.tag in _STYLES:
                self._depth[_STYLES[token.tag]] += token.nesting
            else:
                self._token(token)
        self._end_text(linked=False)
        return self._leaves

    def _end_text(self, *, linked: bool) -> None:
        """Text comes in parts: an entity or an escaped character is one of its own."""
        content, self._pending = "".join(self._pending), []
        if linked:
            self._add(prose(content))
        elif content:
            self._prose(content)

    def _token(self, token: Token) -> None:
        match token.type:
            case "softbreak" | "hardbreak":
                self._add("\n")
            case "code_inline":
                code = text.sanitize(token.content)
                self._leaves.append(Leaf(code, self._styles() | {Style.CODE}))
            case "image":
                self._leaves += self._image(token)
            case "html_inline":
                self._add(prose(token.content))

    def _styles(self) -> frozenset[Style]:
        if not any(self._depth.values()):
            return _PLAIN
        return frozenset(style for style, depth in self._depth.items() if depth > 0)

    def _add(self, shown: str) -> None:
        self._leaves.append(Leaf(shown, self._styles()))

    def _prose(self, content: str) -> None:
        """Text in which addresses are links."""
        last = 0
        for start, end in links.bare(content):
            self._add(prose(content[last:start]))
            self._leaves.append(Leaf(content[start:end], self._styles(), content[start:end]))
            last = end
        self._add(prose(content[last:]))

    def _link(self, opened: Token, label: Leaves) -> list[Leaf]:
        """A link, or text with the address in brackets if the text names another host."""
        address = str(opened.attrGet("href") or "")
        title = prose(str(opened.attrGet("title") or ""))
        shown = joined(label)
        result: list[Leaf] = []
        if not shown.strip():
            result = [*label, Leaf(address, self._styles(), address)]
        elif links.honest(shown, address):
            result = [Leaf(leaf.text, leaf.styles, address) for leaf in label]
        elif opened.markup == "autolink":
            result = [*label]
        else:
            result = [*label, Leaf(f" ({address})", self._styles())]
        if title:
            result.append(Leaf(f" ({title})", self._styles()))
        return result

    def _image(self, token: Token) -> list[Leaf]:
        """The image's text, and its address as a link."""
        address = str(token.attrGet("src") or "")
        title = prose(str(token.attrGet("title") or ""))
        styles = self._styles()
        alt = joined(_Builder().build(token.children or []))
        result = [Leaf(f"{alt} (", styles)] if alt.strip() else [Leaf("(", styles)]
        result += [Leaf(address, styles, address), Leaf(")", styles)]
        if title:
            result.append(Leaf(f" ({title})", styles))
        return result
