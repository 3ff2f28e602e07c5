"""The hash chain of the audit log: how a row's digest and hash are computed. Pure.

A row's `hash` covers its `digest` and the hash of the row before it, so no row can be changed,
removed or inserted without a change to all that follow. The digest covers who acted and the
details. It stays when they are erased, and the chain can still be verified. Because of the `salt`,
which is erased with them, nobody can find out by guessing what they were.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

GENESIS: Final = "0" * 64
"""What the first row of a chain has in place of the hash of the row before it."""

_canonical: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class ChainHead:
    """The end of the chain, kept beside it: so the last rows cannot be removed unseen, either."""

    first_seq: int
    last_seq: int
    length: int
    hash: str


def digest(*, salt: str, actor: str | None, details: str) -> str:
    """Return 64 hex digits. `actor` and `details` are JSON texts; their keys may be in any order.

    It is the SHA-256 of the salt and `[actor, details]`, as JSON in ASCII with sorted keys and
    without spaces.
    """
    content = [None if actor is None else json.loads(actor), json.loads(details)]
    return _sha256(salt + _canonical(content))


def row_hash(
    before: str, *, seq: int, at: datetime, execution_id: str, event: str, digest: str
) -> str:
    """Return 64 hex digits. `before` is the hash of the row before.

    It is the SHA-256 of `[before, seq, at, execution_id, event, digest]`, as JSON in ASCII without
    spaces; `at` is in UTC, such as 2026-12-01T09:30:00.000000+00:00. On PostgreSQL, the function
    `audit_append` computes the same: ids and events need no escapes.
    """
    row = [before, seq, in_utc(at), execution_id, event, digest]
    return _sha256(_canonical(row))


def in_utc(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
