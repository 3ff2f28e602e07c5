"""Blocks and views that the tests of the workspace post."""

from __future__ import annotations

from typing import Any

Body = dict[str, Any]


def plain(text: str) -> Body:
    return {"type": "plain_text", "text": text}


def button(label: str, action_id: str, **extra: object) -> Body:
    return {"type": "button", "action_id": action_id, "text": plain(label), **extra}


def question(*labels: str, value: str = "cp1") -> list[Body]:
    """A section and a row of buttons; action ids are the lower-case labels."""
    return [
        {"type": "section", "text": {"type": "mrkdwn", "text": "Go on with this plan?"}},
        {
            "type": "actions",
            "block_id": "decide",
            "elements": [
                button(label, label.split()[0].lower(), value=value)
                for label in labels or ("Continue", "Revise")
            ],
        },
    ]


def words_input(**extra: object) -> Body:
    return {
        "type": "input",
        "block_id": "words",
        "label": plain("What should change?"),
        "element": {"type": "plain_text_input", "action_id": "text", "multiline": True, **extra},
    }


def modal(*blocks: Body, **extra: object) -> Body:
    return {
        "type": "modal",
        "callback_id": "revise",
        "title": plain("Revise"),
        "submit": plain("Send"),
        "blocks": list(blocks) or [words_input()],
        **extra,
    }
