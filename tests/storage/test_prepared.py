"""Statements that go to the driver by themselves fail as SQLAlchemy's would."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from storage.db import engines, prepared, statements
from storage.db.database import writing
from storage.db.engines import open_engine
from storage.db.tables import inbox, phase_runs
from storage.errors import Conflict, Unreachable
from storage.states import ExecutionState
from tests.storage.conftest import Run
from tests.support.factories import NOON
from tests.support.postgres import Server

ONE = {"key": "k", "at": NOON, "execution_id": None}


def ask(engine: Engine) -> int:
    """By which connection it asked."""
    with writing(engine) as connection:
        assert prepared.read(connection, statements.EXECUTION, {"of_id": "absent"}) == []
        return int(connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())


@pytest.fixture
def cut(postgresql: Engine, server: Server) -> Iterator[Engine]:
    """With three connections in its pool, which the server has closed just now."""
    engine = open_engine(postgresql.url.render_as_string(hide_password=False))
    opened = [engine.connect() for _ in range(3)]
    theirs = [
        connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one() for connection in opened
    ]
    for connection in opened:
        connection.close()
    with postgresql.connect() as another:
        for each in theirs:
            another.exec_driver_sql(f"SELECT pg_terminate_backend({each}, 5000)")
    yield engine
    engine.dispose()


def test_of_connections_that_were_cut_the_first_to_be_used_says_so_and_none_is_used_again(
    cut: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "TRUSTED_SECONDS", 60.0)

    with pytest.raises(Unreachable):
        ask(cut)

    assert ask(cut) == ask(cut)


def test_connections_that_were_cut_while_nobody_used_them_are_replaced_unseen(
    cut: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "TRUSTED_SECONDS", 0.0)

    assert ask(cut) == ask(cut)


def test_of_writes_that_are_sent_together_the_one_that_fails_undoes_all(engine: Engine) -> None:
    add = insert(inbox)
    refused = Conflict if engine.dialect.name == "postgresql" else IntegrityError
    with pytest.raises(refused), writing(engine) as connection:
        prepared.write_in_turn(connection, [(add, ONE), (add, {**ONE, "key": "l"}), (add, ONE)])

    with writing(engine) as connection:
        changed = prepared.write_in_turn(connection, [(add, ONE), (update(inbox), {"at": NOON})])
    assert changed == [1, 1]


def test_of_writes_to_one_row_each_sees_what_the_one_before_it_did(engine: Engine) -> None:
    add, rename = insert(inbox), update(inbox).where(inbox.c.key == bindparam("of_key"))
    other = update(inbox).where(inbox.c.key == bindparam("of_key"), inbox.c.execution_id == "y")
    guarded = rename.where(inbox.c.execution_id == bindparam("of_execution"))
    writes: list[prepared.Write] = [
        (add, ONE),
        (rename, {"of_key": "k", "execution_id": "x"}),
        (rename, {"of_key": "k", "execution_id": "y"}),
        (other, {"of_key": "k", "execution_id": "z"}),
        (other, {"of_key": "k", "execution_id": "never"}),
        (add, {**ONE, "key": "l", "execution_id": "y"}),
        (other, {"of_key": "l", "execution_id": "w"}),
        (guarded, {"of_key": "l", "of_execution": "w", "execution_id": "v"}),
        (guarded, {"of_key": "l", "of_execution": "v", "execution_id": "u"}),
    ]
    with writing(engine) as connection:
        changed = prepared.write_in_turn(connection, writes)
        names = dict(connection.execute(select(inbox.c.key, inbox.c.execution_id)).all())

    assert changed == [1, 1, 1, 1, 0, 1, 1, 1, 1]
    assert names == {"k": "z", "l": "u"}


def test_however_many_writes_there_are_each_tells_of_its_own_rows(engine: Engine) -> None:
    rename = update(inbox).where(inbox.c.key == bindparam("of_key"))
    keys = [f"k{number}" for number in range(40)]
    with writing(engine) as connection:
        added = prepared.write_in_turn(
            connection, [(insert(inbox), {**ONE, "key": key}) for key in keys]
        )
        changed = prepared.write_in_turn(
            connection,
            [(rename, {"of_key": key, "at": NOON}) for key in ("absent", *keys, "absent")],
        )
    assert added == [1] * len(keys)
    assert changed == [0, *added, 0]


def test_columns_that_are_not_named_get_their_defaults(run: Run, engine: Engine) -> None:
    run.start()

    with writing(engine) as connection:
        [row] = connection.execute(select(phase_runs.c.losses, phase_runs.c.fence)).all()
    assert tuple(row) == (0, 0)
    assert run.now.state is ExecutionState.PENDING


def test_a_statement_is_not_sent_with_a_value_missing(engine: Engine) -> None:
    with writing(engine) as connection, pytest.raises(TypeError, match="of_id"):
        prepared.write(connection, statements.MOVE_EXECUTION, {"version": 2})
