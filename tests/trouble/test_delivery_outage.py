"""Delivery when the database fails in the middle of a message."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import pytest
from slack_sdk import WebClient

from bot.slack.outbound.delivery import DEFAULT_TIMING, Delivery
from storage.db.database import SystemClock, upgrade
from storage.db.engines import open_engine
from storage.errors import Unreachable
from storage.messages import OutboxRow
from storage.outbox.outbox import Outbox
from storage.ports import NoSignal
from storage.reads import Reads
from storage.state_manager import StateManager
from tests.storage.conftest import RecordingDispatch, Run

SOON = 15.0
"""Seconds; much less than the minute for which a row is leased."""


def test_the_interrupted_row_is_delivered_at_once_and_not_when_its_lease_expires(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'countersign.db'}")
    upgrade(engine)
    clock, reads = SystemClock(), Reads(engine)
    state = StateManager(engine, clock=clock, dispatch=RecordingDispatch(), signal=NoSignal())
    Run(state, reads).start()
    delivery = Delivery(
        WebClient(),
        outbox=Outbox(engine, clock),
        reads=reads,
        clock=clock,
        owner="this",
        threads=1,
        timing=DEFAULT_TIMING,
    )
    tries: list[str] = []
    again = threading.Event()

    def deliver(row: OutboxRow) -> None:
        tries.append(row.key)
        if len(tries) == 1:
            raise Unreachable("the database does not answer")
        again.set()

    monkeypatch.setattr(delivery, "deliver", deliver)
    delivery.start()
    try:
        delivery.wake()
        assert again.wait(SOON)
    finally:
        delivery.stop(timedelta(seconds=5))
        engine.dispose()

    assert tries[0] == tries[1]
    assert "Traceback" not in caplog.text
