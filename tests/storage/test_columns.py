"""Column types: what is written comes back as it was, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import ValidationError
from sqlalchemy import Column, Connection, DateTime, Engine, MetaData, Table, insert, select, text

from storage.db.columns import Encoded, FreeText, UtcDateTime
from storage.definitions import DecisionRule
from tests.support.factories import NOON, rule

TRIAL = Table(
    "trial",
    MetaData(),
    Column("at", UtcDateTime),
    Column("words", FreeText),
    Column("rule", Encoded(DecisionRule, cached=True)),
    Column("names", Encoded(tuple[str, ...], absent=())),
    prefixes=["TEMPORARY"],
)


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        TRIAL.create(connection)
        yield connection
        connection.rollback()


def stored(connection: Connection, **values: object) -> dict[str, object]:
    """Write these values, and return what the columns are read as."""
    connection.execute(insert(TRIAL), values)
    return dict(connection.execute(select(TRIAL)).mappings().one())


@pytest.mark.parametrize(
    "time",
    [
        NOON,
        NOON + timedelta(microseconds=1),
        datetime(2026, 3, 2, 14, 30, tzinfo=timezone(timedelta(hours=2, minutes=30))),
        datetime(2026, 3, 1, 21, 0, tzinfo=timezone(timedelta(hours=-15))),
    ],
)
def test_a_time_is_read_back_in_utc(connection: Connection, time: datetime) -> None:
    read = stored(connection, at=time)["at"]

    assert read == time
    assert isinstance(read, datetime)
    assert read.tzinfo is UTC


def test_sqlite_stores_a_time_as_sqlalchemy_would(sqlite: Engine) -> None:
    """Comparisons and indexes use the text, so it needs one format whose order is that of time."""
    with sqlite.connect() as connection:
        TRIAL.create(connection)
        connection.execute(insert(TRIAL), {"at": NOON})
        stored_text = connection.execute(text("SELECT at FROM trial")).scalar_one()

    sqlalchemys = DateTime().dialect_impl(sqlite.dialect).bind_processor(sqlite.dialect)
    assert sqlalchemys is not None
    assert stored_text == sqlalchemys(NOON.replace(tzinfo=None))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("Größe 😀\n", "Größe 😀\n"),
        ("a\x00b", "a\ufffdb"),
        ("half \ud83d", "half \ufffd"),
        ("", ""),
    ],
)
def test_only_characters_that_no_database_can_store_are_replaced(
    connection: Connection, words: str, expected: str
) -> None:
    assert stored(connection, words=words)["words"] == expected


def test_a_record_is_read_back_unchanged(connection: Connection) -> None:
    four_eyes = rule("UBEN", "SLEADS", except_requester=True, timeout=timedelta(minutes=90))

    assert stored(connection, rule=four_eyes)["rule"] == four_eyes


def test_null_is_read_as_none_or_as_the_columns_default(
    connection: Connection,
) -> None:
    read = stored(connection, at=None, words=None, rule=None, names=None)

    assert read == {"at": None, "words": None, "rule": None, "names": ()}


def test_a_value_of_the_wrong_type_is_refused_when_it_is_read(connection: Connection) -> None:
    connection.execute(text("INSERT INTO trial (rule) VALUES ('{\"approvers\": 5}')"))

    with pytest.raises(ValidationError, match="approvers"):
        connection.execute(select(TRIAL.c.rule)).scalar_one()
