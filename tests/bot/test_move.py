"""`countersign move` as an operator runs it: killed, continued, compared and refused."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, NullPool, create_engine

import storage.db.tables  # noqa: F401  # fills it
from bot.maintenance import move
from storage.db.database import upgrade
from storage.db.engines import open_engine
from storage.db.metadata import metadata
from storage.definitions import CrewKind
from storage.states import ExecutionState
from tests.support.factories import crew, rule
from tests.support.installation import Installation
from tests.support.postgres import Server
from tests.support.prefork_server import PreforkServer
from tests.support.processes import ROOT, BotProcess, clean_environment, run, wait_until

PROGRAM = ROOT / "tests" / "crew_runner" / "queues" / "program.py"

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An installation whose crew is a program, with executions in all states."""
    env = {"STARTED": str(tmp_path / "began"), "GO": str(tmp_path / "go")}
    command = ("python", str(PROGRAM))
    definition = replace(
        crew(decided_by=rule(timeout=None)), kind=CrewKind.COMMAND, command=command, env=env
    )
    (tmp_path / "crews.yml").write_text(
        "crews:\n  plan:\n    command: [python, program.py]\n    approvers: ['@channel']\n"
    )
    engine = open_engine(f"sqlite:///{tmp_path / 'countersign.db'}")
    upgrade(engine)
    Installation(engine, replace(definition, lessons=True)).live(times=3)
    engine.dispose()
    return tmp_path


@pytest.fixture
def target(server: Server) -> str:
    return server.database()


@pytest.fixture
def there(target: str) -> Iterator[Engine]:
    engine = create_engine(target, poolclass=NullPool)
    yield engine
    engine.dispose()


def kill_in_the_middle_of(
    table: str,
    *,
    after: int,
    folder: Path,
    target: str,
    there: Engine,
    prefork_server: PreforkServer,
) -> None:
    """Send SIGKILL to the command while it writes to the table, which has about `after` rows."""
    with there.begin() as connection:
        connection.exec_driver_sql(
            "CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            f" IF (SELECT count(*) FROM {table}) > {after} THEN PERFORM pg_sleep(9); END IF;"
            " RETURN NEW; END $$"
        )
        connection.exec_driver_sql(
            f"CREATE TRIGGER linger BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION linger()"
        )
    log = folder / "move.log"
    log.write_bytes(b"")
    mover = prefork_server.fork(
        ["move", "--to", target, "--rows-at-once", "7"],
        environment=clean_environment(),
        folder=folder,
        log=log,
    )

    def lingers() -> bool:
        assert mover.poll() is None, log.read_text()
        return bool(select(there, "pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'"))

    wait_until(lingers, within=30, what="it writes there", shown=log.read_text)
    mover.send_signal(signal.SIGKILL)
    mover.wait()
    select(there, "pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
    with there.begin() as connection:
        connection.exec_driver_sql("DROP FUNCTION linger CASCADE")


def select(engine: Engine, what: str) -> list[object]:
    with engine.begin() as connection:
        return list(connection.exec_driver_sql(f"SELECT {what}").scalars())


def test_a_move_that_is_killed_twice_completes_and_work_continues_on_the_new_database(
    folder: Path, target: str, there: Engine, prefork_server: PreforkServer
) -> None:
    before = (folder / "countersign.db").read_bytes()
    upgrade(there)
    for table, after in (("audit", 20), ("outbox", 40)):
        kill_in_the_middle_of(
            table,
            after=after,
            folder=folder,
            target=target,
            there=there,
            prefork_server=prefork_server,
        )
        assert select(there, f"count(*) FROM {table}")[0] in range(after - 7, after + 2)

    # Nothing starts on a half-moved installation.
    refused = run(folder, "serve", prefork_server=prefork_server, DATABASE_URL=target)
    assert refused.returncode == 1
    assert "only a part of countersign.db was moved into it" in refused.stderr

    moved = run(folder, "move", "--to", target, prefork_server=prefork_server)
    assert moved.returncode == 0, moved.stderr
    assert moved.stdout.count("  same") == len(metadata.tables), moved.stdout
    assert "Both databases are the same. Next: set DATABASE_URL" in moved.stdout
    assert (folder / "countersign.db").read_bytes() == before
    assert select(there, "count(*) FROM audit") == select(there, "max(seq) FROM audit")

    # A worker there runs what was queued and what a dead worker had; decisions work.
    state = ExecutionState
    with BotProcess(
        folder,
        env={"DATABASE_URL": target},
        crews_file=folder / "crews.yml",
        prefork_server=prefork_server,
    ) as bot:
        [waiting, *_] = in_state(there, state.WAITING_FEEDBACK)
        open_before = [*in_state(there, state.PENDING), *in_state(there, state.RUNNING)]
        decide(bot, waiting)
        bot.until(
            lambda: not in_state(there, state.PENDING) + in_state(there, state.RUNNING),
            what="every open run has reached a checkpoint",
        )
        assert {status(bot, run) for run in [waiting, *open_before]} == {"waiting_feedback"}
        decide(bot, waiting)
        bot.until(lambda: status(bot, waiting) == "completed", what="the end")
        assert bot.stop() == 0
        assert "ERROR" not in bot.log_text


def in_state(there: Engine, state: ExecutionState) -> list[str]:
    return [str(id_) for id_ in select(there, f"id FROM executions WHERE state = '{state}'")]


def status(bot: BotProcess, execution: str) -> object:
    return bot.http.get(f"/api/crew/status/{execution}").json()["status"]


def decide(bot: BotProcess, execution: str) -> None:
    bot.until(lambda: status(bot, execution) == "waiting_feedback", what="a checkpoint")
    checkpoint = bot.http.get(f"/api/crew/checkpoint/{execution}").json()["checkpoint_id"]
    decision = {"execution_id": execution, "checkpoint_id": checkpoint, "action": "continue"}
    assert bot.http.post("/api/crew/feedback", json=decision).status_code == 200


def test_a_difference_is_reported_by_its_row_and_nothing_starts_on_the_new_database(
    folder: Path, target: str, there: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    upgrade(there)
    with there.begin() as connection:
        connection.exec_driver_sql(
            "CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN NEW.text = NEW.text || '!'; RETURN NEW; END $$"
        )
        connection.exec_driver_sql(
            "CREATE TRIGGER spoil BEFORE INSERT ON checkpoints FOR EACH ROW"
            " WHEN (NEW.seq = 3) EXECUTE FUNCTION spoil()"
        )

    assert move.run(source=f"sqlite:///{folder / 'countersign.db'}", target=target) == 1

    printed = capsys.readouterr()
    assert "checkpoints 3: changed" in printed.err
    assert "no bot will start on the new one" in printed.err
    assert printed.out.count("DIFFERENT") == 1


def test_a_second_move_does_nothing_and_an_invalid_url_is_refused_without_showing_it(
    server: Server, target: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'countersign.db'}")
    upgrade(engine)
    engine.dispose()
    source = str(engine.url)
    assert [move.run(source=source, target=target) for _ in range(2)] == [0, 0]
    assert capsys.readouterr().out.rstrip().endswith("UTC: nothing was done.")

    assert move.run(source="mysql://root:secret@host/x", target=target) == 2
    assert move.run(source=source, target="secret") == 2
    errors = capsys.readouterr().err
    assert "the source must name a SQLite file or a PostgreSQL database." in errors
    assert "--to must be a URL such as postgresql://user@host/countersign." in errors
    assert "secret" not in errors
