"""The socket comes up when Slack does, and again after every break."""

from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path
from threading import enumerate as threads
from time import monotonic

import pytest

from bot.slack.app import SlackConfig
from tests.slack.stage import Stage
from tests.support.workspace import ANA, Workspace


def test_the_bot_starts_while_slack_is_unreachable_and_connects_later(
    own_workspace: Workspace, tmp_path: Path
) -> None:
    own_workspace.faults.server_error("apps.connections.open", times=2)
    before = monotonic()
    with Stage(own_workspace, tmp_path / "c.db") as stage:
        own_workspace.wait_for(lambda: stage.front.connected)
        assert len(own_workspace.calls("apps.connections.open")) == 3
        assert stage.start("plan a launch")
    assert monotonic() - before < 15


def test_a_disconnect_that_slack_announces_loses_no_click(
    own_stage: Stage, own_workspace: Workspace
) -> None:
    stage, workspace = own_stage, own_workspace
    execution = stage.start()
    stage.work()
    message = stage.armed(execution)
    connected = len(workspace.calls("apps.connections.open"))

    workspace.disconnect()
    # The next connection is open long before the workspace closes the announced one.
    workspace.wait_for(lambda: len(workspace.calls("apps.connections.open")) > connected, timeout=3)
    workspace.wait_until_connected()
    workspace.click("Continue", by=ANA, message=message)

    stage.wait_until_read(message, "Continued by")


def test_a_broken_connection_is_replaced(own_stage: Stage, own_workspace: Workspace) -> None:
    stage, workspace = own_stage, own_workspace
    workspace.disconnect(abrupt=True)
    workspace.wait_for(
        lambda: len(workspace.calls("apps.connections.open")) > 1, timeout=5, what="a new socket"
    )
    workspace.wait_until_connected()
    assert stage.start("plan a launch")


def test_stopping_ends_every_thread_in_time(own_workspace: Workspace, tmp_path: Path) -> None:
    with Stage(own_workspace, tmp_path / "c.db") as stage:
        stage.start("plan a launch")
        assert [t for t in threads() if t.name.startswith("slack-")]
        started = monotonic()
        stage.front.stop(timedelta(seconds=5))
        assert monotonic() - started < 5.0
        own_workspace.wait_for(
            lambda: not [t for t in threads() if t.name.startswith("slack-")], what="threads to end"
        )


def test_tokens_are_not_in_the_configs_repr_nor_in_the_log(
    own_workspace: Workspace, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with Stage(own_workspace, tmp_path / "c.db") as stage:
        execution = stage.start("plan a launch with a secret-request")
        stage.work("secret-model-text")
        stage.armed(execution)
        own_workspace.command("plan x --checkpoints nope")
        stage.answer_to(ANA, "no checkpoint")
    config = SlackConfig(bot_token="xoxb-1", signing_secret="s3cret", app_token="xapp-1")
    for secret in ("xoxb-1", "s3cret", "xapp-1"):
        assert secret not in repr(config)
    ours = "\n".join(
        r.getMessage() for r in caplog.records if r.name.startswith(("bot.slack", "slack"))
    )
    for secret in ("xoxb-practice", "xapp-practice", "secret-request", "secret-model-text"):
        assert secret not in ours
