"""A message gets its buttons only once its timestamp is stored."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from storage.messages import OutboxKind, OutboxRow
from tests.slack.stage import Stage
from tests.support.workspace import Workspace


def test_a_checkpoint_has_no_buttons_before_its_timestamp_is_stored(
    stage: Stage, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    execution = stage.start()
    workspace.wait_for(lambda: not stage.outbox.has_pending())
    about_to_store, go_on = threading.Event(), threading.Event()
    store = stage.outbox.posted

    def store_slowly(row: OutboxRow, **posted: Any) -> OutboxRow:
        if row.kind is OutboxKind.CHECKPOINT:
            about_to_store.set()
            go_on.wait(10)
        return store(row, **posted)

    monkeypatch.setattr(stage.outbox, "posted", store_slowly)
    stage.work()

    assert about_to_store.wait(10)
    [message] = stage.about(execution)
    assert message.buttons == []
    assert stage.waiting(execution).message_ts is None
    go_on.set()
    assert stage.armed(execution).ts == message.ts == stage.waiting(execution).message_ts
