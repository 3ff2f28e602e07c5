"""Ids for blocks and elements that come without one."""

from __future__ import annotations

from typing import Any

from practice.state import block_ids

BUTTON: dict[str, Any] = {"type": "button", "text": {"type": "plain_text", "text": "Go"}}
IMAGE: dict[str, Any] = {"type": "image", "image_url": "https://example.org/a.png", "alt_text": "a"}


def test_missing_ids_are_assigned_and_existing_ones_are_kept() -> None:
    blocks: list[dict[str, Any]] = [
        {"type": "actions", "elements": [BUTTON, BUTTON | {"action_id": "go"}]},
        {"type": "section", "block_id": "mine", "accessory": IMAGE},
    ]
    actions, section = block_ids.with_ids(blocks) or []

    first, second = actions["elements"]
    assert actions["block_id"]
    assert first["action_id"]
    assert second["action_id"] == "go"
    assert section["block_id"] == "mine"
    assert "action_id" not in section["accessory"]
    assert "block_id" not in blocks[0]


def test_a_message_without_blocks_has_none() -> None:
    assert block_ids.with_ids(None) is None
