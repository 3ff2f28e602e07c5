"""Slack's limits on blocks, messages, views and metadata."""

from __future__ import annotations

from typing import Any

import pytest
from slack_sdk.models import blocks as sdk

from practice.limits import check_message, check_metadata, check_view
from tests.practice.samples import Body, button, modal, plain, words_input

LONG = {"type": "section", "text": {"type": "mrkdwn", "text": "x" * 2500}}


def problems(*blocks: Any) -> list[tuple[str, str]]:
    return [(p.pointer, p.text) for p in check_message("text", list(blocks))]


def option(text: str = "One", value: str = "1") -> Body:
    return {"text": plain(text), "value": value}


def actions(*elements: Body) -> Body:
    return {"type": "actions", "elements": list(elements)}


CARD: Body = {
    "type": "card",
    "title": {"type": "mrkdwn", "text": "x" * 150},
    "body": {"type": "mrkdwn", "text": "x" * 200},
    "actions": [button("Open", "open")],
}

GOOD: dict[str, Body] = {
    "section": {
        "type": "section",
        "text": {"type": "mrkdwn", "text": "x" * 3000},
        "fields": [{"type": "mrkdwn", "text": "x" * 100}] * 10,
        "accessory": button("Open", "open", url="https://example.com"),
    },
    "header": {"type": "header", "text": plain("x" * 150)},
    "context": {
        "type": "context",
        "elements": [{"type": "mrkdwn", "text": "x"}] * 9
        + [{"type": "image", "image_url": "https://example.com/a.png", "alt_text": "a"}],
    },
    "actions": actions(
        button("x" * 75, "a" * 255, value="v" * 2000, style="primary"),
        {"type": "static_select", "action_id": "s", "options": [option()]},
        {"type": "overflow", "action_id": "o", "options": [option()]},
        {"type": "checkboxes", "action_id": "c", "options": [option()]},
        {"type": "radio_buttons", "action_id": "r", "options": [option()]},
        {"type": "datepicker", "action_id": "d", "initial_date": "2025-01-31"},
        {"type": "users_select", "action_id": "u", "placeholder": plain("Who?")},
    ),
    "divider": {"type": "divider"},
    "image": {"type": "image", "image_url": "https://example.com/a.png", "alt_text": "a"},
    "markdown": {"type": "markdown", "text": "# Hi\n" + "x" * 9000},
    "rich_text": {
        "type": "rich_text",
        "elements": [
            {
                "type": "rich_text_list",
                "style": "bullet",
                "elements": [
                    {
                        "type": "rich_text_section",
                        "elements": [{"type": "text", "text": "x", "style": {"bold": True}}],
                    }
                ],
            },
            {
                "type": "rich_text_quote",
                "elements": [{"type": "link", "url": "https://example.com", "text": "there"}],
            },
        ],
    },
    "plan": {
        "type": "plan",
        "title": "Planning",
        "tasks": [
            {"type": "task_card", "task_id": "1", "title": "Draft", "status": "in_progress"},
            {"type": "task_card", "task_id": "2", "title": "Check", "status": "pending"},
        ],
    },
    "table": {
        "type": "table",
        "rows": [[{"type": "raw_text", "text": "a"}] * 20] * 100,
        "column_settings": [{"align": "right", "is_wrapped": True}],
    },
    "input": words_input(max_length=3000),
    "card": CARD,
    "carousel": {"type": "carousel", "elements": [CARD] * 10},
    "container": {
        "type": "container",
        "title": plain("x" * 150),
        "is_collapsible": True,
        "child_blocks": [{"type": "divider"}] * 10,
    },
    "data_table": {
        "type": "data_table",
        "caption": "Costs",
        "page_size": 100,
        "rows": [[{"type": "raw_number", "value": 1, "text": "1 €"}]],
    },
    "data_visualization": {
        "type": "data_visualization",
        "title": "Costs",
        "chart": {"type": "pie", "segments": [{"label": "Plan", "value": 3}]},
    },
    "context_actions": {
        "type": "context_actions",
        "elements": [{"type": "icon_button", "icon": "trash", "text": plain("Delete")}] * 5,
    },
}


@pytest.mark.parametrize("kind", GOOD)
def test_a_block_at_its_limits_is_accepted(kind: str) -> None:
    assert problems(GOOD[kind]) == []


