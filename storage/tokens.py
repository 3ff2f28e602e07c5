"""API tokens, and what else lets somebody call the API: records of `tokens`. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final


class TokenKind(StrEnum):
    """What a row of `tokens` is. All are 256 random bits, of which only a hash is stored."""

    TOKEN = "token"  # noqa: S105  # `countersign tokens create`
    SESSION = "session"  # a signed-in browser: a cookie
    LINK = "link"  # signs in a browser, once
    TICKET = "ticket"  # opens an event stream within a minute
    CALLBACK = "callback"  # answers one checkpoint, once


class Scope(StrEnum):
    """What a token may do."""

    EXECUTE = "execute"  # start, cancel and retry executions
    READ = "read"
    DECIDE = "decide"
    ADMIN = "admin"  # all of them, and operations: metrics, webhooks that failed


@dataclass(frozen=True, slots=True)
class Token:
    """A row of `tokens`. `person` is the Slack user for whom it acts, if any.

    `prefix` is the readable beginning of the secret, by which it is found.
    """

    id: str
    kind: TokenKind
    prefix: str
    scopes: tuple[Scope, ...]
    label: str
    created_at: datetime
    person: str | None = None
    parent: str | None = None
    subject: str | None = None
    expires_at: datetime | None = None
    used_at: datetime | None = None
    revoked_at: datetime | None = None

    def is_valid(self, now: datetime) -> bool:
        """Whether it has neither expired nor was revoked."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


IMPLIED: Mapping[Scope, frozenset[Scope]] = {Scope.ADMIN: frozenset(Scope)}
"""Scopes that a scope includes."""


def expand(scopes: tuple[Scope, ...]) -> frozenset[Scope]:
    """The scopes, with those that they include."""
    implied = (IMPLIED.get(scope, frozenset()) for scope in scopes)
    return frozenset(scopes).union(*implied)


PERSON_SCOPES: Final = (Scope.EXECUTE, Scope.READ, Scope.DECIDE)
"""What a person may do who signs in to the board: the same as in Slack."""

LINK_ANCHOR: Final = "#/sign-in/"
"""What stands between the board's address and the secret of a link."""
