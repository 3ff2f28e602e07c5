"""Backups made while people decide: they contain every decision acknowledged before."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL, Engine, make_url

from bot.bootstrap import install_queue
from storage.db.audit_check import Anchor, verify
from storage.db.backup import CannotBackUp, after_restore, back_up, newest_event
from storage.db.database import upgrade
from storage.db.engines import open_engine
from storage.decisions import Decision
from storage.records import Action
from storage.states import ExecutionState
from tests.support.factories import BEN, NOON
from tests.support.installation import Installation
from tests.support.postgres import Server, programs

RUNS = 30


def backed_up(engine: Engine, folder: Path) -> URL:
    """Back up and restore as the documentation says. Returns the URL of the restored database."""
    if engine.dialect.name == "sqlite":
        copy = folder / "backup.db"
        back_up(engine.url, copy)
        assert [path.name for path in folder.glob("backup.db*")] == ["backup.db"]
        return make_url(f"sqlite:///{copy}")
    folder_of_programs = programs()
    assert folder_of_programs is not None, "PostgreSQL is not installed"
    url = engine.url.set(drivername="postgresql", database="restored")
    dump = str(folder / "countersign.dump")
    for arguments in (
        ["pg_dump", "--format=custom", f"--file={dump}", plain(engine.url)],
        ["createdb", f"--maintenance-db={plain(engine.url)}", "restored"],
        ["pg_restore", "--no-owner", "--exit-on-error", f"--dbname={plain(url)}", dump],
    ):
        subprocess.run([folder_of_programs / arguments[0], *arguments[1:]], check=True, timeout=60)
    return url


def plain(url: URL) -> str:
    """Return the URL in the form that PostgreSQL's own programs accept."""
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


@pytest.fixture(params=["sqlite", "postgresql"])
def used(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    if request.param == "sqlite":
        engine = open_engine(f"sqlite:///{tmp_path / 'countersign.db'}")
    else:
        server: Server = request.getfixturevalue("server")
        engine = open_engine(server.database())
    upgrade(engine, install_queue)
    yield engine
    engine.dispose()


def test_a_backup_has_every_decision_acknowledged_before_it_and_work_continues_from_it(
    used: Engine, tmp_path: Path
) -> None:
    life = Installation(used)
    waiting = [life.live()[ExecutionState.WAITING_FEEDBACK]]
    waiting += [life.begin() for _ in range(RUNS)]
    acknowledged: list[str] = []
    a_third, all_of_them = threading.Event(), threading.Event()

    def decide() -> None:
        for run in waiting[1:]:
            checkpoint = life.waiting(run)
            life.state.decide(Decision(checkpoint.id, Action.CONTINUE, BEN))
            acknowledged.append(checkpoint.id)
            if len(acknowledged) == RUNS // 3:
                a_third.set()
        all_of_them.set()

    deciding = threading.Thread(target=decide)
    deciding.start()
    assert a_third.wait(30)
    before = list(acknowledged)
    url = backed_up(used, tmp_path)
    assert all_of_them.wait(30)
    deciding.join()

    engine = open_engine(url.render_as_string(hide_password=False))
    upgrade(engine, install_queue)
    restored = Installation(engine)
    decided = {one for one in acknowledged if restored.reads.checkpoint(one).feedback is not None}
    assert set(before) <= decided
    # Each decision is complete, with what followed from it.
    for one in decided:
        run = restored.reads.execution(restored.reads.checkpoint(one).execution_id)
        assert run.state is ExecutionState.PENDING or run.state is ExecutionState.RUNNING
        assert len(restored.reads.phase_runs(run.id)) == 2
    restored.decide(waiting[0], Action.CONTINUE)
    assert restored.work(waiting[0]).state is ExecutionState.WAITING_FEEDBACK
    assert newest_event(engine) == restored.clock.now() >= NOON

    # The copy's audit log is a chain of its own, which branches off from the other's.
    copied = verify(engine)
    after_restore(engine)
    continued = verify(engine, anchor=Anchor(copied.length, copied.hash))
    assert (copied.problem, continued.problem) == (None, None)
    assert continued.length == copied.length + 1
    assert verify(used).problem is None
    engine.dispose()


def test_a_backup_overwrites_nothing_and_a_corrupt_database_gets_none(
    sqlite: Engine, tmp_path: Path
) -> None:
    Installation(sqlite).live()
    url, copy = sqlite.url, tmp_path / "copy.db"
    back_up(url, copy)
    with pytest.raises(CannotBackUp, match=r"copy\.db already exists"):
        back_up(url, copy)
    with pytest.raises(CannotBackUp, match=r"There is no file .*none\.db"):
        back_up(make_url(f"sqlite:///{tmp_path / 'none.db'}"), tmp_path / "b.db")
    with pytest.raises(CannotBackUp, match=r"b\.db could not be written"):
        back_up(url, tmp_path / "no folder" / "b.db")
    sqlite.dispose()
    with Path(url.database or "").open("r+b") as damaged:
        damaged.seek(3 * 4096)
        damaged.write(b"\x00" * 4096 * 4)
    with pytest.raises(CannotBackUp, match=r"b\.db could not be written"):
        back_up(url, tmp_path / "b.db")
    assert not list(tmp_path.glob("b.db*"))