@pytest.mark.parametrize("kind", GOOD)
def test_a_block_with_an_unknown_key_is_rejected(kind: str) -> None:
    assert problems(GOOD[kind] | {"colour": "red"}) == [
        ("/blocks/0", "invalid additional property: colour")
    ]


BAD: list[tuple[Body, str, str]] = [
    ({"type": "banner"}, "/blocks/0", "unsupported type: banner"),
    ({"type": "section"}, "/blocks/0", "missing required field: text or fields"),
    (
        {"type": "section", "text": plain("")},
        "/blocks/0/text/text",
        "must be more than 0 characters",
    ),
    (
        {"type": "section", "fields": [plain("x")] * 11},
        "/blocks/0/fields",
        "no more than 10 items allowed",
    ),
    (
        {"type": "section", "fields": [plain("x" * 2001)]},
        "/blocks/0/fields/0/text",
        "must be less than 2001 characters",
    ),
    (
        {"type": "header", "text": plain("x" * 151)},
        "/blocks/0/text/text",
        "must be less than 151 characters",
    ),
    (
        {"type": "header", "text": {"type": "mrkdwn", "text": "x"}},
        "/blocks/0/text/type",
        "must be one of: plain_text",
    ),
    (
        {"type": "context", "elements": [plain("x")] * 11},
        "/blocks/0/elements",
        "no more than 10 items allowed",
    ),
    (
        actions(*(button("x", f"a{n}") for n in range(26))),
        "/blocks/0/elements",
        "no more than 25 items allowed",
    ),
    (
        actions(button("x" * 76, "a")),
        "/blocks/0/elements/0/text/text",
        "must be less than 76 characters",
    ),
    (
        actions(button("x", "a", value="v" * 2001)),
        "/blocks/0/elements/0/value",
        "must be less than 2001 characters",
    ),
    (
        actions(button("x", "a" * 256)),
        "/blocks/0/elements/0/action_id",
        "must be less than 256 characters",
    ),
    (
        actions(button("x", "a", style="warning")),
        "/blocks/0/elements/0/style",
        "must be one of: primary, danger",
    ),
    (
        actions(button("x", "a", url="javascript:alert(1)")),
        "/blocks/0/elements/0/url",
        "must be a valid URL",
    ),
    (
        actions(button("x", "a"), button("y", "a")),
        "/blocks/0/elements/1/action_id",
        "must be unique in the block",
    ),
    (
        actions(button("x", "a", confirm={"title": plain("t" * 101), "text": plain("x")})),
        "/blocks/0/elements/0/confirm/title/text",
        "must be less than 101 characters",
    ),
    (
        actions(
            button(
                "x",
                "a",
                confirm={"title": plain("t"), "text": plain("x"), "deny": plain("n" * 31)},
            )
        ),
        "/blocks/0/elements/0/confirm/deny/text",
        "must be less than 31 characters",
    ),
    (
        actions({"type": "static_select", "action_id": "s", "options": [option("x" * 76)]}),
        "/blocks/0/elements/0/options/0/text/text",
        "must be less than 76 characters",
    ),
    (
        actions({"type": "overflow", "options": [option("x", str(n)) for n in range(6)]}),
        "/blocks/0/elements/0/options",
        "no more than 5 items allowed",
    ),
    (
        actions(
            {
                "type": "radio_buttons",
                "options": [option()],
                "initial_option": option("Two", "2"),
            }
        ),
        "/blocks/0/elements/0/initial_option",
        "must be one of the options",
    ),
    (
        actions({"type": "plain_text_input", "action_id": "p"}),
        "/blocks/0/elements/0",
        "unsupported type: plain_text_input",
    ),
    (
        words_input(placeholder=plain("x" * 151)),
        "/blocks/0/element/placeholder/text",
        "must be less than 151 characters",
    ),
    (words_input(max_length=3001), "/blocks/0/element/max_length", "must be between 1 and 3000"),
    (
        {"type": "markdown", "text": "x" * 12_001},
        "/blocks/0/text",
        "must be less than 12001 characters",
    ),
    (
        {"type": "divider", "block_id": "b" * 256},
        "/blocks/0/block_id",
        "must be less than 256 characters",
    ),
    (
        {"type": "plan", "title": "t", "tasks": [{"type": "divider"}]},
        "/blocks/0/tasks/0",
        "unsupported type: divider",
    ),
    (
        {"type": "task_card", "task_id": "1", "title": "t", "status": "done"},
        "/blocks/0/status",
        "must be one of: pending, in_progress, complete, error",
    ),
    (
        {"type": "table", "rows": [[{"type": "raw_text", "text": "a"}] * 21]},
        "/blocks/0/rows/0",
        "no more than 20 items allowed",
    ),
    (
        {
            "type": "rich_text",
            "elements": [{"type": "rich_text_list", "indent": 9, "elements": []}],
        },
        "/blocks/0/elements/0/indent",
        "must be between 0 and 8",
    ),
    ({"type": "alert", "text": plain("x")}, "/blocks/0", "unsupported type: alert"),
    (
        {"type": "carousel", "elements": [CARD] * 11},
        "/blocks/0/elements",
        "no more than 10 items allowed",
    ),
    (
        {
            "type": "container",
            "title": plain("x"),
            "child_blocks": [{"type": "markdown", "text": "x"}],
        },
        "/blocks/0/child_blocks/0",
        "unsupported type: markdown",
    ),
]


