"""Statements go to the driver by one way, and fail as SQLAlchemy's would."""

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
    """The server's process behind the connection that was used."""
    with writing(engine) as connection:
        assert sql.execute(connection, statements.EXECUTION, {"of_id": "absent"}).rows == []
        return int(connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())


@pytest.fixture
def cut(postgresql: Engine, server: Server) -> Iterator[Engine]:
    """With three connections in its pool, which the server has closed."""
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


def test_of_connections_that_were_cut_the_first_to_be_used_says_so_and_none_is_used_again(
    cut: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "PING_AFTER_IDLE_SECONDS", 60.0)

    with pytest.raises(Unreachable):
        process_of(cut)

    assert process_of(cut) == process_of(cut)


def test_connections_that_were_cut_while_nobody_used_them_are_replaced_unseen(
    cut: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "PING_AFTER_IDLE_SECONDS", 0.0)

    assert process_of(cut) == process_of(cut)


def test_a_statement_fails_where_it_is_executed(engine: Engine) -> None:
    with engine.connect() as connection:
        sql.execute(connection, ADD, ONE)
        with pytest.raises(IntegrityError):
            sql.execute(connection, ADD, ONE)


def test_of_statements_in_a_pipeline_the_one_that_fails_undoes_all(engine: Engine) -> None:
    def write() -> None:
        with writing(engine) as connection, sql.pipeline(connection):
            sql.execute(connection, ADD, ONE)
            sql.execute_many(connection, ADD, [{**ONE, "key": "l"}, ONE])
            sql.execute(connection, ADD, {**ONE, "key": "m"})

    with pytest.raises(Conflict if engine.dialect.name == "postgresql" else IntegrityError):
        write()

    with writing(engine) as connection:  # the connection is good for more
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


def test_bytes_come_back_as_they_were_sent(engine: Engine) -> None:
    sent = b"\0\xff'"
    with reading(engine) as connection:
        echoed = select(bindparam("sent", type_=LargeBinary).label("echoed"))
        assert bytes(sql.execute(connection, echoed, {"sent": sent}).scalar() or b"") == sent


def test_columns_that_are_not_named_get_their_defaults(run: Run, engine: Engine) -> None:
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
        assert any(text.startswith(f"INSERT INTO {table} ") for text, _ in seen)
    assert any(execution.id in values for _, values in seen)


def test_text_that_postgresql_cannot_keep_is_refused(postgresql: Engine) -> None:
    with writing(postgresql) as connection, pytest.raises(DataError, match="NUL"):
        sql.execute(connection, ADD, {**ONE, "key": "a\0b"})


def test_other_threads_go_on_while_a_server_works(postgresql: Engine) -> None:
    def wait() -> None:
        with reading(postgresql) as connection:
            connection.exec_driver_sql("SELECT pg_sleep(0.5)")

    counted = 0
    waits = threading.Thread(target=wait)
    waits.start()
    while waits.is_alive():
        counted += 1
    assert counted > 1000


def test_a_server_that_does_not_answer_is_given_up_and_the_next_asks_by_another_connection(
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
def test_what_is_executed_again_is_prepared_unless_a_proxy_is_in_between(
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
