"""Hundreds of people who click on one checkpoint in Slack at once.

Two bots listen to the practice workspace over Socket Mode and share a database; Slack gives a click
to the one or to the other. What each person then sees is compared with what stands in the tables:
here, unlike in a crowd, a click goes all the way that clicks go. Both bots live in this process, at
whose pace they all work; a click that is not acknowledged within Slack's three seconds is shown as
failed, and counted.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Final

from practice.state.records import User
from storage.records import Execution
from tests.chaos.siege.slackside import actionable
from tests.chaos.weather.crowd import Click, Told, wrongs
from tests.chaos.weather.ground import Books
from tests.slack.stage import Stage
from tests.support.message_snapshot import MessageSnapshot as Shown
from tests.support.workspace import Workspace

LABELS: Final = {"continue": "Continue", "skip": "Skip", "stop": "Stop"}
GUESTS: Final = 0.2
TOLD_WITHIN: Final = 60.0


@dataclass
class Figures:
    rounds: int = 0
    told: Counter[str] = field(default_factory=Counter)
    rounds_took: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        took = sorted(self.rounds_took) or [0.0]
        answers = ", ".join(f"{count} {answer}" for answer, count in sorted(self.told.items()))
        return [
            f"{self.rounds} rounds, {self.told.total()} clicks: {answers}",
            f"until all were acknowledged it took {took[len(took) // 2]:.2f} s (median), "
            f"{took[-1]:.2f} s (longest)",
        ]


def audience(url: str, *, rounds: int, people: int, seed: int) -> Figures:
    random, figures, books = Random(seed), Figures(), Books(url)
    with _two_bots(url) as (workspace, stage):
        clicking = _people(workspace, people, random)
        for number in range(rounds):
            clicks = [
                Click(who.id, random.choice([*LABELS]), guest=who.is_restricted) for who in clicking
            ]
            if number % 2:  # those who may not decide are the first to click
                clicks.sort(key=lambda click: not click.guest)
            stage.tidy()
            run = stage.start(f"plan number {number}")
            stage.work()
            shown = stage.armed(run)
            began = time.monotonic()
            acknowledged = _all_click(workspace, shown, clicks)
            figures.rounds_took.append(time.monotonic() - began)
            told = _what_they_see(workspace, stage, run, clicks, acknowledged)
            figures.rounds += 1
            figures.told.update(answer.answer for answer in told)
            checkpoint = str(next(b.value for b in shown.buttons if b.label.startswith("Continue")))
            figures.wrong += [
                f"round {number}: {wrong}" for wrong in wrongs(books, checkpoint, clicks, told)
            ]
        journal = workspace.call(lambda: [*workspace.practice.workspace.journal])
        figures.wrong += actionable(journal)
    return figures


@contextmanager
def _two_bots(url: str) -> Iterator[tuple[Workspace, Stage]]:
    with Workspace() as workspace, ExitStack() as stack:
        first, _ = (stack.enter_context(Stage(workspace, url)) for _ in range(2))
        links = workspace.practice.sockets.links
        workspace.wait_for(lambda: len(links) == 2, what="both to be connected")
        yield workspace, first


def _people(workspace: Workspace, count: int, random: Random) -> list[User]:
    """New members of the channel, some of them guests, who may not decide."""
    team = workspace.practice.workspace
    people = [
        User(
            id=f"U00CROWD{n:04}",
            name=f"crowd{n}",
            real_name=f"Crowd {n}",
            team_id=team.team_id,
            is_restricted=random.random() < GUESTS,
        )
        for n in range(count)
    ]

    def join() -> None:
        for person in people:
            team.add_user(person)
            workspace.channel("campaigns").members.append(person.id)

    workspace.call(join)
    return people


def _all_click(workspace: Workspace, shown: Shown, clicks: Sequence[Click]) -> set[str]:
    """Those whose click was acknowledged in time."""
    acknowledged: set[str] = set()

    def press(action: str) -> None:
        people = [click.who for click in clicks if click.action == action]
        answers = workspace.clicks(LABELS[action], by=people, message=shown) if people else []
        acknowledged.update(who for who, answer in zip(people, answers, strict=True) if answer.ok)

    with ThreadPoolExecutor(len(LABELS)) as buttons:
        for _ in buttons.map(press, LABELS):
            pass
    return acknowledged


def _what_they_see(
    workspace: Workspace,
    stage: Stage,
    run: Execution,
    clicks: Sequence[Click],
    acknowledged: set[str],
) -> list[Told]:
    """Once everybody whose click was acknowledged, but for who decided, was told something."""
    deciders = [actor.id for actor in stage.decided_by(run)]
    to_be_told = acknowledged.difference(deciders)

    def read() -> dict[str, str]:
        ephemerals = workspace.practice.workspace.ephemerals.values()
        return {str(m.ephemeral_to): str((m.text, m.blocks)) for m in [*ephemerals]}

    def all_are_told() -> bool:
        return to_be_told <= workspace.call(read).keys()

    deadline = time.monotonic() + TOLD_WITHIN
    while not all_are_told() and time.monotonic() < deadline:
        time.sleep(0.05)
    said = workspace.call(read)
    return [
        Told(click, _answer(click, deciders, acknowledged, said), said.get(click.who, ""))
        for click in clicks
    ]


def _answer(
    click: Click, deciders: Sequence[str], acknowledged: set[str], said: dict[str, str]
) -> str:
    words = said.get(click.who, "")
    if click.who in deciders:
        return "decided"
    if click.who not in acknowledged:
        return "failed visibly"
    if any(f"<@{decider}>" in words for decider in deciders):
        return "already"
    return "refused" if words else "otherwise"
