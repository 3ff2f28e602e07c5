"""Idempotency keys: whoever comes first with a key answers; a repetition gets that answer."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, bindparam, delete, insert, or_, select, update

from storage.db import sql
from storage.db.api_tables import idempotency_keys
from storage.errors import KeyOfAnotherRequest, KeyUnderWay
from storage.idempotency import Answer, KeyLock

_COLUMNS: Final = idempotency_keys.c
_ADD: Final = insert(idempotency_keys)
_OF_KEY: Final = (_COLUMNS.caller == bindparam("of_caller"), _COLUMNS.key == bindparam("of_key"))
_LOCKED: Final = (*_OF_KEY, _COLUMNS.locked_until == bindparam("of_until"))
_FIND: Final = select(idempotency_keys).where(*_OF_KEY)
_CHANGE: Final = update(idempotency_keys).where(*_LOCKED)
_RELEASE: Final = delete(idempotency_keys).where(*_LOCKED)
_DELETE_OLD: Final = delete(idempotency_keys).where(
    _COLUMNS.created_at < bindparam("before"),
    or_(_COLUMNS.locked_until.is_(None), _COLUMNS.locked_until < bindparam("before")),
)


def begin(
    connection: Connection,
    *,
    caller: str,
    key: str,
    request_hash: str,
    now: datetime,
    lock: timedelta,
) -> KeyLock | Answer:
    """Lock the key for this request, or return the answer that the first one got.

    Raises KeyUnderWay, KeyOfAnotherRequest.
    """
    until = now + lock
    row = sql.execute(connection, _FIND, {"of_caller": caller, "of_key": key}).first()
    if row is None:
        values = {
            "caller": caller,
            "key": key,
            "request_hash": request_hash,
            "created_at": now,
            "locked_until": until,
        }
        sql.execute(connection, _ADD, values)
        return KeyLock(caller, key, until)
    if row.request_hash != request_hash:
        raise KeyOfAnotherRequest
    if row.locked_until is None:
        return Answer(row.status, {k: str(v) for k, v in row.headers.items()}, row.body)
    # A lock that ended is one of a process that died.
    ended = KeyLock(caller, key, row.locked_until)
    if row.locked_until > now or not _change(connection, ended, locked_until=until):
        raise KeyUnderWay
    return KeyLock(caller, key, until)


def finish(connection: Connection, lock: KeyLock, answer: Answer) -> None:
    """Store the answer and end the lock, unless another request has taken it over."""
    _change(
        connection,
        lock,
        locked_until=None,
        status=answer.status,
        headers=dict(answer.headers),
        body=answer.body,
    )


def release(connection: Connection, lock: KeyLock) -> None:
    """Free the key: the request was not carried out."""
    sql.execute(connection, _RELEASE, _of(lock))


def delete_old(connection: Connection, *, before: datetime) -> int:
    return sql.execute(connection, _DELETE_OLD, {"before": before}).changed


def _change(connection: Connection, lock: KeyLock, **values: object) -> bool:
    return bool(sql.execute(connection, _CHANGE, {**_of(lock), **values}).changed)


def _of(lock: KeyLock) -> dict[str, object]:
    return {"of_caller": lock.caller, "of_key": lock.key, "of_until": lock.until}
