"""Two databases are the same if the rows of each table are, in any order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert

from storage.db.tables import inbox
from storage.move.compare import Difference, differences, sum_of
from storage.move.tables import (
    STORED_TABLES,
    StoredTable,
    count,
    last_key,
    replace_nul,
    rows_after,
    rows_at,
)
from tests.support.factories import NOON
from tests.support.schema import upgraded

INBOX: StoredTable = next(table for table in STORED_TABLES if table.name == "inbox")


@pytest.fixture
def both(tmp_path: Path) -> Iterator[tuple[Connection, Connection]]:
    """Two empty databases."""
    with ExitStack() as opened:
        engines = [upgraded(f"sqlite:///{tmp_path / name}.db") for name in ("source", "target")]
        for engine in engines:
            opened.callback(engine.dispose)
        source, target = (opened.enter_context(engine.connect()) for engine in engines)
        yield source, target


def fill(connection: Connection, *keys: str, at: datetime = NOON) -> None:
    for key in keys:
        connection.execute(insert(inbox), {"key": key, "at": at, "execution_id": None})


def summed(connection: Connection) -> tuple[int, str]:
    summed = sum_of(connection, INBOX, lambda _rows: None)
    return summed.rows, summed.hash


def test_the_order_in_which_rows_were_written_makes_no_difference(
    both: tuple[Connection, Connection],
) -> None:
    source, target = both
    fill(source, "a", "b", "c")
    fill(target, "c", "a", "b")

    assert summed(source) == summed(target)
    assert summed(source)[0] == 3
    assert differences(source, target, INBOX) == ()


def test_the_same_time_in_another_time_zone_is_no_difference(
    both: tuple[Connection, Connection],
) -> None:
    source, target = both
    fill(source, "a", at=NOON)
    fill(target, "a", at=NOON.astimezone(timezone(timedelta(hours=9))))

    assert summed(source) == summed(target)


def test_a_row_that_is_missing_changed_or_added_is_named_by_its_key(
    both: tuple[Connection, Connection],
) -> None:
    source, target = both
    fill(source, "a", "b", "c")
    fill(target, "b", "d")
    fill(target, "c", at=NOON + timedelta(microseconds=1))

    assert summed(source) != summed(target)
    assert differences(source, target, INBOX) == (
        Difference(("a",), "missing"),
        Difference(("c",), "changed"),
        Difference(("d",), "added"),
    )


@pytest.mark.parametrize(("most", "keys"), [(1, "a"), (2, "ab"), (3, "abx"), (9, "abxyz")])
def test_only_the_first_few_differences_are_named(
    both: tuple[Connection, Connection], most: int, keys: str
) -> None:
    source, target = both
    fill(source, "a", "b")
    fill(target, "z", "y", "x")

    named = differences(source, target, INBOX, most=most)

    assert [difference.key for difference in named] == [(key,) for key in keys]


def test_a_nul_character_that_was_replaced_is_no_difference() -> None:
    assert replace_nul(("a\x00b", 5, None, NOON)) == ("a\ufffdb", 5, None, NOON)


def test_rows_are_read_after_a_key_and_counted_up_to_a_key(
    both: tuple[Connection, Connection],
) -> None:
    source, _ = both
    assert last_key(source, INBOX) is None
    fill(source, "b", "c", "a")

    assert [INBOX.key(row) for row in rows_after(source, INBOX, None)] == [("a",), ("b",), ("c",)]
    assert [INBOX.key(row) for row in rows_after(source, INBOX, ("a",))] == [("b",), ("c",)]
    assert last_key(source, INBOX) == ("c",)
    assert (count(source, INBOX), count(source, INBOX, up_to=("b",))) == (3, 2)
    assert set(rows_at(source, INBOX, [("a",), ("z",)])) == {("a",)}


def test_tables_come_after_those_that_they_refer_to() -> None:
    names = [table.name for table in STORED_TABLES]

    assert names.index("executions") < names.index("phase_runs") < names.index("checkpoints")
