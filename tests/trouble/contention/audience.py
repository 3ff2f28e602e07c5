"""Hundreds of people click on one checkpoint in Slack at once.

Two bots listen to the practice workspace over Socket Mode and share a database; Slack gives a click
to the one or to the other. Other than in `clicks`, a click goes all the way that clicks go. Both
bots live in this process, at whose pace they all work; a click that is not acknowledged within
Slack's three seconds is shown as failed, and counted.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from random import Random
from typing import Final

from practice.state.records import User
from tests.slack.stage import Stage
from tests.support.message_snapshot import MessageSnapshot
from tests.support.workspace import Workspace
from tests.trouble.contention.actors import Act, Told
from tests.trouble.contention.clicks import Figures
from tests.trouble.db import Database
from tests.trouble.oracles.messages import actionable

LABELS: Final = {"continue": "Continue", "skip": "Skip", "stop": "Stop"}
GUESTS: Final = 0.2
TOLD_WITHIN: Final = 60.0


def audience(url: str, *, rounds: int, people: int, seed: int) -> Figures:
    random, figures, database = Random(seed), Figures(), Database(url)
    with _two_bots(url) as (workspace, stage):
        audience = _people(workspace, people, random)
        for number in range(rounds):
            clicks = [
                Act("click", who.id, random.choice([*LABELS]), guest=who.is_restricted)
                for who in audience
            ]
            if number % 2:  # those who may not decide are the first to click
                clicks.sort(key=lambda click: not click.guest)
            stage.tidy()
            execution = stage.start(f"plan number {number}")
            stage.work()
            shown = stage.armed(execution)
            checkpoint = stage.waiting(execution).id
            answers = _all_click(workspace, shown, clicks)
            deciders = [actor.id for actor in stage.decided_by(execution)]
            told = _what_they_see(workspace, _Round(clicks, answers, deciders))
            figures.note(database, checkpoint, told, people)
        figures.wrong += actionable(workspace.journal)
    return figures


@dataclass(frozen=True)
class _Round:
    """`answers`: how long the acknowledgement took of each whose click was acknowledged."""

    clicks: Sequence[Act]
    answers: dict[str, float]
    deciders: Sequence[str]

    def told(self, click: Act, words: dict[str, str]) -> Told:
        seconds = self.answers.get(click.who, 0.0)
        answer = self._answer(click.who, words)
        return Told(click, answer, words.get(click.who, ""), seconds=seconds)

    def _answer(self, who: str, words: dict[str, str]) -> str:
        if who in self.deciders:
            return "decided"
        if who not in self.answers:
            return "failed visibly"
        if any(f"<@{decider}>" in words.get(who, "") for decider in self.deciders):
            return "already"
        return "refused" if words.get(who) else "otherwise"


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


def _all_click(
    workspace: Workspace, shown: MessageSnapshot, clicks: Sequence[Act]
) -> dict[str, float]:
    """Those whose click was acknowledged in time, with how long it took until all were."""
    began = time.monotonic()

    def press(action: str) -> set[str]:
        people = [click.who for click in clicks if click.action == action]
        answers = workspace.clicks(LABELS[action], by=people, message=shown) if people else []
        return {who for who, answer in zip(people, answers, strict=True) if answer.ok}

    with ThreadPoolExecutor(len(LABELS)) as buttons:
        acknowledged = set().union(*buttons.map(press, LABELS))
    return dict.fromkeys(acknowledged, time.monotonic() - began)


def _what_they_see(workspace: Workspace, round_: _Round) -> list[Told]:
    """Once everybody whose click was acknowledged, except the decider, was told something."""
    to_be_told = round_.answers.keys() - set(round_.deciders)

    def read() -> dict[str, str]:
        ephemerals = workspace.practice.workspace.ephemerals.values()
        return {str(m.ephemeral_to): str((m.text, m.blocks)) for m in [*ephemerals]}

    deadline = time.monotonic() + TOLD_WITHIN
    while not to_be_told <= workspace.call(read).keys() and time.monotonic() < deadline:
        time.sleep(0.05)
    words = workspace.call(read)
    return [round_.told(click, words) for click in round_.clicks]
