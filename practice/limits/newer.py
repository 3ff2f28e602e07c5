"""Light checks of the blocks that Slack has added lately: cards, containers, charts and others."""

from __future__ import annotations

from practice.limits.elements import IN_ACTIONS, element, image_element
from practice.limits.problems import PLAIN, Check
from practice.limits.rich import rich_text, rows
from practice.state.records import Json

CHARTS = {"pie": ("segments",), "bar": (), "area": (), "line": ()}
MRKDWN = ("mrkdwn",)


def alert(check: Check, block: Json, pointer: str) -> None:
    check.keys(block, pointer, required=("text",), optional=("block_id", "level"))
    check.text(block, "text", pointer, limit=3000)
    check.one_of(block, "level", pointer, ("default", "info", "warning", "error", "success"))


def card(check: Check, block: Json, pointer: str) -> None:
    parts = ("hero_image", "icon", "title", "subtitle", "body", "actions")
    check.keys(block, pointer, optional=("block_id", *parts))
    if not any(block.get(key) for key in ("hero_image", "title", "actions", "body")):
        check.add(pointer, "missing required field: hero_image, title, actions or body")
    check.text(block, "title", pointer, limit=150, kinds=MRKDWN)
    check.text(block, "subtitle", pointer, limit=150, kinds=MRKDWN)
    check.text(block, "body", pointer, limit=200, kinds=MRKDWN)
    for key in ("hero_image", "icon"):
        _image(check, block, key, pointer)
    for where, node in check.items(block, "actions", pointer, most=25):
        element(check, node, where, {"button": IN_ACTIONS["button"]})


def carousel(check: Check, block: Json, pointer: str) -> None:
    check.keys(block, pointer, required=("elements",), optional=("block_id",))
    for where, node in check.items(block, "elements", pointer, most=10):
        if node.get("type") != "card":
            check.add(where, f"unsupported type: {node.get('type')}")
        else:
            card(check, node, where)


def container_frame(check: Check, block: Json, pointer: str) -> list[tuple[str, Json]]:
    """Check a container except for its children, which are returned."""
    check.keys(
        block,
        pointer,
        required=("child_blocks",),
        optional=(
            "block_id",
            "title",
            "rich_text_title",
            "subtitle",
            "width",
            "icon",
            "is_collapsible",
            "default_collapsed",
            "has_header_divider",
        ),
    )
    if block.get("title") is None and block.get("rich_text_title") is None:
        check.add(pointer, "missing required field: title or rich_text_title")
    check.text(block, "title", pointer, limit=150, kinds=PLAIN)
    check.text(block, "subtitle", pointer, limit=150)
    if isinstance(block.get("rich_text_title"), dict):
        rich_text(check, block["rich_text_title"], f"{pointer}/rich_text_title")
    check.one_of(block, "width", pointer, ("narrow", "standard", "wide", "full"))
    for key in ("is_collapsible", "default_collapsed", "has_header_divider"):
        check.flag(block, key, pointer)
    _image(check, block, "icon", pointer)
    return check.items(block, "child_blocks", pointer, most=10)


def data_table(check: Check, block: Json, pointer: str) -> None:
    optional = ("block_id", "page_size", "row_header_column_index")
    check.keys(block, pointer, required=("rows", "caption"), optional=optional)
    check.string(block, "caption", pointer, limit=2000)
    size = block.get("page_size")
    if size is not None and not (isinstance(size, int) and 1 <= size <= 100):
        check.add(f"{pointer}/page_size", "must be between 1 and 100")
    rows(check, block, pointer)


def data_visualization(check: Check, block: Json, pointer: str) -> None:
    check.keys(block, pointer, required=("title", "chart"), optional=("block_id",))
    check.string(block, "title", pointer, limit=50)
    chart = block.get("chart")
    if not isinstance(chart, dict):
        return
    where = f"{pointer}/chart"
    check.one_of(chart, "type", where, tuple(CHARTS))
    if chart.get("type") == "pie":
        check.keys(chart, where, required=("segments",))
        check.items(chart, "segments", where, most=6)
    else:
        check.keys(chart, where, required=("series", "axis_config"))
        check.items(chart, "series", where, most=6)


def context_actions(check: Check, block: Json, pointer: str) -> None:
    check.keys(block, pointer, required=("elements",), optional=("block_id",))
    for where, node in check.items(block, "elements", pointer, most=5):
        match node.get("type"):
            case "feedback_buttons":
                check.keys(
                    node,
                    where,
                    required=("positive_button", "negative_button"),
                    optional=("action_id",),
                )
            case "icon_button":
                check.keys(
                    node,
                    where,
                    required=("icon", "text"),
                    optional=(
                        "action_id",
                        "value",
                        "confirm",
                        "accessibility_label",
                        "visible_to_user_ids",
                    ),
                )
                check.text(node, "text", where, limit=75, kinds=PLAIN, counted=False)
            case other:
                check.add(where, f"unsupported type: {other}")


def _image(check: Check, block: Json, key: str, pointer: str) -> None:
    node = block.get(key)
    if isinstance(node, dict):
        image_element(check, node, f"{pointer}/{key}")
    elif node is not None:
        check.add(f"{pointer}/{key}", "must provide an object")
