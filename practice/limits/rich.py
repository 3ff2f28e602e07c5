"""Limits of rich text, tables, plans and their task cards.

Slack does not document all of these limits. The ones here are cautious, so that a
message that passes here also passes in Slack.
"""

from __future__ import annotations

from practice.limits.problems import Check
from practice.rules import LIMITS
from practice.state.records import Json

STYLES = (
    "bold",
    "italic",
    "strike",
    "code",
    "underline",
    "highlight",
    "client_highlight",
    "unlink",
)
LEAVES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "text": (("text",), ("style",)),
    "link": (("url",), ("text", "style", "unsafe")),
    "emoji": (("name",), ("unicode", "style", "skin_tone")),
    "user": (("user_id",), ("style",)),
    "usergroup": (("usergroup_id",), ("style",)),
    "channel": (("channel_id",), ("style",)),
    "broadcast": (("range",), ("style",)),
    "date": (("timestamp", "format"), ("url", "fallback", "style")),
    "color": (("value",), ("style",)),
}
CONTAINERS: dict[str, tuple[str, ...]] = {
    "rich_text_section": (),
    "rich_text_preformatted": ("border", "language"),
    "rich_text_quote": ("border",),
    "rich_text_list": ("style", "indent", "offset", "border"),
}
TITLE = LIMITS["plan"]["title"]
TASKS = LIMITS["plan"]["tasks"]
TABLE_CHARACTERS = LIMITS["table"]["characters"]
STATUSES = ("pending", "in_progress", "complete", "error")


def rich_text(check: Check, block: Json, pointer: str) -> None:
    check.keys(block, pointer, required=("elements",), optional=("block_id",))
    for where, node in check.items(block, "elements", pointer, most=1000):
        _container(check, node, where)


def _container(check: Check, node: Json, pointer: str) -> None:
    kind = node.get("type")
    if kind not in CONTAINERS:
        check.add(pointer, f"unsupported type: {kind}")
        return
    check.keys(node, pointer, required=("elements",), optional=CONTAINERS[kind])
    nested = kind == "rich_text_list"
    if nested:
        check.one_of(node, "style", pointer, ("bullet", "ordered"))
        _whole_number(check, node, "indent", pointer, most=LIMITS["rich_text"]["indent"])
        _whole_number(check, node, "offset", pointer, most=10**9)
    _whole_number(check, node, "border", pointer, most=1)
    for where, child in check.items(node, "elements", pointer, most=5000, least=0):
        if nested:
            if child.get("type") != "rich_text_section":
                check.add(where, f"unsupported type: {child.get('type')}")
            else:
                _container(check, child, where)
        else:
            _leaf(check, child, where)


def _whole_number(check: Check, node: Json, key: str, pointer: str, *, most: int) -> None:
    value = node.get(key)
    is_number = isinstance(value, int) and not isinstance(value, bool)
    if value is not None and not (is_number and 0 <= value <= most):
        check.add(f"{pointer}/{key}", f"must be between 0 and {most}")


def _leaf(check: Check, node: Json, pointer: str) -> None:
    kind = node.get("type")
    if kind not in LEAVES:
        check.add(pointer, f"unsupported type: {kind}")
        return
    required, optional = LEAVES[kind]
    check.keys(node, pointer, required=required, optional=optional)
    if kind == "text":
        check.string(node, "text", pointer, limit=40_000)
    if kind == "link":
        check.url(node, "url", pointer)
    if kind == "broadcast":
        check.one_of(node, "range", pointer, ("here", "channel", "everyone"))
    check.count(node.get("text"))
    style = node.get("style")
    if style is not None and not (
        isinstance(style, dict)
        and all(key in STYLES and isinstance(value, bool) for key, value in style.items())
    ):
        check.add(f"{pointer}/style", "must be an object of known styles")


def table(check: Check, block: Json, pointer: str) -> None:
    check.keys(block, pointer, required=("rows",), optional=("block_id", "column_settings"))
    check.tables.append(pointer)
    rows(check, block, pointer)
    for where, setting in check.items(
        block, "column_settings", pointer, most=LIMITS["table"]["columns"], least=0
    ):
        check.keys(setting, where, optional=("align", "is_wrapped"))
        check.one_of(setting, "align", where, ("left", "center", "right"))
        check.flag(setting, "is_wrapped", where)


def rows(check: Check, block: Json, pointer: str) -> None:
    """Check the rows and cells of a table."""
    listed = block.get("rows")
    if not isinstance(listed, list) or not listed:
        check.add(f"{pointer}/rows", "must have at least 1 item")
        return
    if len(listed) > LIMITS["table"]["rows"]:
        check.add(f"{pointer}/rows", f"no more than {LIMITS['table']['rows']} items allowed")
    before = check.characters
    for index, row in enumerate(listed):
        where = f"{pointer}/rows/{index}"
        for pointer_to_cell, cell in check.listed(row, where, LIMITS["table"]["columns"]):
            _cell(check, cell, pointer_to_cell)
    if check.characters - before > TABLE_CHARACTERS:
        check.add(f"{pointer}/rows", f"must be less than {TABLE_CHARACTERS + 1} characters in all")


def _cell(check: Check, cell: Json, pointer: str) -> None:
    match cell.get("type"):
        case "rich_text":
            rich_text(check, cell, pointer)
        case "raw_text":
            check.keys(cell, pointer, required=("text",))
            check.string(cell, "text", pointer, limit=TABLE_CHARACTERS)
            check.count(cell.get("text"))
        case "raw_number":
            check.keys(cell, pointer, required=("value",), optional=("text",))
        case other:
            check.add(pointer, f"unsupported type: {other}")


def plan(check: Check, block: Json, pointer: str) -> None:
    check.keys(block, pointer, required=("title",), optional=("block_id", "tasks"))
    check.string(block, "title", pointer, limit=TITLE)
    check.count(block.get("title"))
    names: list[object] = []
    for where, task in check.items(block, "tasks", pointer, most=TASKS, least=0):
        if task.get("type") != "task_card":
            check.add(where, f"unsupported type: {task.get('type')}")
            continue
        task_card(check, task, where)
        if task.get("task_id") in names:
            check.add(f"{where}/task_id", "must be unique in the plan")
        names.append(task.get("task_id"))


def task_card(check: Check, block: Json, pointer: str) -> None:
    check.keys(
        block,
        pointer,
        required=("task_id", "title"),
        optional=("block_id", "status", "details", "output", "sources"),
    )
    check.string(block, "task_id", pointer, limit=255)
    check.string(block, "title", pointer, limit=TITLE)
    check.count(block.get("title"))
    check.one_of(block, "status", pointer, STATUSES)
    for key in ("details", "output"):
        value = block.get(key)
        if value is None:
            continue
        if not isinstance(value, dict) or value.get("type") != "rich_text":
            check.add(f"{pointer}/{key}", "must be a rich_text object")
        else:
            rich_text(check, value, f"{pointer}/{key}")
    for where, source in check.items(block, "sources", pointer, most=50, least=0):
        check.keys(source, where, required=("url", "text"))
        check.url(source, "url", where)
