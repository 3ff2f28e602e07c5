"""Units as rich_text. Pure.

The only element types are sections, lists, quotes and preformatted text, of text and links: text of
models can become no mention, no date, no emoji and no color. Slack reads nothing in a text element,
so nothing is escaped.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Final

from slack_sdk.models.blocks import (
    Block,
    DividerBlock,
    RichTextBlock,
    RichTextElement,
    RichTextElementParts,
    RichTextListElement,
    RichTextPreformattedElement,
    RichTextQuoteElement,
    RichTextSectionElement,
)

from bot.slack.render.markdown.units import (
    Code,
    Heading,
    Item,
    Leaf,
    Paragraph,
    Quote,
    Rule,
    Style,
    Unit,
)

_EMPTY: Final = Leaf(" ")
"""Slack takes no empty text."""

_Text = Paragraph | Heading


def rich_text(units: Sequence[Unit]) -> RichTextBlock:
    """One block. Rules and tables are blocks of their own and must not be among the units."""
    elements: list[RichTextElement] = []
    for kind, group in groupby(units, _kind):
        together = list(group)
        after_list = bool(elements) and isinstance(elements[-1], RichTextListElement)
        match kind:
            case "text":
                elements.append(_section(together, after_list=after_list))
            case "item":
                elements += _lists([unit for unit in together if isinstance(unit, Item)])
            case _:
                elements += [_single(unit) for unit in together]
    return RichTextBlock(elements=elements)


def rich_cell(leaves: Sequence[Leaf]) -> RichTextBlock:
    """A cell of a table block."""
    return RichTextBlock(elements=[RichTextSectionElement(elements=_parts(leaves))])


def divider() -> Block:
    return DividerBlock()


def _kind(unit: Unit) -> str:
    if isinstance(unit, _Text):
        return "text"
    return "item" if isinstance(unit, Item) else type(unit).__name__


def _section(units: Sequence[Unit], *, after_list: bool) -> RichTextSectionElement:
    """Paragraphs in one section, with a blank line between them, but none after a heading."""
    leaves = [Leaf("\n")] if after_list else []
    for position, unit in enumerate(units):
        if position:
            leaves.append(Leaf("\n" if isinstance(units[position - 1], Heading) else "\n\n"))
        if isinstance(unit, _Text):
            leaves += unit.leaves
    return RichTextSectionElement(elements=_parts(leaves))


def _lists(items: Sequence[Item]) -> list[RichTextElement]:
    """A list element takes one kind, one indentation and numbers without gaps."""
    lists: list[list[Item]] = []
    for item in items:
        last = lists[-1][-1] if lists else None
        follows = last is not None and (
            item.number is None
            if last.number is None
            else item.number is not None and item.number == last.number + 1
        )
        if last is not None and follows and item.indent == last.indent:
            lists[-1].append(item)
        else:
            lists.append([item])
    return [_list(together) for together in lists]


def _list(items: Sequence[Item]) -> RichTextListElement:
    number = items[0].number
    return RichTextListElement(
        style="bullet" if number is None else "ordered",
        indent=items[0].indent,
        # The offset is what is added to Slack's own first number, 1.
        offset=None if number is None or number <= 1 else number - 1,
        elements=[RichTextSectionElement(elements=_parts(item.leaves)) for item in items],
    )


def _single(unit: Unit) -> RichTextElement:
    match unit:
        case Code(text):
            return RichTextPreformattedElement(elements=_parts([Leaf(text)]))
        case Quote(leaves):
            return RichTextQuoteElement(elements=_parts(leaves))
        case Rule():
            return RichTextSectionElement(elements=_parts([Leaf("———")]))
        case _:
            raise TypeError(f"{type(unit).__name__} is not part of rich text")


def _parts(leaves: Sequence[Leaf]) -> list[RichTextElement]:
    return [_part(leaf) for leaf in leaves or [_EMPTY]]


def _part(leaf: Leaf) -> RichTextElement:
    style = _style(leaf)
    if not leaf.url:
        return RichTextElementParts.Text(text=leaf.text, style=style)
    label = None if leaf.text == leaf.url else leaf.text
    return RichTextElementParts.Link(url=leaf.url, text=label, style=style)


def _style(leaf: Leaf) -> RichTextElementParts.TextStyle | None:
    if not leaf.styles:
        return None
    on = {style: True if style in leaf.styles else None for style in Style}
    return RichTextElementParts.TextStyle(
        bold=on[Style.BOLD],
        italic=on[Style.ITALIC],
        strike=on[Style.STRIKE],
        code=on[Style.CODE],
    )
