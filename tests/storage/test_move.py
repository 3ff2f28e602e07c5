"""Moving an installation between databases: nothing is lost, duplicated or changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, NullPool, create_engine, inspect, make_url, text

import storage.db.tables  # noqa: F401  # fills it
from storage.db.api_tables import idempotency_keys
from storage.db.audit_check import Anchor, verify
from storage.db.database import upgrade
from storage.db.engines import open_engine
from storage.db.metadata import metadata
from storage.move.destination import HalfMoved, refuse_half_moved
from storage.move.move import Moved, Progress, move
from storage.move.source import CannotMove
from storage.ports import NoDispatch, NoSignal
from storage.records import Action
from storage.state_manager import StateManager
from storage.states import ExecutionState
from storage.token_manager import TokenManager
from storage.tokens import Scope, TokenKind
from storage.webhooks import NewWebhook
from tests.support.factories import ANA, SettableClock, asking, crew
from tests.support.installation import Installation
from tests.support.postgres import Server

TABLES = [table.name for table in metadata.sorted_tables]


def use_the_api(engine: Engine) -> None:
    """Make a token, and start a run with a webhook by an idempotent call."""
    clock = SettableClock()
    TokenManager(engine, clock=clock).create(
        TokenKind.TOKEN, scopes=[Scope.EXECUTE], lifetime=None, label="Jenkins", person="UANA"
    )
    state = StateManager(engine, clock=clock, dispatch=NoDispatch(), signal=NoSignal())
    state.start_execution(
        definition=crew(),
        request=asking(),
        requester=ANA,
        webhooks=[NewWebhook("https://example.com/runs")],
    )
    with engine.begin() as connection:
        connection.execute(
            idempotency_keys.insert(),
            {"caller": "t", "key": "k", "request_hash": "r", "created_at": clock.now()},
        )


class Interrupted(Exception):
    pass


class After:
    """Interrupts a move after so many progress reports."""

    def __init__(self, times: int) -> None:
        self._left = times

    def __call__(self, _: Progress) -> None:
        self._left -= 1
        if self._left < 0:
            raise Interrupted


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file whose bot has stopped."""
    path = tmp_path_factory.mktemp("installation") / "countersign.db"
    engine = open_engine(f"sqlite:///{path}")
    upgrade(engine)
    Installation(engine).live(times=3)
    use_the_api(engine)
    with engine.begin() as connection:  # as an earlier version stored it
        connection.exec_driver_sql("UPDATE executions SET error = error || char(0) || 'ly'")
    engine.dispose()
    return path


@pytest.fixture
def target(server: Server) -> str:
    return server.database()


@pytest.fixture
def there(target: str) -> Iterator[Engine]:
    """The target, for queries that do not stay connected."""
    engine = create_engine(target, poolclass=NullPool)
    yield engine
    engine.dispose()


def run(
    source: str | Path, target: str, *, tell: object = lambda _: None, **options: object
) -> Moved:
    url = source if isinstance(source, str) else f"sqlite:///{source}"
    arguments = {"upgrade": upgrade, "is_dead": lambda _: False, "tell": tell, "rows_at_once": 4}
    return move(make_url(url), make_url(target), **(arguments | options))  # type: ignore[arg-type]  # by name


def rows(engine: Engine, table: str, columns: str = "*") -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        result: Iterable[Any] = connection.execute(
            text(f"SELECT {columns} FROM {table} ORDER BY 1")
        )
        return [tuple(row) for row in result]


def filled(engine: Engine) -> dict[str, int]:
    """Count the rows in which each column is not NULL, by the columns that the database has."""
    counts_by_column: dict[str, int] = {}
    with engine.connect() as connection:
        for table in TABLES:
            columns = [column["name"] for column in inspect(connection).get_columns(table)]
            counts = ", ".join(f'count("{name}")' for name in columns)
            row = connection.execute(text(f"SELECT {counts} FROM {table}")).one()
            counts_by_column |= {
                f"{table}.{name}": count for name, count in zip(columns, row, strict=True)
            }
    return counts_by_column


