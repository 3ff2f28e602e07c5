"""Slack's limits for messages, views and metadata.

`check_message(text, blocks)` and `check_view(view)` return the problems that Slack would
report, or an empty list. Each Problem has a JSON pointer as in Slack's response
(`/blocks/0/text/text`), a description, and the Web API error: `invalid_blocks`, or
`msg_blocks_too_long` or `msg_too_long` for a whole message.
"""

from __future__ import annotations

import json

from practice.limits import blocks as layout
from practice.limits.problems import PLAIN, Check, Problem
from practice.state.records import Json

__all__ = ["MESSAGE_CHARACTERS", "Problem", "check_message", "check_metadata", "check_view"]

MESSAGE_BLOCKS = 50
VIEW_BLOCKS = 100
MESSAGE_CHARACTERS = 10_000
TEXT_CHARACTERS = 40_000
METADATA_BYTES = 8_000
VIEW_BYTES = 250_000


def check_message(text: str, blocks: object = None) -> list[Problem]:
    """Return the problems Slack would report for a message with this text and these blocks."""
    check = Check()
    if len(text) > TEXT_CHARACTERS:
        check.add("/text", "the text is too long", error="msg_too_long")
    if blocks:
        layout.blocks(check, blocks, "/blocks", most=MESSAGE_BLOCKS, allowed=layout.IN_MESSAGE)
        if isinstance(blocks, list):
            _only_one_table(check, blocks)
        if check.markdown > layout.MARKDOWN_CHARACTERS:
            check.add(
                "/blocks",
                f"markdown must be less than {layout.MARKDOWN_CHARACTERS + 1} characters in all",
            )
        elif check.characters > MESSAGE_CHARACTERS:
            check.add(
                "/blocks",
                f"the message shows more than {MESSAGE_CHARACTERS} characters",
                error="msg_blocks_too_long",
            )
    return check.problems


def check_view(view: Json) -> list[Problem]:
    """Return the problems Slack would report for a modal or an App Home."""
    check = Check()
    kind = view.get("type")
    if kind not in ("modal", "home"):
        check.add("/type", "must be one of: modal, home")
        return check.problems
    shared = ("private_metadata", "callback_id", "external_id")
    modal = ("submit", "close", "clear_on_close", "notify_on_close", "submit_disabled")
    check.keys(
        view,
        "",
        required=("title", "blocks") if kind == "modal" else ("blocks",),
        optional=(*shared, *modal) if kind == "modal" else (*shared, "title", "close", "submit"),
    )
    for key in ("title", "submit", "close"):
        check.text(view, key, "", limit=24, kinds=PLAIN)
    check.string(view, "private_metadata", "", limit=3000, least=0)
    for key in ("callback_id", "external_id"):
        check.string(view, key, "", limit=255, least=0)
    for key in ("clear_on_close", "notify_on_close"):
        check.flag(view, key, "")
    layout.blocks(
        check, view.get("blocks") or [], "/blocks", most=VIEW_BLOCKS, allowed=layout.IN_VIEW
    )
    if kind == "modal" and view.get("submit") is None and _has_input(view.get("blocks")):
        check.add("/submit", "missing required field: submit (the view has input blocks)")
    if len(json.dumps(view).encode()) > VIEW_BYTES:
        check.add("", "view is too large", error="view_too_large")
    return check.problems


def check_metadata(metadata: object) -> list[Problem]:
    """Return the problems Slack would report for message metadata."""
    check = Check()
    if not isinstance(metadata, dict):
        check.add("/metadata", "must be an object", error="invalid_metadata_format")
        return check.problems
    if not isinstance(metadata.get("event_type"), str) or not metadata["event_type"]:
        check.add("/metadata/event_type", "must be a string", error="invalid_metadata_format")
    if not isinstance(metadata.get("event_payload"), dict):
        check.add("/metadata/event_payload", "must be an object", error="invalid_metadata_format")
    if len(json.dumps(metadata).encode()) > METADATA_BYTES:
        check.add("/metadata", "is too large", error="metadata_too_large")
    return check.problems


def _only_one_table(check: Check, blocks: list[Json]) -> None:
    tables = [
        index
        for index, block in enumerate(blocks)
        if isinstance(block, dict) and block.get("type") == "table"
    ]
    for index in tables[1:]:
        check.add(f"/blocks/{index}", "only one table is allowed in a message")


def _has_input(blocks: object) -> bool:
    return isinstance(blocks, list) and any(
        isinstance(block, dict) and block.get("type") == "input" for block in blocks
    )
