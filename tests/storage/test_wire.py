"""What goes to a PostgreSQL server in one exchange, below SQLAlchemy."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import pytest
from sqlalchemy import Engine

from storage.db import prepared, statements, wire
from storage.db.database import reading, writing
from storage.db.engines import open_engine
from storage.db.wire import Wire
from storage.errors import Unreachable

OURS = "SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'countersign%'"


@pytest.fixture
def driver(postgresql: Engine) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect(postgresql.url.set(drivername="postgresql").render_as_string(False)) as it:
        yield it


def test_values_come_back_as_they_were_sent_however_long_they_are(
    driver: psycopg.Connection[tuple[object, ...]],
) -> None:
    noon = datetime(2026, 3, 2, 12, 0, 0, 1, tzinfo=UTC)
    long = "€uro \U0001f600 " * 300_000
    sent = (long, 7, -(2**40), True, None, noon)
    kinds = ("text", "int", "bigint", "boolean", "text", "timestamptz")
    asked = ", ".join(f"${number}::{kind}" for number, kind in enumerate(kinds, start=1))

    answers = Wire(driver, prepares=True).exchange([(f"SELECT {asked}", sent)] * 4)

    assert [answer.rows for answer in answers] == [[sent]] * 4


def test_what_failed_is_told_and_undone_and_the_connection_goes_on(
    driver: psycopg.Connection[tuple[object, ...]],
) -> None:
    line = Wire(driver, prepares=True)
    add = ("INSERT INTO inbox (key, at) VALUES ($1::text, now())", ["k"])
    with pytest.raises(psycopg.errors.UniqueViolation):
        line.exchange([add, add, ("SELECT 1", [])])
    driver.rollback()

    for _ in range(3):  # also when it is prepared
        line.exchange([("DELETE FROM inbox", []), add])
    line.commit()
    driver.rollback()
    assert driver.execute("SELECT count(*) FROM inbox").fetchone() == (1,)


def test_psycopg_and_the_wire_take_part_in_one_transaction(
    driver: psycopg.Connection[tuple[object, ...]],
) -> None:
    line = Wire(driver, prepares=True)
    driver.execute("INSERT INTO inbox (key, at) VALUES ('psycopg', now())")
    line.exchange([("INSERT INTO inbox (key, at) VALUES ('wire', now())", [])])
    driver.rollback()
    line.exchange([("INSERT INTO inbox (key, at) VALUES ('later', now())", [])])
    driver.commit()

    [[found]] = [answer.rows for answer in line.exchange([("SELECT key FROM inbox", [])])]
    assert found == ("later",)


def test_text_that_would_be_cut_off_at_a_nul_is_refused_before_it_is_sent(
    driver: psycopg.Connection[tuple[object, ...]],
) -> None:
    line = Wire(driver, prepares=True)
    with pytest.raises(psycopg.DataError, match="NUL"):
        line.exchange([("SELECT $1::text", ["a\0b"])])
    assert line.exchange([("SELECT 1", [])])[0].rows == [(1,)]


def test_other_threads_go_on_while_a_server_works(
    driver: psycopg.Connection[tuple[object, ...]],
) -> None:
    line = Wire(driver, prepares=True)
    counted = 0
    waits = threading.Thread(target=lambda: line.exchange([("SELECT pg_sleep(0.5)", [])]))
    waits.start()
    while waits.is_alive():
        counted += 1
    assert counted > 1000


def test_a_server_that_does_not_answer_is_given_up_and_the_next_asks_by_another_connection(
    postgresql: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "ANSWER_SECONDS", 0.1)
    with pytest.raises(Unreachable), reading(postgresql) as connection:
        prepared.command(connection, "SELECT pg_sleep(5)")

    monkeypatch.undo()
    with reading(postgresql) as connection:
        assert prepared.read(connection, statements.EXECUTION, {"of_id": "absent"}) == []


@pytest.mark.parametrize(("said", "prepares"), [("", True), ("prepare_threshold=0", False)])
def test_what_is_asked_again_is_prepared_unless_a_proxy_is_in_between(
    postgresql: Engine, said: str, prepares: bool
) -> None:
    url = postgresql.url.render_as_string(hide_password=False)
    engine = open_engine(f"{url}{'&' if '?' in url else '?'}{said}")
    for _ in range(8):
        with writing(engine) as connection:
            assert prepared.read(connection, statements.EXECUTION, {"of_id": "absent"}) == []
            connection.execute(statements.EXECUTION, {"of_id": "absent"})

    with writing(engine) as connection:
        ours = connection.exec_driver_sql(OURS.replace("%", "%%")).scalar_one()
        theirs = connection.exec_driver_sql("SELECT count(*) FROM pg_prepared_statements")
        assert (ours > 0, theirs.scalar_one() - ours) == (prepares, 0)
    engine.dispose()