def test_a_move_copies_the_whole_installation_and_leaves_the_file_unchanged(
    installation: Path, target: str, there: Engine
) -> None:
    before = blake2b(installation.read_bytes()).digest()

    moved = run(installation, target)

    assert moved.same
    assert {table.table: table.here.rows for table in moved.tables} == {
        name: len(rows(there, name)) for name in TABLES
    }
    assert {table.table for table in moved.tables if not table.here.rows} <= {"rate_limits"}
    assert len(rows(there, "executions")) == 22
    assert blake2b(installation.read_bytes()).digest() == before

    # Texts and times, read by plain SQL on both sides.
    here = open_engine(f"sqlite:///{installation}")
    for table, columns in (
        ("executions", "id, definition, request, requester, state, version, result"),
        ("checkpoints", "seq, id, rule, actor, action, text, state, message_ts"),
        ("audit", "seq, execution_id, event, actor, details"),
    ):
        assert rows(here, table, columns) == rows(there, table, columns)
    on_server = {at.replace(tzinfo=None) for (at,) in rows(there, "audit", "DISTINCT at")}
    on_file = {f"{at}" for (at,) in rows(here, "audit", "DISTINCT at")}
    assert {f"{at:%Y-%m-%d %H:%M:%S.%f}" for at in on_server} == on_file
    assert filled(there) == filled(here)
    here.dispose()
    assert [error for (error,) in rows(there, "executions", "error") if error] == [
        "the model has gone away\ufffdly"
    ] * 3
    assert moved.replaced == 3


def test_waiting_runs_continue_in_the_new_database(
    installation: Path, target: str, there: Engine
) -> None:
    run(installation, target)
    moved = verify(there)

    life = Installation(there)
    [*_, waiting] = life.reads.executions(states=[ExecutionState.WAITING_FEEDBACK], limit=3)
    [*_, running] = life.reads.executions(states=[ExecutionState.RUNNING], limit=3)
    numbers = {name: rows(there, name, "max(seq)")[0][0] for name in ("audit", "phase_runs")}
    for action in (Action.REVISE, Action.CONTINUE):
        life.decide(waiting, action, "shorter" if action is Action.REVISE else "")
        life.work(waiting)
    life.decide(waiting, Action.CONTINUE)
    assert life.work(waiting).state is ExecutionState.COMPLETED
    life.clock.move(timedelta(hours=1))
    assert life.work(running).state is ExecutionState.WAITING_FEEDBACK
    assert life.live()[ExecutionState.COMPLETED].result is not None
    continued = verify(there, anchor=Anchor(moved.length, moved.hash))
    assert (continued.problem, continued.length > moved.length) == (None, True)
    for name, last in numbers.items():
        assert rows(there, name, "min(seq)") == [(1,)]
        assert rows(there, name, "max(seq)")[0][0] > last
    with there.connect() as connection, pytest.raises(Exception, match="only grows"):
        connection.exec_driver_sql("DELETE FROM audit")


@pytest.mark.parametrize("times", [1, 8, 40, 95, 150])
def test_an_interrupted_move_resumes_where_it_stopped(
    installation: Path, target: str, there: Engine, times: int
) -> None:
    with pytest.raises(Interrupted):
        run(installation, target, tell=After(times))
    with there.connect() as connection, pytest.raises(HalfMoved, match="only a part of"):
        refuse_half_moved(connection)
    before = {name: len(rows(there, name)) for name in TABLES}
    reports: list[Progress] = []

    moved = run(installation, target, tell=reports.append)

    assert moved.same
    assert moved.continued
    copied = [one for one in reports if one.step == "copied"]
    assert all(one.rows > before[one.table] for one in copied), "something was copied again"
    with there.connect() as connection:
        refuse_half_moved(connection)


def test_changed_and_missing_rows_are_found_and_named(
    installation: Path, target: str, there: Engine
) -> None:
    with pytest.raises(Interrupted):
        run(installation, target, tell=After(90))
    with there.begin() as connection:
        connection.exec_driver_sql("UPDATE checkpoints SET text = 'bigger' WHERE seq = 2")
        connection.exec_driver_sql(
            "UPDATE executions SET updated_at = updated_at + interval '1 microsecond'"
            " WHERE state = 'completed'"
        )
        lost = connection.exec_driver_sql(
            "DELETE FROM revise_intents RETURNING checkpoint_id, actor_id"
        ).all()
    # The move resumes after these rows, so only the comparison can find the changes.
    moved = run(installation, target)

    assert not moved.same
    differ = {table.table: table.differences for table in moved.tables if not table.same}
    assert [(one.key, one.how) for one in differ["checkpoints"]] == [((2,), "changed")]
    assert [one.how for one in differ["executions"]] == ["changed"] * 3
    assert set(differ) == {"checkpoints", "executions"}, lost
    with there.connect() as connection, pytest.raises(HalfMoved):
        refuse_half_moved(connection)

    assert run(installation, target, anew=True).same


def test_a_move_does_not_resume_that_of_another_source(
    installation: Path, target: str, there: Engine, sqlite: Engine
) -> None:
    with pytest.raises(Interrupted):
        run(installation, target, tell=After(60))
    Installation(sqlite).live()
    other = sqlite.url.database or ""
    sqlite.dispose()

    with pytest.raises(CannotMove, match=r"are not the first ones of .* Start the move with"):
        run(Path(other), target)
    assert run(Path(other), target, anew=True).same
    assert len(rows(there, "executions")) == 7


