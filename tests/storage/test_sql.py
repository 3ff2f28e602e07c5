"""Running statements: pipelines, values, and the same errors as SQLAlchemy's."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, LargeBinary, bindparam, event, insert, literal, select, update
from sqlalchemy.exc import DataError, IntegrityError

from storage.db import engines, sql, statements
from storage.db.database import reading, writing
from storage.db.engines import open_engine
from storage.db.postgresql import PatientConnection
from storage.db.tables import inbox, phase_runs
from storage.errors import Conflict, Unreachable
from storage.states import ExecutionState
from tests.storage.conftest import Run
from tests.support.factories import NOON
from tests.support.postgres import Server

ONE = {"key": "k", "at": NOON, "execution_id": None}
ADD = insert(inbox)
RENAME = update(inbox).where(inbox.c.key == bindparam("of_key"))
KEYS = select(inbox.c.key).order_by(inbox.c.key)


def process_of(engine: Engine) -> int:
    """Run a statement and return the id of the server's process that ran it."""
    with writing(engine) as connection:
        assert sql.execute(connection, statements.EXECUTION, {"of_id": "absent"}).rows == []
        return int(connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())


@pytest.fixture
def broken(postgresql: Engine, server: Server) -> Iterator[Engine]:
    """An engine with three pooled connections that the server has closed."""
    engine = open_engine(postgresql.url.render_as_string(hide_password=False))
    opened = [engine.connect() for _ in range(3)]
    processes = [
        connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one() for connection in opened
    ]
    for connection in opened:
        connection.close()
    with postgresql.connect() as another:
        for process in processes:
            another.exec_driver_sql(f"SELECT pg_terminate_backend({process}, 5000)")
    yield engine
    engine.dispose()


def test_one_broken_connection_fails_once_and_replaces_the_whole_pool(
    broken: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "PING_AFTER_IDLE_SECONDS", 60.0)

    with pytest.raises(Unreachable):
        process_of(broken)

    assert process_of(broken) == process_of(broken)


def test_connections_that_broke_while_idle_are_replaced_without_an_error(
    broken: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "PING_AFTER_IDLE_SECONDS", 0.0)

    assert process_of(broken) == process_of(broken)


def test_a_statement_fails_where_it_is_executed(engine: Engine) -> None:
    with engine.connect() as connection:
        sql.execute(connection, ADD, ONE)
        with pytest.raises(IntegrityError):
            sql.execute(connection, ADD, ONE)


def test_a_failing_statement_in_a_pipeline_rolls_back_all(engine: Engine) -> None:
    def write() -> None:
        with writing(engine) as connection, sql.pipeline(connection):
            sql.execute(connection, ADD, ONE)
            sql.execute_many(connection, ADD, [{**ONE, "key": "l"}, ONE])
            sql.execute(connection, ADD, {**ONE, "key": "m"})

    with pytest.raises(Conflict if engine.dialect.name == "postgresql" else IntegrityError):
        write()

    with writing(engine) as connection:  # the connection can still be used
        sql.execute(connection, ADD, ONE)
        assert sql.execute(connection, update(inbox), {"at": NOON}).changed == 1


def test_each_statement_sees_what_the_one_before_it_wrote(engine: Engine) -> None:
    guarded = RENAME.where(inbox.c.execution_id == bindparam("of_execution"))
    with writing(engine) as connection, sql.pipeline(connection):
        results = [
            sql.execute(connection, ADD, ONE),
            sql.execute(connection, RENAME, {"of_key": "k", "execution_id": "x"}),
            sql.execute(
                connection, guarded, {"of_key": "k", "of_execution": "x", "execution_id": "y"}
            ),
            sql.execute(
                connection, guarded, {"of_key": "k", "of_execution": "x", "execution_id": "z"}
            ),
            sql.execute(connection, RENAME, {"of_key": "absent", "execution_id": "x"}),
        ]
    assert [result.changed for result in results] == [1, 1, 1, 0, 0]


def test_a_result_that_is_read_within_a_pipeline_is_waited_for(engine: Engine) -> None:
    with writing(engine) as connection, sql.pipeline(connection):
        added = sql.execute(connection, ADD, ONE)
        assert added.changed == 1
        many = sql.execute_many(connection, ADD, [{**ONE, "key": key} for key in "lm"])
        assert (many.changed, sql.execute(connection, KEYS).scalars()) == (2, ["k", "l", "m"])
        sql.execute(connection, RENAME, {"of_key": "k", "at": NOON})


