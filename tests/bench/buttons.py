"""From the end of a phase to buttons that can be clicked, at the rate limits that Slack enforces.

Twenty phases end within ten seconds while their runs report progress, and are decided within the
next minute. The worker is the benchmark itself: what it measures is storage and delivery.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import Final

from bot.slack.ids import DECISIONS
from bot.slack.outbound.delivery import DEFAULT_TIMING
from practice.state.records import Channel, Version
from storage.errors import LeaseLost
from storage.records import Claim
from tests.bench.figures import Figure, Result, spread
from tests.slack.stage import Stage
from tests.support.factories import asking, crew, member, output
from tests.support.message_snapshot import buttons
from tests.support.people import Answer
from tests.support.workspace import ANA, BOT, Workspace

RUNS: Final = 20
CHANNELS: Final = 10
ANA_ACTOR: Final = member(ANA, "Ana")
SHORT: Final = "Ride more, and tell everybody in town."
DRAFT: Final = "A paragraph of a draft, as a reviewer would read it on a phone. " * 40


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds: how long the runs report progress before, and within what the phases end and are
    decided."""

    before: float = 20.0
    ends: float = 10.0
    decisions: float = 60.0
    progress: float = 1.0


@dataclass(slots=True)
class _Waiting:
    """A checkpoint: when its phase ended, and when somebody clicked."""

    id: str
    ended_at: float
    clicked_at: float = 0.0


def measure(folder: Path, *, runs: int = RUNS, pace: Pace | None = None) -> Result:
    pace = pace or Pace()
    with Workspace() as workspace:
        channels = [f"C00LIMIT{number:02}" for number in range(min(CHANNELS, runs))]
        for number, channel in enumerate(channels):
            workspace.add_channel(Channel(channel, f"limit-{number}", members=[ANA, BOT]))
        workspace.slow_down(rate=1.0, burst=4.0)
        workspace.enforce_tiers()
        crews = {"plan": crew(phases=("planning", "finalization"), after=("planning",))}
        with Stage(workspace, folder / "buttons.db", crews=crews, timing=DEFAULT_TIMING) as stage:
            waiting = _play(stage, _claims(stage, channels, runs), pace)
            journal = workspace.journal
        calls = [call for call in workspace.calls() if call.name == "chat.update"]
    refused = sum(call.status == 429 for call in calls)
    return Result(
        name="buttons",
        about=f"{runs} phases end within {pace.ends:g} s in {len(channels)} channels, "
        f"under Slack's rate limits ({refused} of {len(calls)} updates refused)",
        samples=len(waiting),
        figures=(
            *spread(
                "phase's end to buttons", [_armed_at(journal, w) - w.ended_at for w in waiting]
            ),
            *spread("click to decided", [_shown_at(journal, w) - w.clicked_at for w in waiting]),
            Figure("updates", len(calls), ""),
        ),
    )


def _claims(stage: Stage, channels: list[str], runs: int) -> list[Claim]:
    """Runs with a thread, whose first phase is at work."""
    for number in range(runs):
        stage.state.start_execution(
            definition=stage.crews["plan"],
            request=asking(),
            requester=ANA_ACTOR,
            channel=channels[number % len(channels)],
        )
    claims = [stage.claim() for _ in range(runs)]
    stage.workspace.wait_for(
        lambda: all(stage.reads.execution(c.execution.id).thread_ts for c in claims), 60
    )
    return claims


def _play(stage: Stage, claims: list[Claim], pace: Pace) -> list[_Waiting]:
    at_work = list(claims)
    ended = Event()
    reporter = Thread(target=_report, args=(stage, at_work, pace, ended), daemon=True)
    reporter.start()
    time.sleep(pace.before)  # this is the load, not a wait
    waiting = []
    for number, claim in enumerate(claims):
        at_work.remove(claim)
        stage.state.phase_done(claim, output(DRAFT if number % 2 else SHORT))
        checkpoint = stage.waiting(claim.execution)
        waiting.append(_Waiting(checkpoint.id, time.time()))
        time.sleep(pace.ends / len(claims))
    for each, claim in zip(waiting, claims, strict=True):
        card = stage.armed(claim.execution, timeout=120)
        each.clicked_at = time.time()
        answer: Answer = stage.workspace.click("Continue", by=ANA, message=card)
        assert answer.ok, answer
        at_work.append(stage.claim())
        time.sleep(pace.decisions / len(claims))
    for each in waiting:
        stage.workspace.wait_for(partial(_is_shown, stage.workspace, each), 120)
    ended.set()
    reporter.join()
    return waiting


def _report(stage: Stage, at_work: list[Claim], pace: Pace, ended: Event) -> None:
    """Every run reports which task it works on, all the time."""
    number = 0
    while not ended.wait(pace.progress):
        number += 1
        for claim in list(at_work):
            tasks = [{"task": f"step_{number}", "agent": "Writer", "state": "running"}]
            with suppress(LeaseLost):  # its phase has just ended
                stage.state.progress(claim, {"tasks": tasks})


def _is_shown(workspace: Workspace, waiting: _Waiting) -> bool:
    return _shown_at(workspace.journal, waiting) > 0


def _armed_at(journal: Iterable[Version], waiting: _Waiting) -> float:
    return next(version.at for version in journal if _can_decide(version, waiting))


def _shown_at(journal: Iterable[Version], waiting: _Waiting) -> float:
    """When the decision was shown; 0 if it is not."""
    card = None
    for version in journal:
        if _can_decide(version, waiting):
            card = version.ts
        elif version.ts == card:
            return version.at
    return 0.0


def _can_decide(version: Version, waiting: _Waiting) -> bool:
    shown = [button for button in buttons(version.blocks) if button.action_id in DECISIONS]
    return any(str(button.value).startswith(waiting.id) for button in shown)
