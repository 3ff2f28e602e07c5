"""Assigns ids to blocks and elements that have none, as Slack does, and finds elements by them."""

from __future__ import annotations

import copy
import secrets
from collections.abc import Iterator

from practice.state.records import Json

WITH_ELEMENTS = ("actions", "section", "input", "card", "context_actions")


def with_ids(blocks: list[Json] | None) -> list[Json] | None:
    """Copy the blocks so that each has a `block_id` and each element an `action_id`."""
    if blocks is None:
        return None
    copies = copy.deepcopy(blocks)
    for block in every_block(copies):
        if not block.get("block_id"):
            block["block_id"] = secrets.token_urlsafe(4)
        if block.get("type") in WITH_ELEMENTS:
            for element in elements(block):
                if element.get("type") != "image" and not element.get("action_id"):
                    element["action_id"] = secrets.token_urlsafe(4)
    return copies


def every_block(blocks: list[Json]) -> Iterator[Json]:
    """The blocks, and those inside containers and carousels."""
    for block in blocks:
        yield block
        inside = block.get("child_blocks") if block.get("type") == "container" else None
        if block.get("type") == "carousel":
            inside = block.get("elements")
        if isinstance(inside, list):
            yield from every_block([child for child in inside if isinstance(child, dict)])


def elements(block: Json) -> list[Json]:
    """The elements of a block, under any key."""
    candidates = [block.get("accessory"), block.get("element"), *(block.get("elements") or [])]
    if block.get("type") == "card":
        candidates += block.get("actions") or []
    return [element for element in candidates if isinstance(element, dict)]


def find(blocks: list[Json], block_id: str, action_id: str) -> Json | None:
    """The element with this `action_id` in the block with this `block_id`."""
    for block in every_block(blocks):
        if block.get("block_id") == block_id:
            for element in elements(block):
                if element.get("action_id") == action_id:
                    return element
    return None
