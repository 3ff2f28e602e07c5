"""Scenario: hundreds of people click on one checkpoint in Slack at once.

Two bots listen to the practice workspace over Socket Mode and share a database; Slack sends each
click to one of them. Unlike in `clicks`, a click takes the whole path through Slack. Both bots run
in this process, which limits their speed; a click that is not acknowledged within Slack's three
seconds is shown as failed, and counted.
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
from tests.trouble.contention.actors import Act, Response
from tests.trouble.contention.clicks import Figures
from tests.trouble.db import Database
from tests.trouble.oracles.messages import actionable

LABELS: Final = {"continue": "Continue", "skip": "Skip", "stop": "Stop"}
GUESTS: Final = 0.2
SHOWN_WITHIN: Final = 60.0


def audience(url: str, *, rounds: int, people: int, seed: int) -> Figures:
    random, figures, database = Random(seed), Figures(), Database(url)
    with _two_bots(url) as (workspace, stage):
        audience = _people(workspace, people, random)
        for number in range(rounds):
            clicks = [
                Act("click", who.id, random.choice([*LABELS]), guest=who.is_restricted)
                for who in audience
            ]
            if number % 2:  # guests, who may not decide, click first
                clicks.sort(key=lambda click: not click.guest)
            stage.tidy()
            execution = stage.start(f"plan number {number}")
            stage.work()
            message = stage.armed(execution)
            checkpoint = stage.waiting(execution).id
            answers = _all_click(workspace, message, clicks)
            deciders = [actor.id for actor in stage.decided_by(execution)]
            responses = _responses(workspace, _Round(clicks, answers, deciders))
            figures.note(database, checkpoint, responses, people)
        figures.wrong += actionable(workspace.journal)
    return figures


@dataclass(frozen=True)
class _Round:
    """`answers`: the seconds until the acknowledgement, by person; others got none."""

    clicks: Sequence[Act]
    answers: dict[str, float]
    deciders: Sequence[str]

    def response(self, click: Act, words: dict[str, str]) -> Response:
        seconds = self.answers.get(click.who, 0.0)
        answer = self._answer(click.who, words)
        return Response(click, answer, words.get(click.who, ""), seconds=seconds)

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
        workspace.wait_for(lambda: len(links) == 2, what="both bots to be connected")
        yield workspace, first


def _people(workspace: Workspace, count: int, random: Random) -> list[User]:
    """New channel members; some are guests, who may not decide."""
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
    workspace: Workspace, message: MessageSnapshot, clicks: Sequence[Act]
) -> dict[str, float]:
    """The people whose clicks were acknowledged in time, with the seconds until all were."""
    started = time.monotonic()

    def press(action: str) -> set[str]:
        people = [click.who for click in clicks if click.action == action]
        answers = workspace.clicks(LABELS[action], by=people, message=message) if people else []
        return {who for who, answer in zip(people, answers, strict=True) if answer.ok}

    with ThreadPoolExecutor(len(LABELS)) as buttons:
        acknowledged = set().union(*buttons.map(press, LABELS))
    return dict.fromkeys(acknowledged, time.monotonic() - started)


def _responses(workspace: Workspace, round_: _Round) -> list[Response]:
    """Wait until everybody acknowledged but the decider sees a message; return all responses."""
    expected = round_.answers.keys() - set(round_.deciders)

    def read() -> dict[str, str]:
        ephemerals = workspace.practice.workspace.ephemerals.values()
        return {str(m.ephemeral_to): str((m.text, m.blocks)) for m in [*ephemerals]}

    deadline = time.monotonic() + SHOWN_WITHIN
    while not expected <= workspace.call(read).keys() and time.monotonic() < deadline:
        time.sleep(0.05)
    words = workspace.call(read)
    return [round_.response(click, words) for click in round_.clicks]
