"""TokenManager: the tokens that let somebody call the API. One method = one transaction."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeVar

from sqlalchemy import Connection, Engine

from storage.db.database import reading, writing
from storage.ports import SharedClock
from storage.state_manager import AGAIN
from storage.tokens import Scope, Token, TokenKind
from storage.use_cases import tokens

T = TypeVar("T")

USE_RECORDED_EVERY: Final = timedelta(minutes=1)

TICKET_LIFETIME: Final = timedelta(seconds=60)

KEPT: Final = timedelta(days=1)
"""How long expired sessions, links, tickets and callbacks are kept."""


class TokenManager:
    """Safe to share between threads. Every method raises Busy if the database does not answer."""

    def __init__(self, engine: Engine, *, clock: SharedClock) -> None:
        self._engine = engine
        self._clock = clock

    def create(
        self,
        kind: TokenKind,
        *,
        scopes: Collection[Scope],
        lifetime: timedelta | None,
        label: str = "",
        person: str | None = None,
        parent: str | None = None,
        subject: str | None = None,
    ) -> tuple[Token, str]:
        """Make a token. Returns it with its secret, which is stored nowhere.

        It acts for `person`, a Slack user's id, if there is one. It is valid as long as `parent`,
        the id of the token it was made with. `lifetime` None: it does not expire.
        """
        return self._commit(
            lambda connection, now: tokens.create(
                connection,
                now=now,
                kind=kind,
                scopes=scopes,
                label=label,
                person=person,
                parent=parent,
                subject=subject,
                lifetime=lifetime,
            )
        )

    def create_ticket(self, prefix: str | None) -> str:
        """Make a ticket for whoever has the token with this prefix. Returns its secret.

        None: no token is needed so far.
        """
        return self._commit(
            lambda connection, now: tokens.create_ticket(
                connection, prefix, now=now, lifetime=TICKET_LIFETIME
            )
        )

    def create_callback(
        self,
        checkpoint_id: str,
        *,
        prefix: str | None,
        label: str,
        person: str | None,
        lifetime: timedelta,
    ) -> str | None:
        """Make a token that answers one checkpoint, for whoever has the token with this prefix.

        Returns its secret, or None if that token is valid no more. Without a prefix the callback
        is the operator's own, or no token was needed.
        """
        return self._commit(
            lambda connection, now: tokens.create_callback(
                connection,
                checkpoint_id,
                prefix=prefix,
                label=label,
                person=person,
                now=now,
                lifetime=lifetime,
            )
        )

    def is_valid(self, prefix: str) -> bool:
        """Whether the token with this prefix can still be used; for a ticket, the token behind it:
        what a ticket has opened may last longer than the ticket."""
        with reading(self._engine) as connection:
            return tokens.is_valid(connection, prefix, now=self._clock.at(connection))

    def find(self, secret: str) -> Token | None:
        """The token with this secret; None if there is none or it cannot be used now.

        The caller checks its kind. A callback is found as often as it is asked for.
        """
        with reading(self._engine) as connection:
            return tokens.find(connection, secret, now=self._clock.at(connection))

    def use_once(self, secret: str, kind: TokenKind) -> Token | None:
        """Use up a token of this kind: of several callers exactly one gets it."""
        return self._commit(
            lambda connection, now: tokens.use_once(connection, secret, kind=kind, now=now)
        )

    def record_use(self, token_id: str) -> None:
        """Store the time of the last use, at most once a minute."""
        self._commit(
            lambda connection, now: tokens.record_use(
                connection, token_id, now=now, every=USE_RECORDED_EVERY
            )
        )

    def revoke(self, prefix: str) -> Token:
        """Revoke the token made by hand that begins with `prefix`, and what was made with it.

        Raises UnknownToken, AmbiguousToken.
        """

        def use_case(connection: Connection, now: datetime) -> Token:
            token = tokens.with_prefix(connection, prefix)
            tokens.revoke(connection, token.id, now=now)
            return token

        return self._commit(use_case)

    def end(self, token_id: str) -> bool:
        """Revoke a token of any kind, such as a session. Returns whether it was valid until now."""
        return self._commit(lambda connection, now: tokens.revoke(connection, token_id, now=now))

    def made(self) -> Sequence[Token]:
        """The tokens that `countersign tokens create` has made, oldest first."""
        with reading(self._engine) as connection:
            return tokens.made(connection)

    def any_made(self) -> bool:
        """Whether such a token was ever made. Even if it has expired or was revoked, the API stays
        closed to requests without one."""
        with reading(self._engine) as connection:
            return tokens.any_made(connection)

    def any_valid(self) -> bool:
        """Whether such a token can be used now."""
        with reading(self._engine) as connection:
            now = self._clock.at(connection)
            return any(token.is_valid(now) for token in tokens.made(connection))

    def delete_expired(self, *, older_than: timedelta = KEPT) -> int:
        """Delete sessions, links, tickets and callbacks that expired so long ago."""
        return self._commit(
            lambda connection, now: tokens.delete_expired(connection, before=now - older_than)
        )

    def _commit(self, use_case: Callable[[Connection, datetime], T]) -> T:
        result: T = AGAIN(self._commit_once, use_case)
        return result

    def _commit_once(self, use_case: Callable[[Connection, datetime], T]) -> T:
        with writing(self._engine) as connection:
            return use_case(connection, self._clock.at(connection))