def test_a_second_move_says_when_the_first_one_finished_and_does_nothing(
    installation: Path, target: str, there: Engine
) -> None:
    run(installation, target)
    Installation(there).live()

    again = run(installation, target)

    assert again.before is not None
    assert again.tables == ()
    assert len(rows(there, "executions")) == 29


def test_a_target_that_is_not_empty_is_refused(
    installation: Path, target: str, there: Engine
) -> None:
    with there.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE invoices (id integer)")
    with pytest.raises(CannotMove, match=r"tables of another program \(invoices\)"):
        run(installation, target)
    with there.begin() as connection:
        connection.exec_driver_sql("DROP TABLE invoices")
    upgrade(there)
    Installation(there).live()
    with pytest.raises(CannotMove, match="is not empty: it has rows in audit, "):
        run(installation, target)


def test_nothing_is_moved_while_a_bot_is_connected(
    installation: Path, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.move.source.DISCONNECT_SECONDS", 0.3)
    idle = open_engine(f"sqlite:///{installation}")
    with idle.connect() as connection:
        connection.exec_driver_sql("SELECT count(*) FROM executions")
        with pytest.raises(CannotMove, match=r"or another program, has .* open: stop it first"):
            run(installation, target)
    idle.dispose()

    for url in (target, f"{target}&application_name=signoffs"):
        serving = open_engine(url)
        with serving.connect() as connection:
            connection.exec_driver_sql("SELECT 1")
        with pytest.raises(CannotMove, match=r"have 1 open connections to .*: stop all"):
            run(installation, url)
        serving.dispose()
    assert run(installation, target).same


def test_a_live_lease_blocks_the_move_unless_its_owner_is_known_to_be_dead(
    sqlite: Engine, target: str
) -> None:
    life = Installation(sqlite)
    life.live()
    with sqlite.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE phase_runs SET lease_until = '2999-01-01 00:00:00.000000'"
            " WHERE state = 'running'"
        )
    sqlite.dispose()
    file = Path(sqlite.url.database or "")

    with pytest.raises(CannotMove, match=r"may still use .*, until 00:00:00 UTC"):
        run(file, target)
    assert run(file, target, is_dead={"host/1/1.00"}.__contains__).same


def test_a_value_that_the_server_does_not_accept_is_reported(
    sqlite: Engine, target: str, there: Engine
) -> None:
    Installation(sqlite).live()
    with sqlite.begin() as connection:
        connection.exec_driver_sql("UPDATE executions SET crew = printf('%0101d', 0)")
    sqlite.dispose()

    with pytest.raises(CannotMove, match=r"did not accept rows of executions: value too long"):
        run(Path(sqlite.url.database or ""), target)
    assert rows(there, "executions") == []


def test_a_server_can_be_moved_to_another_and_back_to_a_file(
    installation: Path, target: str, server: Server, tmp_path: Path
) -> None:
    run(installation, target)
    second = server.database()
    back = f"sqlite:///{tmp_path / 'back.db'}"

    assert run(target, second).same
    with pytest.raises(Interrupted):
        run(second, back, tell=After(70))
    moved = run(second, back)

    assert moved.same
    assert moved.continued
    file = open_engine(back)
    assert sorted(rows(file, "sqlite_sequence")) == sorted(
        (name, rows(file, name, "max(seq)")[0][0])
        for name in (
            "audit",
            "checkpoints",
            "files",
            "lessons",
            "outbox",
            "phase_runs",
            "publications",
            "webhook_deliveries",
        )
    )
    before = verify(file)
    Installation(file).live()
    after = verify(file)
    assert (before.problem, after.problem, after.length > before.length > 0) == (None, None, True)
    file.dispose()


def test_impossible_moves_are_refused_with_a_reason(
    installation: Path, target: str, tmp_path: Path
) -> None:
    with pytest.raises(CannotMove, match="There is no file"):
        run(tmp_path / "none.db", target)
    with pytest.raises(CannotMove, match="not moved but copied"):
        run(installation, f"sqlite:///{tmp_path / 'other.db'}")
    with pytest.raises(CannotMove, match="the same database"):
        run(target, target)
    with pytest.raises(CannotMove, match="cannot be locked"):
        run(target, f"sqlite:///{tmp_path / 'other.db'}")
    empty = tmp_path / "empty.db"
    empty.touch()
    with pytest.raises(CannotMove, match="has no installation of Countersign"):
        run(empty, target)
    (tmp_path / "letter.db").write_text("Dear all, " * 100)
    with pytest.raises(CannotMove, match="cannot be read: file is not a database"):
        run(tmp_path / "letter.db", target)
    with pytest.raises(CannotMove, match=r"The move to .* failed: .*refused"):
        run(installation, "postgresql://nobody@127.0.0.1:9/none")
