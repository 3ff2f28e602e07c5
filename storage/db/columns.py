"""Column types: times in UTC, text from any source, enums, and records as JSON text."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final, Generic, TypeVar

from pydantic import TypeAdapter
from sqlalchemy import DateTime, Dialect, String, Text
from sqlalchemy.types import TypeDecorator

from storage.characters import storable

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)

CACHED_TEXTS: Final = 512
"""Decoded texts that are cached, for each column."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime in UTC, on databases with and without time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], Any]:
        return _to_sqlite if dialect.name == "sqlite" else _in_utc

    def result_processor(
        self, dialect: Dialect, _coltype: object
    ) -> Callable[[Any], datetime | None]:
        return _from_sqlite if dialect.name == "sqlite" else _in_utc


@lru_cache(maxsize=32)
def _to_sqlite(value: datetime | None) -> str | None:
    """Format a time as SQLAlchemy's DateTime does, several times as fast.

    Cached, as one transaction writes the same time many times.
    """
    if value is None:
        return None
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


def _from_sqlite(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value).replace(tzinfo=UTC)


def from_database(value: datetime | str) -> datetime:
    """Return a time as either database gives it. Raises ValueError if it is none."""
    return (
        value if isinstance(value, datetime) else datetime.fromisoformat(value).replace(tzinfo=UTC)
    )


def _in_utc(value: datetime | None) -> datetime | None:
    return None if value is None else value.astimezone(UTC)


class FreeText(TypeDecorator[str]):
    """Text from any source. Characters that a database cannot store become U+FFFD."""

    impl = Text
    cache_ok = True

    def bind_processor(self, _dialect: Dialect) -> Callable[[str | None], str | None]:
        return _storable


def _storable(value: str | None) -> str | None:
    return None if value is None else storable(value)


class Encoded(TypeDecorator[T], Generic[T]):
    """A value of the type `of`, stored as JSON text and validated when it is read.

    `cached`: many rows have the same text, so decoded values are cached; only for frozen values.
    `absent`: the value that NULL is read as.
    """

    impl = Text
    cache_ok = True

    def __init__(self, of: Any, *, cached: bool = False, absent: T | None = None) -> None:
        super().__init__()
        self.of = of
        self._adapter: TypeAdapter[T] = TypeAdapter(of)
        self._absent = absent
        read: Callable[[str], T] = self._adapter.validator.validate_json
        self._read = lru_cache(CACHED_TEXTS)(read) if cached else read

    def bind_processor(self, _dialect: Dialect) -> Callable[[T | None], str | None]:
        write = self._adapter.serializer.to_json
        return lambda value: None if value is None else write(value).decode()

    def result_processor(
        self, _dialect: Dialect, _coltype: object
    ) -> Callable[[str | None], T | None]:
        read, absent = self._read, self._absent
        return lambda value: absent if value is None else read(value)


class EnumText(TypeDecorator[E]):
    """A member of a StrEnum, stored as its value."""

    impl = String(24)
    cache_ok = True

    def __init__(self, of: type[E]) -> None:
        super().__init__()
        self.of = of

    def bind_processor(self, _dialect: Dialect) -> Callable[[E | str | None], str | None]:
        of = self.of
        values: dict[E | str | None, str | None] = {None: None} | {one: one.value for one in of}
        return lambda value: values[value] if value in values else of(str(value)).value

    def result_processor(
        self, _dialect: Dialect, _coltype: object
    ) -> Callable[[str | None], E | None]:
        of = self.of
        members: dict[str | None, E | None] = {None: None} | {one.value: one for one in of}
        return lambda value: members[value] if value in members else of(str(value))
