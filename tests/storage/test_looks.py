"""Looks for messages, among many that have to rest. The database tells how much it looked at."""

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
    """It would read small tables whole, whatever is in them."""
    yield from opened(server.database(), "SET enable_seqscan = off")


def opened(url: str, begins_with: str) -> Iterator[Engine]:
    def connected(connection: Any, _record: object) -> None:
        connection.execute(begins_with)
        connection.commit()

    engine = open_engine(url)
    event.listen(engine, "connect", connected)
    upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def watch(engine: Engine) -> Watch:
    """Of the connections from now on."""
    engine.dispose()
    return Watch(engine)


def test_a_look_does_not_read_what_lies_in_channels_that_rest(
    engine: Engine, watch: Watch, run: Run, state: StateManager, clock: SettableClock
) -> None:
    outbox = Outbox(engine, clock)
    with writing(engine) as connection:
        for key in ("CREST", rate_limits.UPDATES):
            rate_limits.pause(connection, key, until=clock.now() + timedelta(hours=1))
    looked = []
    for _ in range(2):
        for _ in range(60):
            run.start(channel="CREST")
        beside = run.start(channel="CFREE")
        if engine.dialect.name == "postgresql":  # which does so by itself after a while
            with engine.begin() as connection:
                connection.exec_driver_sql("ANALYZE")
        with watch.work() as work:
            [taken] = outbox.take(owner="d")
        assert taken.execution_id == beside.id
        posted = outbox.posted(outbox.sending(taken), channel="CFREE", ts=f"{taken.seq}.0", shown=1)
        assert posted.version == 1
        looked.append(work.looked)

    few, many = looked
    assert many < 1.2 * few