def test_many_sets_of_values_are_written_together(engine: Engine) -> None:
    keys = [f"k{number}" for number in range(40)]
    with writing(engine) as connection:
        added = sql.execute_many(connection, ADD, [{**ONE, "key": key} for key in keys])
        again = [{"of_key": key, "at": NOON} for key in ("absent", *keys, "absent")]
        changed = sql.execute_many(connection, RENAME, again)
    assert (added.changed, changed.changed) == (40, 40)


def test_an_in_list_may_have_any_length(engine: Engine) -> None:
    listed = KEYS.where(inbox.c.key.in_(bindparam("of_keys", expanding=True)))
    with writing(engine) as connection:
        sql.execute_many(connection, ADD, [{**ONE, "key": key} for key in "abc"])
        lengths = [
            len(sql.execute(connection, listed, {"of_keys": keys}).rows)
            for keys in ([], ["a"], ["a", "b", "z"], [*"abc"])
        ]
        with pytest.raises(TypeError, match="IN list"):
            sql.execute_many(connection, listed, [{"of_keys": ["a"]}, {"of_keys": ["b", "c"]}])
    assert lengths == [0, 1, 2, 3]


def test_bytes_are_read_back_unchanged(engine: Engine) -> None:
    sent = b"\0\xff'"
    with reading(engine) as connection:
        echoed = select(bindparam("sent", type_=LargeBinary).label("echoed"))
        assert bytes(sql.execute(connection, echoed, {"sent": sent}).scalar() or b"") == sent


def test_columns_that_are_left_out_get_their_defaults(run: Run, engine: Engine) -> None:
    run.start()

    with writing(engine) as connection:
        [row] = connection.execute(select(phase_runs.c.losses, phase_runs.c.fence)).all()
    assert tuple(row) == (0, 0)
    assert run.now.state is ExecutionState.PENDING


def test_a_statement_is_not_sent_with_a_value_missing(engine: Engine) -> None:
    with writing(engine) as connection, pytest.raises(TypeError, match="of_id"):
        sql.execute(connection, statements.MOVE_EXECUTION, {"version": 2})


def test_sqlalchemys_listeners_see_every_statement_and_its_values(run: Run, engine: Engine) -> None:
    seen: list[tuple[str, Any]] = []

    def sent(_connection: Any, _cursor: Any, text: str, values: Any, *_others: Any) -> None:
        seen.append((text, values))

    event.listen(engine, "before_cursor_execute", sent)
    execution = run.start()

    for table in ("executions", "phase_runs", "outbox", "audit"):
        inserts = (f"INSERT INTO {table} ", f"SELECT {table}_append(")  # a function adds audit rows
        assert any(text.startswith(inserts) for text, _ in seen)
    assert any(execution.id in values for _, values in seen)


def test_text_that_postgresql_cannot_store_is_refused(postgresql: Engine) -> None:
    with writing(postgresql) as connection, pytest.raises(DataError, match="NUL"):
        sql.execute(connection, ADD, {**ONE, "key": "a\0b"})


def test_other_threads_run_while_the_server_works(postgresql: Engine) -> None:
    def wait() -> None:
        with reading(postgresql) as connection:
            connection.exec_driver_sql("SELECT pg_sleep(0.5)")

    count = 0
    thread = threading.Thread(target=wait)
    thread.start()
    while thread.is_alive():
        count += 1
    assert count > 1000


def test_a_silent_server_is_given_up_and_the_next_statement_uses_another_connection(
    postgresql: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sleep() -> None:
        with reading(postgresql) as connection:
            connection.exec_driver_sql("SELECT pg_sleep(5)")

    with monkeypatch.context() as patched:
        patched.setattr(PatientConnection, "answer_seconds", 0.5)
        with pytest.raises(Unreachable):
            sleep()

    with reading(postgresql) as connection:
        assert sql.execute(connection, select(literal(1))).scalar() == 1


@pytest.mark.parametrize(("option", "prepares"), [("", True), ("prepare_threshold=0", False)])
def test_repeated_statements_are_prepared_unless_a_proxy_is_in_between(
    postgresql: Engine, option: str, prepares: bool
) -> None:
    url = postgresql.url.render_as_string(hide_password=False)
    engine = open_engine(f"{url}{'&' if '?' in url else '?'}{option}")
    for _ in range(8):
        with writing(engine) as connection:
            sql.execute(connection, statements.EXECUTION, {"of_id": "absent"})
            sql.execute_many(connection, RENAME, [{"of_key": "absent", "at": NOON}])

    with writing(engine) as connection:
        prepared = connection.exec_driver_sql("SELECT count(*) FROM pg_prepared_statements")
        assert (prepared.scalar_one() > 0) == prepares
    engine.dispose()
