"""Old and new processes side by side: an older one works with a newer schema."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

import storage.db.tables  # noqa: F401  # fills it
from storage.db.database import SystemClock, schema, upgrade, writing
from storage.db.engines import open_engine
from storage.db.metadata import metadata
from storage.db.schema import MIGRATIONS, SchemaStatus, configuration
from storage.decisions import Decision
from storage.errors import IncompatibleSchema
from storage.outbox.outbox import Outbox
from storage.ports import NoDispatch, NoSignal
from storage.reads import Reads
from storage.records import Action
from storage.state_manager import StateManager
from storage.states import ExecutionState
from tests.storage.conftest import Run
from tests.support.factories import BEN
from tests.support.postgres import Server
from tests.support.processes import run as run_command

NEWEST = ScriptDirectory.from_config(configuration()).get_current_head()
BEFORE = Path(__file__).with_name("data") / "schema_0006.json"
"""Rows of version 0.1: a run that was revised and approved, and undelivered messages."""

FUTURE = """
import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{newest}"
branch_labels = None
depends_on = None

def upgrade():
    op.create_table("of_the_future", sa.Column("id", sa.Integer(), primary_key=True))
    for table in {tables}:
        op.add_column(table, sa.Column("is_new", sa.Integer(), nullable=False, server_default="7"))
        op.add_column(table, sa.Column("may_be", sa.Text()))
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'countersign.db'}"
    server: Server = request.getfixturevalue("server")
    return server.database()


@pytest.fixture
def old(url: str) -> Iterator[Engine]:
    """A database of this version's schema, with open connections."""
    engine = open_engine(url)
    upgrade(engine)
    yield engine
    engine.dispose()


def migrated_by_a_newer_program(url: str, folder: Path, revision: str) -> None:
    """Run the current migrations and one of a future version."""
    copy = folder / "migrations"
    shutil.copytree(MIGRATIONS, copy)
    tables = [table.name for table in metadata.sorted_tables]
    future = FUTURE.format(revision=revision, newest=NEWEST, tables=tables)
    (copy / "versions" / f"{revision}_of_the_future.py").write_text(future)
    engine = open_engine(url)
    with writing(engine) as connection:
        config = configuration(copy)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    engine.dispose()


def complete_a_run(engine: Engine) -> None:
    """Drive a run from start to end, and post all its messages."""
    clock, reads = SystemClock(), Reads(engine)
    state = StateManager(engine, clock=clock, dispatch=NoDispatch(), signal=NoSignal())
    outbox = Outbox(engine, clock)
    run = Run(state, reads)
    run.start()
    run.work()
    state.intend_revise(run.waiting.id, actor=BEN)
    state.decide(Decision(run.waiting.id, Action.REVISE, BEN, text="shorter"))
    run.work()
    state.decide(Decision(run.waiting.id, Action.CONTINUE, BEN, delivery=f"click {run.id}"))
    while run.now.state is not ExecutionState.COMPLETED:
        run.work()
        if run.now.state is ExecutionState.WAITING_FEEDBACK:
            state.decide(Decision(run.waiting.id, Action.CONTINUE, BEN))
    while rows := outbox.take(owner="d"):
        for row in rows:
            sent = outbox.sending(row)
            posted = outbox.posted(sent, channel=row.channel, ts=f"{row.seq}.1", shown=row.version)
            outbox.release(posted)
    assert reads.execution(run.id).thread_ts is not None
    assert len(reads.phase_runs(run.id)) >= 3


def test_a_process_keeps_working_while_a_newer_one_migrates(
    old: Engine, url: str, tmp_path: Path
) -> None:
    for _ in range(3):  # until the driver has prepared its statements
        complete_a_run(old)

    migrated_by_a_newer_program(url, tmp_path, "2.9998")

    complete_a_run(old)
    with writing(old) as connection:
        assert connection.execute(text("SELECT count(is_new) FROM audit")).scalar_one() > 0


def test_a_process_that_starts_after_a_newer_one_migrated_leaves_the_schema_and_works(
    old: Engine, url: str, tmp_path: Path
) -> None:
    migrated_by_a_newer_program(url, tmp_path, "2.9998")
    late = open_engine(url)

    assert upgrade(late).status is SchemaStatus.NEWER

    status = schema(late)
    assert (status.status, status.revision, status.known) == (
        SchemaStatus.NEWER,
        "2.9998",
        NEWEST,
    )
    complete_a_run(late)
    late.dispose()


@pytest.mark.parametrize("revision", ["3.0001", "2.0000", "9998", "feature"])
def test_a_schema_of_another_series_is_refused_and_left_alone(
    old: Engine, url: str, tmp_path: Path, revision: str
) -> None:
    migrated_by_a_newer_program(url, tmp_path, revision)

    with pytest.raises(IncompatibleSchema, match=revision):
        upgrade(old)

    assert schema(old).status is SchemaStatus.INCOMPATIBLE


