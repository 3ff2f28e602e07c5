"""Statements that go to the driver by themselves fail as SQLAlchemy's would."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, func, insert, select
from sqlalchemy.exc import IntegrityError

from storage import prepared, statements
from storage.database import writing
from storage.errors import Conflict, Unreachable
from storage.records import Execution
from storage.states import ExecutionState
from storage.tables import inbox, phase_runs
from tests.storage.conftest import Run
from tests.support.factories import NOON

ONE = {"key": "k", "at": NOON, "execution_id": None}


def test_what_is_written_twice_is_refused_and_changes_nothing(engine: Engine) -> None:
    refused = Conflict if engine.dialect.name == "postgresql" else IntegrityError
    with pytest.raises(refused), writing(engine) as connection:
        prepared.write_all(connection, insert(inbox), [ONE, ONE])

    with writing(engine) as connection:
        [(count,)] = prepared.read(
            connection, select(func.count().label("n")).select_from(inbox), {}
        )
    assert count == 0


def test_a_connection_that_was_cut_is_said_to_be_and_not_used_again(postgresql: Engine) -> None:
    absent = {"of_id": "absent"}
    used: list[int] = []

    def ask(*, cut: bool) -> list[Execution]:
        with writing(postgresql) as connection:
            used.append(connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())
            if cut:
                with postgresql.connect() as another:
                    another.exec_driver_sql(f"SELECT pg_terminate_backend({used[-1]}, 5000)")
            return prepared.read(connection, statements.EXECUTION, absent)

    with pytest.raises(Unreachable):
        ask(cut=True)

    assert ask(cut=False) == []
    assert used[0] != used[1]


def test_columns_that_are_not_named_get_their_defaults(run: Run, engine: Engine) -> None:
    run.start()

    with writing(engine) as connection:
        [row] = connection.execute(select(phase_runs.c.losses, phase_runs.c.fence)).all()
    assert tuple(row) == (0, 0)
    assert run.now.state is ExecutionState.PENDING


def test_a_statement_is_not_sent_with_a_value_missing(engine: Engine) -> None:
    with writing(engine) as connection, pytest.raises(TypeError, match="of_id"):
        prepared.write(connection, statements.MOVE_EXECUTION, {"version": 2})
