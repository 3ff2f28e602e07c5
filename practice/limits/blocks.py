"""Limits of layout blocks, and the surfaces where each is allowed."""

from __future__ import annotations

from collections.abc import Callable

from practice.limits import newer, rich
from practice.limits.elements import IN_ACTIONS, IN_SECTION, INPUTS, element, image_element
from practice.limits.expansion import expanded
from practice.limits.problems import PLAIN, Check
from practice.rules import LIMITS
from practice.state.records import Json


def _container(check: Check, block: Json, pointer: str) -> None:
    for where, child in newer.container_frame(check, block, pointer):
        kind = child.get("type")
        if kind not in IN_CONTAINER:
            check.add(where, f"unsupported type: {kind}")
        else:
            IN_CONTAINER[kind](check, child, where)


def _section(check: Check, block: Json, pointer: str) -> None:
    check.keys(block, pointer, optional=("block_id", "text", "fields", "accessory", "expand"))
    if block.get("text") is None and block.get("fields") is None:
        check.add(pointer, "missing required field: text or fields")
    check.text(block, "text", pointer, limit=LIMITS["section"]["text"])
    check.flag(block, "expand", pointer)
    for where, field in check.items(block, "fields", pointer, most=LIMITS["section"]["fields"]):
        check.text_object(field, where, limit=LIMITS["section"]["field"])
    if block.get("accessory") is not None:
        element(check, block["accessory"], f"{pointer}/accessory", IN_SECTION)


def _header(check: Check, block: Json, pointer: str) -> None:
    check.keys(block, pointer, required=("text",), optional=("block_id",))
    check.text(block, "text", pointer, limit=LIMITS["header"]["text"], kinds=PLAIN)


def _context(check: Check, block: Json, pointer: str) -> None:
    check.keys(block, pointer, required=("elements",), optional=("block_id",))
    for where, node in check.items(block, "elements", pointer, most=LIMITS["context"]["elements"]):
        if node.get("type") == "image":
            image_element(check, node, where)
        else:
            check.text_object(node, where, limit=LIMITS["context"]["text"])


def _actions(check: Check, block: Json, pointer: str) -> None:
    check.keys(block, pointer, required=("elements",), optional=("block_id",))
    names: list[object] = []
    for where, node in check.items(block, "elements", pointer, most=LIMITS["actions"]["elements"]):
        element(check, node, where, IN_ACTIONS)
        name = node.get("action_id")
        if name is not None and name in names:
            check.add(f"{where}/action_id", "must be unique in the block")
        names.append(name)


def _divider(check: Check, block: Json, pointer: str) -> None:
    check.keys(block, pointer, optional=("block_id",))


def _image(check: Check, block: Json, pointer: str) -> None:
    check.keys(
        block,
        pointer,
        required=("alt_text",),
        optional=("block_id", "image_url", "slack_file", "title"),
    )
    check.string(block, "alt_text", pointer, limit=LIMITS["image"]["alt_text"])
    check.url(block, "image_url", pointer)
    check.text(block, "title", pointer, limit=LIMITS["image"]["alt_text"], kinds=PLAIN)
    if (block.get("image_url") is None) == (block.get("slack_file") is None):
        check.add(pointer, "must provide either image_url or slack_file")


def _markdown(check: Check, block: Json, pointer: str) -> None:
    check.keys(block, pointer, required=("text",), optional=("block_id",))
    check.string(block, "text", pointer, limit=check.rules.markdown_characters)
    text = block.get("text")
    if isinstance(text, str):
        check.markdown += check.size(text)
        check.count(text)
        expansion = expanded(text)
        if check.rules.expand_markdown:
            check.blocks += max(0, expansion.blocks - 1)
        if check.rules.one_table_in_markdown:
            check.tables += [pointer] * expansion.tables


def _input(check: Check, block: Json, pointer: str) -> None:
    check.keys(
        block,
        pointer,
        required=("label", "element"),
        optional=("block_id", "hint", "optional", "dispatch_action"),
    )
    check.text(block, "label", pointer, limit=LIMITS["input"]["label"], kinds=PLAIN)
    check.text(block, "hint", pointer, limit=LIMITS["input"]["label"], kinds=PLAIN)
    check.flag(block, "optional", pointer)
    check.flag(block, "dispatch_action", pointer)
    if block.get("element") is not None:
        element(check, block["element"], f"{pointer}/element", INPUTS)


Rule = Callable[[Check, Json, str], None]
IN_BOTH: dict[str, Rule] = {
    "section": _section,
    "header": _header,
    "context": _context,
    "actions": _actions,
    "divider": _divider,
    "image": _image,
    "input": _input,
    "rich_text": rich.rich_text,
    "card": newer.card,
    "carousel": newer.carousel,
    "container": _container,
}
IN_CONTAINER: dict[str, Rule] = {
    name: IN_BOTH[name]
    for name in (
        "actions",
        "context",
        "divider",
        "header",
        "image",
        "input",
        "rich_text",
        "section",
    )
} | {"table": rich.table}
IN_VIEW: dict[str, Rule] = IN_BOTH | {"alert": newer.alert}
IN_MESSAGE: dict[str, Rule] = IN_BOTH | {
    "markdown": _markdown,
    "plan": rich.plan,
    "task_card": rich.task_card,
    "table": rich.table,
    "data_table": newer.data_table,
    "data_visualization": newer.data_visualization,
    "context_actions": newer.context_actions,
}


def blocks(
    check: Check, nodes: object, pointer: str, *, most: int, allowed: dict[str, Rule]
) -> None:
    """Check a list of blocks and that each `block_id` is unique."""
    names: list[object] = []
    listed = check.listed(nodes, pointer, most)
    check.blocks += len(listed)
    for where, block in listed:
        kind = block.get("type")
        rule = allowed.get(kind) if isinstance(kind, str) else None
        if rule is None:
            check.add(where, f"unsupported type: {kind}")
            continue
        rule(check, block, where)
        check.string(block, "block_id", where, limit=LIMITS["block"]["block_id"])
        name = block.get("block_id")
        if name is not None and name in names:
            check.add(f"{where}/block_id", "must be unique in the message or view")
        names.append(name)