def test_migrate_distinguishes_a_newer_schema_from_an_incompatible_one(tmp_path: Path) -> None:
    file = tmp_path / "countersign.db"
    url = f"sqlite:///{file}"
    engine = open_engine(url)
    upgrade(engine)
    engine.dispose()
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '2.9998'"))
    newer = run_command(tmp_path, "migrate", DATABASE_URL=url)
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '3.0001'"))
    incompatible = run_command(tmp_path, "migrate", DATABASE_URL=url)
    engine.dispose()

    assert (newer.returncode, incompatible.returncode) == (0, 1)
    assert f"newer Countersign (2.9998; this version brings {NEWEST})" in newer.stdout
    assert re.search(
        r"revision 3.0001, but this version supports only revisions up to 2.0011",
        incompatible.stderr,
    )
    assert "Run the newer Countersign" in incompatible.stderr


# --- from the version before -------------------------------------------------------------------


@pytest.fixture
def before(url: str) -> Iterator[Engine]:
    """A database of version 0.1."""
    engine = open_engine(url)
    with writing(engine) as connection:
        config = configuration()
        config.attributes["connection"] = connection
        command.upgrade(config, "0006")
    rows = json.loads(BEFORE.read_text())
    with writing(engine) as connection:
        for table in ("executions", "phase_runs", "checkpoints", "outbox", "paces", "audit"):
            for row in rows[table]:
                row.pop("seq", None)  # the sequence assigns it
                names = ", ".join(f'"{name}"' for name in row)
                values = ", ".join(f":{name}" for name in row)
                connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({values})"), row)
    yield engine
    engine.dispose()


def test_a_run_of_the_version_before_continues_to_its_end(before: Engine) -> None:
    upgrade(before)

    clock, reads = SystemClock(), Reads(before)
    state = StateManager(before, clock=clock, dispatch=NoDispatch(), signal=NoSignal())
    run = Run(state, reads)
    [run.id] = [execution.id for execution in reads.executions(channel="CCAMPAIGNS")]
    assert [each.revision for each in reads.checkpoints(run.id)] == [1, 2]
    while run.now.state is not ExecutionState.COMPLETED:
        run.work()
        if run.now.state is ExecutionState.WAITING_FEEDBACK:
            state.decide(Decision(run.waiting.id, Action.CONTINUE, BEN))


def test_messages_leases_priorities_and_the_log_keep_their_values(before: Engine) -> None:
    rows = json.loads(BEFORE.read_text())
    upgrade(before)

    with writing(before) as connection:
        for table, old, new in (
            ("outbox", "held_by", "lease_owner"),
            ("outbox", "wanted", "version"),
            ("outbox", "shown", "shown_version"),
            ("phase_runs", "turn", "priority"),
            ("audit", "facts", "details"),
        ):
            query = text(f"SELECT {new} FROM {table} ORDER BY seq")
            assert list(connection.execute(query).scalars()) == [row[old] for row in rows[table]]
        [limited] = connection.execute(text("SELECT key FROM rate_limits")).scalars()
        assert limited == rows["paces"][0]["key"]
        with pytest.raises(DBAPIError, match="audit"):
            connection.execute(text("UPDATE audit SET details = '{}'"))


ADD_FILE = """
    INSERT INTO outbox (key, kind, execution_id, checkpoint_id, payload, state, channel, moved,
        generation, wanted, shown, attempts, created_at)
    SELECT :key, 'file', execution_id, :checkpoint, :payload, :state, channel, 0,
        1, 1, 0, 0, created_at
    FROM outbox WHERE kind = 'root'
"""


def test_a_whole_text_that_was_not_uploaded_yet_becomes_the_rest_of_the_output(
    before: Engine,
) -> None:
    with writing(before) as connection:
        for state in ("queued", "sending", "posted", "failed"):
            for key, payload in ((f"file:{state}", "{}"), (f"file:{state}:1", '{"path": "a.md"}')):
                row = {"key": key, "checkpoint": state, "payload": payload, "state": state}
                connection.execute(text(ADD_FILE), row)
        [execution] = connection.execute(text("SELECT id FROM executions")).scalars()
        result = {"key": f"file:{execution}", "checkpoint": None, "payload": "{}"}
        connection.execute(text(ADD_FILE), {**result, "state": "queued"})

    upgrade(before)

    with writing(before) as connection:
        query = text("SELECT key, kind, payload FROM outbox WHERE shown_version = 0")
        after = {
            key: (kind, json.loads(payload)) for key, kind, payload in connection.execute(query)
        }
    of_the_phase = {f"file:{state}:1" for state in ("queued", "sending", "posted", "failed")}
    assert {key for key, (kind, _) in after.items() if kind == "file"} == {
        "file:posted",
        "file:failed",
        f"file:{execution}",
        *of_the_phase,
    }
    assert all(after[key] == ("file", {"path": "a.md"}) for key in of_the_phase)
    assert {key: row for key, row in after.items() if row[0] != "file"} == {
        "whole:queued": ("whole", {"needed": True}),
        "whole:sending": ("whole", {"needed": True}),
    }
