"""Tokens: create, find by their secret, use once, revoke, delete.

A secret is `cs_`, a readable part by which its row is found, and 256 random bits. The row has the
SHA-256 of the whole: a hash for passwords would be slow for every request, and adds nothing to 256
random bits.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from sqlalchemy import Connection, bindparam, delete, insert, literal_column, or_, select, update

from storage.db import sql
from storage.db.api_tables import tokens
from storage.db.rows import AnyRow
from storage.db.transaction import new_id
from storage.errors import AmbiguousToken, UnknownToken
from storage.tokens import Scope, Token, TokenKind

SHORTEST_PREFIX: Final = 6
_SECRET: Final = re.compile(r"(?P<prefix>cs_[0-9a-f]{12})_[0-9a-f]{64}")
_ANCESTORS: Final = 8
"""Parents that are followed: a ticket has a session, which has the token that signed in."""

_ADD: Final = insert(tokens)
_BY_ID: Final = select(tokens).where(tokens.c.id == bindparam("of_id"))
_BY_PREFIX: Final = select(tokens).where(tokens.c.prefix == bindparam("of_prefix"))
_MADE: Final = tokens.c.kind == literal_column(f"'{TokenKind.TOKEN.value}'")
_ANY_MADE: Final = select(tokens.c.id).where(_MADE).limit(1)
_ALL_MADE: Final = select(tokens).where(_MADE).order_by(tokens.c.created_at, tokens.c.id)
_USE_ONCE: Final = update(tokens).where(
    tokens.c.id == bindparam("of_id"), tokens.c.used_at.is_(None), tokens.c.revoked_at.is_(None)
)
_RECORD_USE: Final = update(tokens).where(
    tokens.c.id == bindparam("of_id"),
    or_(tokens.c.used_at.is_(None), tokens.c.used_at < bindparam("of_before")),
)
_REVOKE: Final = update(tokens).where(
    tokens.c.id == bindparam("of_id"), tokens.c.revoked_at.is_(None)
)
_DELETE_EXPIRED: Final = delete(tokens).where(
    tokens.c.expires_at < bindparam("before"),
    tokens.c.kind != literal_column(f"'{TokenKind.TOKEN.value}'"),
)


def create(
    connection: Connection,
    *,
    now: datetime,
    kind: TokenKind,
    scopes: Collection[Scope],
    label: str,
    person: str | None,
    parent: str | None,
    subject: str | None,
    lifetime: timedelta | None,
) -> tuple[Token, str]:
    """Add a token. Its secret is returned here and nowhere else."""
    prefix = f"cs_{secrets.token_hex(6)}"
    secret = f"{prefix}_{secrets.token_hex(32)}"
    row: dict[str, object] = {
        "id": new_id(),
        "kind": kind,
        "prefix": prefix,
        "hash": _hash(secret),
        "label": label,
        "scopes": tuple(scope.value for scope in Scope if scope in scopes),
        "person": person,
        "parent": parent,
        "subject": subject,
        "created_at": now,
        "expires_at": None if lifetime is None else now + lifetime,
    }
    sql.execute(connection, _ADD, row)
    return _to_token(sql.execute(connection, _BY_ID, {"of_id": row["id"]}).rows[0]), secret


def create_ticket(
    connection: Connection, prefix: str | None, *, now: datetime, lifetime: timedelta
) -> str:
    """Add a ticket that reads what the token with this prefix may read. Returns its secret."""
    parent = None
    if prefix is not None:
        parent = sql.execute(connection, _BY_PREFIX, {"of_prefix": prefix}).first()
        if parent is None:
            raise UnknownToken(prefix)
    _, secret = create(
        connection,
        now=now,
        kind=TokenKind.TICKET,
        scopes={Scope.READ},
        label="" if parent is None else parent.label,
        person=None if parent is None else parent.person,
        parent=None if parent is None else parent.id,
        subject=None,
        lifetime=lifetime,
    )
    return secret


def create_callback(
    connection: Connection,
    checkpoint_id: str,
    *,
    prefix: str | None,
    label: str,
    person: str | None,
    now: datetime,
    lifetime: timedelta,
) -> str | None:
    """Add a token that answers one checkpoint, as long as the token with this prefix is valid.

    Returns its secret, or None if that one is valid no more. Without a prefix there is none.
    """
    parent = None
    if prefix is not None:
        parent = sql.execute(connection, _BY_PREFIX, {"of_prefix": prefix}).first()
        if not _is_valid(connection, parent, now=now):
            return None
    _, secret = create(
        connection,
        now=now,
        kind=TokenKind.CALLBACK,
        scopes={Scope.DECIDE},
        label=label,
        person=person,
        parent=None if parent is None else parent.id,
        subject=checkpoint_id,
        lifetime=lifetime,
    )
    return secret


def is_valid(connection: Connection, prefix: str, *, now: datetime) -> bool:
    """Whether the token with this prefix is valid; for a ticket, the token it was made with."""
    row = sql.execute(connection, _BY_PREFIX, {"of_prefix": prefix}).first()
    if row is None or row.kind is not TokenKind.TICKET:
        return _is_valid(connection, row, now=now)
    if row.parent is None:
        return not any_made(connection)
    parent = sql.execute(connection, _BY_ID, {"of_id": row.parent}).first()
    return _is_valid(connection, parent, now=now)


def find(connection: Connection, secret: str, *, now: datetime) -> Token | None:
    """The token with this secret, if it can be used now.

    It cannot if it, or the token that it was made with, has expired or was revoked, or if it is a
    link that was used.
    """
    match = _SECRET.fullmatch(secret)
    if match is None:
        return None
    row = sql.execute(connection, _BY_PREFIX, {"of_prefix": match["prefix"]}).first()
    if row is None or not hmac.compare_digest(row.hash, _hash(secret)):
        return None
    if row.kind is TokenKind.LINK and row.used_at is not None:
        return None
    return _to_token(row) if _is_valid(connection, row, now=now) else None


def _is_valid(connection: Connection, row: AnyRow | None, *, now: datetime) -> bool:
    for _ in range(_ANCESTORS):
        if row is None or not _to_token(row).is_valid(now):
            return False
        if row.parent is None:
            return True
        row = sql.execute(connection, _BY_ID, {"of_id": row.parent}).first()
    return False


def use_once(
    connection: Connection, secret: str, *, kind: TokenKind, now: datetime
) -> Token | None:
    """Find a token of this kind and mark it as used; None if it was used before."""
    token = find(connection, secret, now=now)
    if token is None or token.kind is not kind:
        return None
    used = sql.execute(connection, _USE_ONCE, {"of_id": token.id, "used_at": now}).changed
    return token if used else None


def record_use(connection: Connection, token_id: str, *, now: datetime, every: timedelta) -> None:
    """Store the time of the last use, unless one is stored that is less than `every` ago."""
    values = {"of_id": token_id, "of_before": now - every, "used_at": now}
    sql.execute(connection, _RECORD_USE, values)


def revoke(connection: Connection, token_id: str, *, now: datetime) -> bool:
    """Returns whether it was valid until now."""
    return bool(sql.execute(connection, _REVOKE, {"of_id": token_id, "revoked_at": now}).changed)


def made(connection: Connection) -> Sequence[Token]:
    """The tokens that `countersign tokens create` has made, oldest first."""
    return [_to_token(row) for row in sql.execute(connection, _ALL_MADE).rows]


def any_made(connection: Connection) -> bool:
    return sql.execute(connection, _ANY_MADE).first() is not None


def with_prefix(connection: Connection, prefix: str) -> Token:
    """The token that begins with `prefix`; a whole secret names its token, too.

    Raises UnknownToken, AmbiguousToken.
    """
    whole = _SECRET.fullmatch(prefix)
    first = prefix if whole is None else whole["prefix"]
    if len(first) < SHORTEST_PREFIX:
        raise UnknownToken(first)
    matching = [token for token in made(connection) if token.prefix.startswith(first)]
    if len(matching) > 1:
        raise AmbiguousToken(first)
    if not matching:
        raise UnknownToken(first)
    return matching[0]


def delete_expired(connection: Connection, *, before: datetime) -> int:
    """Delete what expired long ago. Tokens made by hand stay: once there is one, the API is closed
    to requests without one."""
    return sql.execute(connection, _DELETE_EXPIRED, {"before": before}).changed


def _hash(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()


def _to_token(row: AnyRow) -> Token:
    return Token(
        id=row.id,
        kind=row.kind,
        prefix=row.prefix,
        scopes=tuple(Scope(scope) for scope in row.scopes),
        label=row.label,
        created_at=row.created_at,
        person=row.person,
        parent=row.parent,
        subject=row.subject,
        expires_at=row.expires_at,
        used_at=row.used_at,
        revoked_at=row.revoked_at,
    )
