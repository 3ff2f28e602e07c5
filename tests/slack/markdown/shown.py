"""What a reader sees of blocks, and what a source says: two accounts that must agree."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token
from slack_sdk.models.blocks import Block

from bot.slack.render import text
from practice.limits import check_message, check_view
from practice.seed import practice_team
from practice.state import mentions
from practice.state.records import Json

CONTAINERS = {"rich_text_section", "rich_text_list", "rich_text_quote", "rich_text_preformatted"}
KEYS = {
    "rich_text": {"elements"},
    "divider": set(),
    "table": {"rows", "column_settings"},
    "rich_text_section": {"elements"},
    "rich_text_quote": {"elements"},
    "rich_text_preformatted": {"elements"},
    "rich_text_list": {"elements", "style", "indent", "offset"},
    "text": {"text", "style"},
    "link": {"url", "text", "style"},
}
STYLES = {"bold", "italic", "strike", "code"}
_TEAM = practice_team()


def sent(pages: Iterable[Sequence[Block]]) -> list[list[Json]]:
    return [[block.to_dict() for block in page] for page in pages]


def check_page(page: list[Json], *, modal: bool = False) -> None:
    """Only elements that can do nothing, within what Slack takes, and nobody is notified."""
    for block in page:
        _check_node(block, {"rich_text", "divider"} if modal else {"rich_text", "divider", "table"})
    if modal:
        title = {"type": "plain_text", "text": "Text"}
        problems = check_view({"type": "modal", "title": title, "blocks": page})
    else:
        problems = check_message("", page)
    assert not problems, problems[:3]
    notified = mentions.pings(
        text="",
        blocks=page,
        link_names=True,
        channel=_TEAM.channels["C00CAMPAIGN"],
        users=_TEAM.users,
        groups=_TEAM.groups,
        author="U00SIGN001",
    )
    assert not notified, notified


def _check_node(node: Json, allowed: set[str]) -> None:
    kind = node["type"]
    assert kind in allowed, kind
    assert node.keys() <= KEYS[kind] | {"type"}, node
    assert set(node.get("style") or ()) <= STYLES or kind == "rich_text_list"
    if kind in ("text", "link"):
        if kind == "link":
            assert re.match(r"(https?://|mailto:)", node["url"]), node
        assert node.get("text", "x"), "Slack takes no empty text"
        return
    inside = {"rich_text": CONTAINERS, "rich_text_list": {"rich_text_section"}}
    for child in node.get("elements", ()):
        _check_node(child, inside.get(kind, {"text", "link"}))
    for row in node.get("rows", ()):
        for cell in row:
            _check_node(cell, {"rich_text"})


def shown(node: object) -> str:
    """The text of blocks, with line breaks between elements."""
    if isinstance(node, list):
        return "\n".join(shown(item) for item in node)
    assert isinstance(node, dict)
    match node["type"]:
        case "text" | "link":
            return str(node.get("text") or node["url"])
        case "rich_text" | "rich_text_list":
            return shown(node["elements"])
        case "table":
            return shown(node["rows"])
        case _:
            return "".join(shown(element) for element in node.get("elements", ()))


def links(node: object) -> list[tuple[str, str]]:
    """(text, address) of each link."""
    if isinstance(node, list):
        return [link for item in node for link in links(item)]
    if not isinstance(node, dict):
        return []
    if node.get("type") == "link":
        return [(str(node.get("text") or node["url"]), str(node["url"]))]
    return [link for item in node.values() for link in links(item)]


def without_marks(content: str) -> str:
    """Without white space, invisible characters and what marks lists, quotes, rules and tables."""
    return re.sub(r"[\s•|>—-]", "", text.sanitize(content))


def said(markdown: str) -> str:
    """The text content of a source, by the parser's tokens alone."""
    parser = MarkdownIt("commonmark", {"maxNesting": 500}).enable(["table", "strikethrough"])
    parser.disable("reference")
    parser.validateLink = _is_absolute  # type: ignore[method-assign]
    return "".join(_said(parser.parse(text.sanitize(markdown))))


def _number(tokens: Sequence[Token], at: int) -> int:
    """The number of an item: as written, or counted up if all have the same."""
    level = tokens[at].level
    opened = max(n for n in range(at) if tokens[n].level == level - 1)
    closed = min(n for n in range(at, len(tokens)) if tokens[n].level == level - 1)
    items = [
        n
        for n in range(opened, closed)
        if tokens[n].type == "list_item_open" and tokens[n].level == level
    ]
    written = [int(tokens[n].info) for n in items]
    return written[0] + items.index(at) if len(set(written)) == 1 else int(tokens[at].info)


def _is_absolute(url: str) -> bool:
    return re.match(r"(https?://|mailto:).", url) is not None


def _said(tokens: Sequence[Token]) -> Iterable[str]:
    quotes = 0
    addresses: list[str] = []
    label = ""
    for at, token in enumerate(tokens):
        quotes += token.nesting if token.tag == "blockquote" else 0
        if token.type == "list_item_open" and token.info and quotes:
            yield f"{_number(tokens, at)}."
        elif token.type == "link_open":
            addresses.append(str(token.attrGet("href")))
            label = ""
        elif token.type == "link_close":
            address = addresses.pop()
            if "bank.example" in label and "bank.example" not in address:
                yield f"({address})"
        elif token.type == "image":
            yield from (token.content, f"({token.attrGet('src')})")
        elif token.type == "inline":
            yield from _said(token.children or [])
        elif token.type not in ("softbreak", "hardbreak"):
            label += token.content
            yield token.content
