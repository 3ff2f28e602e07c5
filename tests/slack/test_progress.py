"""The first message of a run follows it at a bearable pace, and ends up with its last state."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from bot.slack.outbound import estimates
from bot.slack.outbound.delivery import DEFAULT_TIMING
from storage.reads import Reads
from storage.records import PhaseOutput, Usage
from tests.slack.stage import BRISK, Stage
from tests.support.message_snapshot import MessageSnapshot
from tests.support.workspace import ANA, Workspace

PAUSE = DEFAULT_TIMING.root_pause.total_seconds()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """Brisk but for the root message, which keeps its real pace."""
    tempo = replace(BRISK, root_pause=DEFAULT_TIMING.root_pause)
    with Workspace() as workspace, Stage(workspace, tmp_path / "c.db", tempo=tempo) as ready:
        yield ready


def used(tokens: int) -> Usage:
    return {"gpt": {"calls": 1, "prompt_tokens": tokens, "microdollars": tokens * 10}}


def test_a_chatty_run_is_shown_every_three_seconds_at_most_and_its_last_state_always(
    stage: Stage,
) -> None:
    workspace = stage.workspace
    execution = stage.start()
    root = stage.root(execution)
    claim = stage.claim()
    told = 0
    until = time.monotonic() + 2 * PAUSE + 1
    while time.monotonic() < until:
        told += 1
        doing: dict[str, object] = {
            "tasks": [{"task": f"step_{told}", "agent": "Writer", "state": "running"}]
        }
        stage.state.progress(claim, doing, usage=used(1000 + told))
        time.sleep(0.02)  # about fifty a second: what is told is the load, not a wait
    assert told > 50
    stage.wait_until_read(root, f"{1000 + told:,} tokens")
    stage.wait_until_read(root, f"step {told} (Writer): at work")

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
    with Workspace() as workspace, Stage(workspace, tmp_path / "c.db", tempo=BRISK) as ready:
        yield ready


def test_what_runs_used_is_told_on_the_way_and_estimates_the_next_run(
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
            asked = stage.armed(execution)
            assert f"this phase: {tokens:,} tokens" in asked.everything
            assert (estimated in asked.everything) == (number == 2 and tokens == 1200)
            assert workspace.click("Continue", by=ANA, message=asked).ok
        stage.wait_until_read(root, "The execution is complete")
        stage.wait_until_read(root, "3,890 tokens · $0.04")
        stage.wait_until_read(root, "planning 1,200, analysis 2,345, finalization 345")
    finals = workspace.wait_for(lambda: _two_finals(stage), what="both final messages")
    assert ["3,890 tokens · $0.04" in m.everything for m in finals] == [True, True]


def test_a_look_up_that_takes_long_is_not_made_again_at_once() -> None:
    asked = []

    class SlowReads(Reads):
        def usage_of_phase(self, crew: str, phase: str, *, runs: int = 20) -> tuple[Usage, ...]:
            asked.append((crew, phase, runs))
            time.sleep(estimates.CHEAP_SECONDS * 1.5)
            return (used(1000),)

    usual = estimates.Estimates(SlowReads(create_engine("sqlite://")))
    first = usual.of("plan", "analysis")
    assert first is not None
    assert (usual.of("plan", "analysis"), len(asked)) == (first, 1)
    usual.of("plan", "finalization")
    assert len(asked) == 2


def _two_finals(stage: Stage) -> list[MessageSnapshot]:
    finals = [m for m in stage.everywhere() if m.text.startswith("The execution is complete")]
    return finals if len(finals) == 2 else []
