"""The cursors of lists: opaque to clients, who get one with a page and send it for the next."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Final, TypeAlias

from fastapi import HTTPException, Query

from storage.characters import storable

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 200
LAST_SEQ: Final = 2**31 - 1
"""The largest number of a row."""

Limit: TypeAlias = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Items of a page.")]
Cursor: TypeAlias = Annotated[
    str | None, Query(max_length=500, description="`next` of the page before.")
]


def encode(*parts: str | int) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def decode(cursor: str, kinds: Sequence[type]) -> list[str | int]:
    """The parts of a cursor. Refuses one that is none of ours with 400."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        parts = json.loads(raw)
    except (ValueError, RecursionError):
        raise _bad_cursor() from None
    if not isinstance(parts, list) or [type(part) for part in parts] != list(kinds):
        raise _bad_cursor()
    if not all(map(_is_in_range, parts)):
        raise _bad_cursor()
    return parts


def _is_in_range(part: str | int) -> bool:
    if isinstance(part, str):
        return storable(part) == part
    return 0 <= part <= LAST_SEQ


def decode_time(text: str | int) -> datetime:
    try:
        moment = datetime.fromisoformat(str(text))
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise _bad_cursor() from None


def _bad_cursor() -> HTTPException:
    return HTTPException(400, "cursor: this is not the `next` of a page")