@pytest.mark.parametrize(("block", "pointer", "words"), BAD)
def test_a_block_past_a_limit_is_rejected_with_its_pointer(
    block: Body, pointer: str, words: str
) -> None:
    assert (pointer, words) in problems(block)


def test_a_message_as_a_whole_has_limits_too() -> None:
    assert problems(*[{"type": "divider"}] * 51) == [("/blocks", "no more than 50 items allowed")]
    twins = [{"type": "divider", "block_id": "x"}] * 2
    assert problems(*twins) == [("/blocks/1/block_id", "must be unique in the message or view")]
    assert problems(GOOD["table"], GOOD["table"])[0][0] == "/blocks/1"
    halves = [{"type": "markdown", "text": "x" * 6001}] * 2
    assert problems(*halves) == [("/blocks", "markdown must be less than 12001 characters in all")]
    assert [p.error for p in check_message("t", [LONG] * 5)] == []
    assert [p.error for p in check_message("t", [LONG] * 6)] == ["msg_blocks_too_long"]
    assert [p.error for p in check_message("x" * 40_001)] == ["msg_too_long"]


def test_blocks_built_by_slack_sdk_are_accepted() -> None:
    built = [
        sdk.HeaderBlock(text="Checkpoint"),
        sdk.SectionBlock(text=sdk.MarkdownTextObject(text="*Go on?*", verbatim=True)),
        sdk.ContextBlock(elements=[sdk.PlainTextObject(text="until noon")]),
        sdk.ActionsBlock(
            elements=[
                sdk.ButtonElement(
                    text="Stop",
                    action_id="stop",
                    value="1",
                    style="danger",
                    confirm=sdk.ConfirmObject(title="Stop?", text="It ends here.", confirm="Stop"),
                )
            ]
        ),
    ]
    assert check_message("t", [block.to_dict() for block in built]) == []


def test_a_modal_has_short_titles_and_up_to_a_hundred_blocks() -> None:
    assert check_view(modal()) == []
    divided = modal(*[{"type": "divider"}] * 100)
    assert check_view(divided) == []
    alert = {"type": "alert", "level": "warning", "text": plain("Too late.")}
    assert check_view(modal(alert)) == []
    cases = {
        "/title/text": modal(title=plain("x" * 25)),
        "/submit/text": modal(submit=plain("x" * 25)),
        "/close/text": modal(close=plain("x" * 25)),
        "/private_metadata": modal(private_metadata="x" * 3001),
        "/callback_id": modal(callback_id="x" * 256),
        "/blocks": modal(*[{"type": "divider"}] * 101),
        "/blocks/0": modal({"type": "markdown", "text": "x"}),
        "/type": modal(type="dialog"),
        "/submit": modal(submit=None),
    }
    for pointer, view in cases.items():
        assert [p.pointer for p in check_view(view)] == [pointer]


def test_metadata_is_an_event_with_a_payload_of_limited_size() -> None:
    good = {"event_type": "checkpoint", "event_payload": {"key": "1"}}
    assert check_metadata(good) == []
    assert check_metadata({"event_type": "checkpoint"})[0].error == "invalid_metadata_format"
    huge = good | {"event_payload": {"key": "x" * 9000}}
    assert check_metadata(huge)[0].error == "metadata_too_large"
