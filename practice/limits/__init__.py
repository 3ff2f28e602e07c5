"""Slack's limits for messages, views and metadata.

`check_message(text, blocks)` and `check_view(view)` return the problems that Slack would
report, or an empty list. Each Problem has a JSON pointer as in Slack's response
(`/blocks/0/text/text`), a description, and the Web API error: `invalid_blocks`, or for a whole
message `invalid_attachments`, `msg_blocks_too_long` or `msg_too_long`. `Rules` holds what is not
known for certain or differs by method.
"""

from __future__ import annotations

import json

from practice.limits import blocks as layout
from practice.limits.problems import PLAIN, Check, Problem
from practice.rules import ANY_SIZE, LIMITS, SLACK, Rules
from practice.state.records import Json

__all__ = [
    "ANY_SIZE",
    "SLACK",
    "Problem",
    "Rules",
    "check_message",
    "check_metadata",
    "check_view",
]

MESSAGE_BLOCKS = LIMITS["message"]["blocks"]
VIEW_BLOCKS = LIMITS["view"]["blocks"]
MESSAGE_CHARTS = 2
TEXT_CHARACTERS = LIMITS["message"]["text"]
METADATA_BYTES = LIMITS["message"]["metadata_bytes"]
VIEW_BYTES = LIMITS["view"]["bytes"]


def check_message(text: str, blocks: object = None, rules: Rules = SLACK) -> list[Problem]:
    """Return the problems Slack would report for a message with this text and these blocks."""
    check = Check(rules)
    if len(text) > TEXT_CHARACTERS:
        check.add("/text", "the text is too long", error="msg_too_long")
    if blocks:
        layout.blocks(check, blocks, "/blocks", most=MESSAGE_BLOCKS, allowed=layout.IN_MESSAGE)
        _whole_message(check, blocks)
    return check.problems


def _whole_message(check: Check, blocks: object) -> None:
    rules = check.rules
    if isinstance(blocks, list) and len(blocks) <= MESSAGE_BLOCKS < check.blocks:
        pieces = f"no more than {MESSAGE_BLOCKS} items allowed ({check.blocks} with the expanded"
        check.add("/blocks", f"{pieces} markdown)")
    for pointer in check.tables[LIMITS["message"]["tables"] :]:
        check.add(pointer, "only_one_table_allowed", error="invalid_attachments")
    charts = [
        block
        for block in (blocks if isinstance(blocks, list) else [])
        if isinstance(block, dict) and block.get("type") == "data_visualization"
    ]
    if len(charts) > MESSAGE_CHARTS:
        check.add("/blocks", f"no more than {MESSAGE_CHARTS} charts allowed")
    if check.markdown > rules.markdown_characters:
        most = rules.markdown_characters + 1
        check.add("/blocks", f"markdown must be less than {most} characters in all")
    elif check.characters > rules.message_characters:
        check.add(
            "/blocks",
            f"the message shows more than {rules.message_characters} characters",
            error="msg_blocks_too_long",
        )


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
        check.text(view, key, "", limit=LIMITS["view"]["title"], kinds=PLAIN)
    check.string(view, "private_metadata", "", limit=LIMITS["view"]["private_metadata"], least=0)
    for key in ("callback_id", "external_id"):
        check.string(view, key, "", limit=LIMITS["view"]["callback_id"], least=0)
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


def _has_input(blocks: object) -> bool:
    return isinstance(blocks, list) and any(
        isinstance(block, dict) and block.get("type") == "input" for block in blocks
    )
