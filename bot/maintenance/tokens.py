"""`countersign tokens create | list | revoke`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from bot.bootstrap import CannotStartError, open_database
from bot.settings import Settings
from storage.db.database import SystemClock
from storage.errors import AmbiguousToken, Busy, UnknownToken
from storage.token_manager import TokenManager
from storage.tokens import Scope, Token, TokenKind

OK: Final = 0
FAILED: Final = 1
BAD_SETTINGS: Final = 2

_COLUMNS: Final = ("PREFIX", "SCOPES", "AS", "EXPIRES", "LAST USE", "LABEL")


def create(
    settings: Settings,
    *,
    scopes: frozenset[Scope],
    person: str | None,
    lifetime: timedelta | None,
    label: str,
) -> int:
    """Print a new token alone on the last line of the output. Returns the exit code."""

    def make(tokens: TokenManager) -> int:
        token, secret = tokens.create(
            TokenKind.TOKEN, scopes=scopes, lifetime=lifetime, label=label, person=person
        )
        until = "" if token.expires_at is None else f" until {_time(token.expires_at)} UTC"
        _print_error(
            f"The token is valid{until}. It is shown only now: the database has its hash alone. "
            "From now on every request needs a token."
        )
        _print(secret)
        return OK

    return _with_tokens(settings, make)


def show(settings: Settings, *, as_json: bool) -> int:
    """Print the tokens that were made, without their secrets. Returns the exit code."""

    def list_(tokens: TokenManager) -> int:
        made, now = tokens.made(), SystemClock().now()
        if as_json:
            _print(json.dumps([_to_json(token, now) for token in made], indent=2))
        elif not made:
            _print("There are no tokens. Requests from this machine need none.")
        else:
            _print_table([_COLUMNS, *(_row(token, now) for token in made)])
        return OK

    return _with_tokens(settings, list_)


def revoke(settings: Settings, prefix: str) -> int:
    """Revoke the token that begins with `prefix`. Returns the exit code."""

    def end(tokens: TokenManager) -> int:
        try:
            token = tokens.revoke(prefix)
        except UnknownToken as error:
            _print_error(
                f"No token begins with {error.prefix!r}. `countersign tokens list` shows their "
                "prefixes; at least 6 characters are needed."
            )
            return FAILED
        except AmbiguousToken as error:
            _print_error(
                f"More than one token begins with {error.prefix!r}, so none was revoked. "
                "Give more characters of the prefix that `countersign tokens list` shows."
            )
            return FAILED
        if token.revoked_at is not None:
            _print(
                f"The token {token.prefix} was revoked before, at {_time(token.revoked_at)} UTC."
            )
        else:
            _print(f"The token {token.prefix} is revoked: running bots refuse it within a second.")
        return OK

    return _with_tokens(settings, end)


def _with_tokens(settings: Settings, work: Callable[[TokenManager], int]) -> int:
    try:
        engine = open_database(settings)
    except CannotStartError as error:
        _print_error(str(error))
        return BAD_SETTINGS if error.bad_settings else FAILED
    try:
        return work(TokenManager(engine, clock=SystemClock()))
    except Busy as error:
        _print_error(f"Nothing was changed: {error}. Try again.")
        return FAILED
    finally:
        engine.dispose()


def _row(token: Token, now: datetime) -> tuple[str, ...]:
    return (
        token.prefix,
        ",".join(token.scopes),
        token.person or "-",
        _validity(token, now),
        "never" if token.used_at is None else _time(token.used_at),
        token.label,
    )


def _validity(token: Token, now: datetime) -> str:
    if token.revoked_at is not None:
        return "revoked"
    if token.expires_at is None:
        return "never"
    expires = _time(token.expires_at)
    return expires if token.is_valid(now) else f"{expires} (expired)"


def _to_json(token: Token, now: datetime) -> dict[str, object]:
    return {
        "prefix": token.prefix,
        "scopes": list(token.scopes),
        "person": token.person,
        "label": token.label,
        "valid": token.is_valid(now),
        "created_at": _iso(token.created_at),
        "expires_at": _iso(token.expires_at),
        "used_at": _iso(token.used_at),
        "revoked_at": _iso(token.revoked_at),
    }


def _iso(time: datetime | None) -> str | None:
    return None if time is None else time.astimezone(UTC).isoformat()


def _time(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M}"


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        _print("  ".join(cells).rstrip())


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _print_error(text: str) -> None:
    sys.stderr.write(f"{text}\n")
