"""Ids for blocks and elements that came without one, as Slack gives them on arrival."""

from __future__ import annotations

import copy
import secrets

from practice.records import Json


def named(blocks: list[Json] | None) -> list[Json] | None:
    """A copy in which every block has a `block_id` and every element an `action_id`."""
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
    """The elements of one block, whichever key holds them."""
    held = [block.get("accessory"), block.get("element"), *(block.get("elements") or [])]
    return [element for element in held if isinstance(element, dict)]
