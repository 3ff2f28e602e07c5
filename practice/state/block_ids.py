"""Assigns ids to blocks and elements that have none, as Slack does."""

from __future__ import annotations

import copy
import secrets

from practice.state.records import Json


def with_ids(blocks: list[Json] | None) -> list[Json] | None:
    """Copy the blocks so that each has a `block_id` and each element an `action_id`."""
    if blocks is None:
        return None
    copies = copy.deepcopy(blocks)
    for block in copies:
        if not block.get("block_id"):
            block["block_id"] = secrets.token_urlsafe(4)
        if block.get("type") in ("actions", "section", "input"):
            for element in elements(block):
                if element.get("type") != "image" and not element.get("action_id"):
                    element["action_id"] = secrets.token_urlsafe(4)
    return copies


def elements(block: Json) -> list[Json]:
    """The elements of a block, under any key."""
    candidates = [block.get("accessory"), block.get("element"), *(block.get("elements") or [])]
    return [element for element in candidates if isinstance(element, dict)]
