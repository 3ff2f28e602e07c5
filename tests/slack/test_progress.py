"""The first message of a run is updated at a limited rate, and ends with the last state."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from bot.slack.outbound import estimates, thread_status
from bot.slack.outbound.delivery import DEFAULT_TIMING
from storage.records import PhaseOutput, Usage
from tests.slack.stage import BRISK, Stage
from tests.support.message_snapshot import MessageSnapshot
from tests.support.workspace import ANA, Workspace

PAUSE = DEFAULT_TIMING.root_pause.total_seconds()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """Fast, except that the root message is updated at its real rate."""
    timing = replace(BRISK, root_pause=DEFAULT_TIMING.root_pause)
    with Workspace() as workspace, Stage(workspace, tmp_path / "c.db", timing=timing) as ready:
        yield ready


def used(tokens: int) -> Usage:
    return {"gpt": {"calls": 1, "prompt_tokens": tokens, "microdollars": tokens * 10}}


def test_a_chatty_run_is_shown_every_three_seconds_at_most_and_its_last_state_always(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thread_status, "COVERS_SECONDS", PAUSE / 2)
    workspace = stage.workspace
    execution = stage.start()
    root = stage.root(execution)
    claim = stage.claim()
    reports = 0
    until = time.monotonic() + 2 * PAUSE + 1
    while time.monotonic() < until:
        reports += 1
        progress: dict[str, object] = {
            "tasks": [{"task": f"step_{reports}", "agent": "Writer", "state": "running"}]
        }
        stage.state.progress(claim, progress, usage=used(1000 + reports))
        time.sleep(0.02)  # about fifty reports a second: this is the load, not a wait
    assert reports > 50
    stage.wait_until_read(root, f"{1000 + reports:,} tokens")
    stage.wait_until_read(root, f"step {reports} (Writer): at work")

    updates = [
        entry.at
        for entry in workspace.calls("chat.update")
        if isinstance(entry.sent, dict) and entry.sent.get("ts") == root.ts
    ]
    pauses = [later - earlier for earlier, later in pairwise(updates)]
    assert len(updates) >= 3
    assert min(pauses) >= PAUSE * 0.95, pauses


@pytest.fixture
def brisk(tmp_path: Path) -> Iterator[Stage]:
    with Workspace() as workspace, Stage(workspace, tmp_path / "c.db", timing=BRISK) as ready:
        yield ready


def test_usage_is_shown_during_a_run_and_estimates_the_next(
    brisk: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimates, "CHEAP_SECONDS", 60)  # however busy the machine is
    stage, workspace = brisk, brisk.workspace
    for number in (1, 2):
        execution = stage.start(by=ANA)
        root = stage.root(execution)
        estimated = "next: analysis, usually about 2,300 tokens, $0.02"
        for tokens in (1200, 2345, 345):
            stage.state.phase_done(stage.claim(), PhaseOutput("A text."), usage=used(tokens))
            if tokens == 345:
                continue
            message = stage.armed(execution)
            assert f"this phase: {tokens:,} tokens" in message.everything
            assert (estimated in message.everything) == (number == 2 and tokens == 1200)
            assert workspace.click("Continue", by=ANA, message=message).ok
        stage.wait_until_read(root, "The execution is complete")
        stage.wait_until_read(root, "3,890 tokens · $0.04")
        stage.wait_until_read(root, "planning 1,200, analysis 2,345, finalization 345")
    finals = workspace.wait_for(lambda: _two_finals(stage), what="both final messages")
    assert ["3,890 tokens · $0.04" in m.everything for m in finals] == [True, True]


def _two_finals(stage: Stage) -> list[MessageSnapshot]:
    finals = [m for m in stage.everywhere() if m.text.startswith("The execution is complete")]
    return finals if len(finals) == 2 else []
