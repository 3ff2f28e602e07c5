"""Due messages among many that must wait, and how many rows the database reads to find them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from storage.db.database import upgrade, writing
from storage.db.engines import open_engine
from storage.outbox import rate_limits
from storage.outbox.outbox import Outbox
from storage.state_manager import StateManager
from tests.growth.work import Watch
from tests.storage.conftest import Run
from tests.support.factories import SettableClock
from tests.support.postgres import Server


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Engine]:
    yield from opened(f"sqlite:///{tmp_path / 'countersign.db'}", "PRAGMA synchronous=OFF")


@pytest.fixture
def postgresql(server: Server) -> Iterator[Engine]:
    """Without sequential scans, which it would prefer for small tables."""
    yield from opened(server.database(), "SET enable_seqscan = off")


def opened(url: str, statement: str) -> Iterator[Engine]:
    def connected(connection: Any, _record: object) -> None:
        connection.execute(statement)
        connection.commit()

    engine = open_engine(url)
    event.listen(engine, "connect", connected)
    upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def watch(engine: Engine) -> Watch:
    """Watches the connections from now on."""
    engine.dispose()
    return Watch(engine)


def test_messages_of_paused_channels_are_not_read(
    engine: Engine, watch: Watch, run: Run, state: StateManager, clock: SettableClock
) -> None:
    outbox = Outbox(engine, clock)
    with writing(engine) as connection:
        for key in ("CPAUSED", rate_limits.UPDATES):
            rate_limits.pause(connection, key, until=clock.now() + timedelta(hours=1))
    rows_read = []
    for _ in range(2):
        for _ in range(60):
            run.start(channel="CPAUSED")
        free = run.start(channel="CFREE")
        if engine.dialect.name == "postgresql":  # as autovacuum does after a while
            with engine.begin() as connection:
                connection.exec_driver_sql("ANALYZE")
        with watch.work() as work:
            [row] = outbox.take(owner="d")
        assert row.execution_id == free.id
        posted = outbox.posted(outbox.sending(row), channel="CFREE", ts=f"{row.seq}.0", shown=1)
        assert posted.version == 1
        rows_read.append(work.looked)

    few, many = rows_read
    assert many < 1.2 * few
