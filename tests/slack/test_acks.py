"""Whatever is acknowledged to Slack has been committed, so a crash after that loses nothing."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from slack_bolt import Ack
from sqlalchemy import select

from bot.slack.ids import TEXT_BLOCK
from storage.db.tables import audit
from tests.slack.stage import Stage
from tests.support.workspace import ANA, BEN, Workspace


@pytest.fixture
def at_each_ack(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The newest event of the audit log at each acknowledgement by a listener.

    Bolt itself acknowledges events, in another thread; tests/slack/test_door.py tests those.
    """
    events: list[str] = []
    acknowledge = Ack.__call__
    last = select(audit.c.event).order_by(audit.c.seq.desc()).limit(1)

    def recording(ack: Ack, *args: Any, **kwargs: Any) -> Any:
        if threading.current_thread().name.startswith("slack-listener"):
            with stage.engine.connect() as connection:
                events.append(connection.execute(last).scalar_one_or_none() or "")
        return acknowledge(ack, *args, **kwargs)

    monkeypatch.setattr(Ack, "__call__", recording)
    return events


def test_what_somebody_does_is_committed_before_it_is_acknowledged(
    stage: Stage, workspace: Workspace, at_each_ack: list[str]
) -> None:
    execution = stage.start()
    stage.work()
    message = stage.armed(execution)
    workspace.click("Revise", by=BEN, message=message)
    workspace.submit({TEXT_BLOCK: "shorter"}, by=BEN)
    stage.work()
    workspace.click("Continue", by=BEN, message=stage.armed(execution))
    workspace.click("Cancel", by=ANA, message=stage.root(execution))

    assert at_each_ack == [
        "execution.started",
        "checkpoint.opened",  # the intent to revise is not in the audit log
        "checkpoint.decided",
        "checkpoint.decided",
        "execution.cancelled",
    ]
