"""The bot under load while processes die, databases fail and people continue to use it."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from secrets import randbelow

import pytest

from tests.support.message_snapshot import buttons
from tests.support.postgres import Server
from tests.support.prefork_server import PreforkServer
from tests.support.workspace import GUS
from tests.trouble.db import Database, with_password
from tests.trouble.faults.kills import Kills
from tests.trouble.faults.server import CONNECTIONS, POOL, ServerFaults
from tests.trouble.faults.workers import WorkerKills, workers
from tests.trouble.load.load import Load, Report
from tests.trouble.oracles.executions import violations
from tests.trouble.oracles.messages import actionable

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

AT_ONCE = 3


@pytest.fixture
def seed() -> int:
    return randbelow(1_000_000)


@pytest.fixture(scope="module", params=["postgresql"])
def durable_server() -> Iterator[Server]:
    with Server(durable=True, max_connections=CONNECTIONS) as started:
        yield started


def test_postgresql_workers_die_or_are_suspended_and_the_fence_refuses_late_writes(
    prefork_server: PreforkServer, tmp_path: Path, durable_server: Server, seed: int
) -> None:
    with Load(
        prefork_server,
        tmp_path,
        url=with_password(durable_server.database()),
        commands=workers(2, slots=3),
        seed=seed,
        lag=12.0,
    ) as load:
        report = load.run(WorkerKills(3, every=1.0, stops=True), at_once=AT_ONCE)

    details = f"seed {seed}: {report.text()}"
    assert not report.wrong, details
    assert report.counts["refused by the fence"] > 0, details
    assert report.counts["decisions"] > 0, details


def test_postgresql_restarts_crashes_and_runs_out_of_connections_and_no_ack_is_lost(
    prefork_server: PreforkServer, tmp_path: Path, durable_server: Server, seed: int
) -> None:
    with Load(
        prefork_server,
        tmp_path,
        url=with_password(durable_server.database()),
        seed=seed,
        mode="http",
        env=POOL,
    ) as load:
        faults = ServerFaults(durable_server, 3, shortest=0.2, longest=0.6, scale=0.4)
        report = load.run(faults, at_once=AT_ONCE)

    details = f"seed {seed}: {report.text()}"
    assert not report.wrong, details
    assert report.counts["503s"] > 0, details
    assert report.counts["decisions"] > 0, details


@pytest.fixture(scope="module")
def killed(
    prefork_server: PreforkServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Report]:
    folder = tmp_path_factory.mktemp("killed")
    with Load(
        prefork_server,
        folder,
        url=f"sqlite:///{folder / 'countersign.db'}",
        seed=randbelow(1_000_000),
        mode="http",
    ) as load:
        yield load.run(Kills(3), at_once=AT_ONCE)


def test_processes_are_killed_and_no_ack_is_lost(killed: Report) -> None:
    assert not killed.wrong, killed.text()
    assert killed.counts["kills"] >= 3, killed.text()
    assert killed.counts["decisions"] > 0, killed.text()


@pytest.mark.parametrize(
    ("change", "violation"),
    [
        (
            "UPDATE checkpoints SET action = NULL, state = 'cancelled', decided_at = NULL",
            "was acknowledged, but neither recorded nor answered",
        ),
        ("UPDATE checkpoints SET decided_at = '2999-01-01'", "neither recorded nor answered"),
        (f"""UPDATE checkpoints SET actor = '{{"id": "{GUS}"}}'""", "who may not"),
        (
            """INSERT INTO audit (at, execution_id, event, details)
               SELECT at, execution_id, event, details FROM audit
               WHERE event = 'checkpoint.decided' LIMIT 1""",
            "was decided 2 times",
        ),
        ("UPDATE phase_runs SET revision = revision + 100", "were run, not"),
        ("UPDATE phase_runs SET fence = 0", "for 0 claims"),
        ("UPDATE executions SET state = 'running'", "have not ended|it is running"),
        ("UPDATE outbox SET state = 'queued'", "is still to be shown"),
    ],
)
def test_a_wrong_row_is_found(killed: Report, tmp_path: Path, change: str, violation: str) -> None:
    changed = tmp_path / "changed.db"
    with (
        closing(sqlite3.connect(killed.scene.effects.with_name("countersign.db"))) as database,
        closing(sqlite3.connect(changed)) as copied,
        copied,
    ):
        database.backup(copied)
        copied.execute(change)

    undisturbed = replace(killed.scene, database=Database(changed), moments=[])
    wrong = violations(undisturbed)

    assert any(re.search(violation, text) for text in wrong), wrong


def test_two_messages_in_which_one_checkpoint_can_be_decided_are_found(
    killed: Report,
) -> None:
    journal = killed.scene.workspace.journal
    armed = next(v for v in journal if any(b.label == "Skip" for b in buttons(v.blocks)))

    assert not [*actionable(journal)]
    assert [*actionable([armed, replace(armed, ts="1.0")])]
