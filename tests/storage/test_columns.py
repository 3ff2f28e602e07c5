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
    Column("rule", Encoded(DecisionRule, recurs=True)),
    Column("names", Encoded(tuple[str, ...], absent=())),
    prefixes=["TEMPORARY"],
)


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as opened:
        TRIAL.create(opened)
        yield opened
        opened.rollback()


def stored(connection: Connection, **values: object) -> dict[str, object]:
    """What the columns read as after these values were written."""
    connection.execute(insert(TRIAL), values)
    return dict(connection.execute(select(TRIAL)).mappings().one())


@pytest.mark.parametrize(
    "moment",
    [
        NOON,
        NOON + timedelta(microseconds=1),
        datetime(2026, 3, 2, 14, 30, tzinfo=timezone(timedelta(hours=2, minutes=30))),
        datetime(2026, 3, 1, 21, 0, tzinfo=timezone(timedelta(hours=-15))),
    ],
)
def test_a_moment_comes_back_in_utc(connection: Connection, moment: datetime) -> None:
    read = stored(connection, at=moment)["at"]

    assert read == moment
    assert isinstance(read, datetime)
    assert read.tzinfo is UTC


def test_sqlite_keeps_a_moment_as_sqlalchemy_would(sqlite: Engine) -> None:
    """Indexes and comparisons go by the text: one way to write it, and an order that is time's."""
    with sqlite.connect() as connection:
        TRIAL.create(connection)
        connection.execute(insert(TRIAL), {"at": NOON})
        written = connection.execute(text("SELECT at FROM trial")).scalar_one()

    own = DateTime().dialect_impl(sqlite.dialect).bind_processor(sqlite.dialect)
    assert own is not None
    assert written == own(NOON.replace(tzinfo=None))


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        ("Größe 😀\n", "Größe 😀\n"),
        ("a\x00b", "a\ufffdb"),
        ("half \ud83d", "half \ufffd"),
        ("", ""),
    ],
)
def test_text_that_no_database_holds_is_replaced_and_all_other_is_kept(
    connection: Connection, words: str, kept: str
) -> None:
    assert stored(connection, words=words)["words"] == kept


def test_a_record_comes_back_as_it_was(connection: Connection) -> None:
    four_eyes = rule("UBEN", "SLEADS", except_requester=True, timeout=timedelta(minutes=90))

    assert stored(connection, rule=four_eyes)["rule"] == four_eyes


def test_nothing_reads_as_nothing_or_as_what_the_column_says_instead(
    connection: Connection,
) -> None:
    read = stored(connection, at=None, words=None, rule=None, names=None)

    assert read == {"at": None, "words": None, "rule": None, "names": ()}


def test_what_does_not_fit_the_type_is_refused_when_it_is_read(connection: Connection) -> None:
    connection.execute(text("INSERT INTO trial (rule) VALUES ('{\"approvers\": 5}')"))

    with pytest.raises(ValidationError, match="approvers"):
        connection.execute(select(TRIAL.c.rule)).scalar_one()
