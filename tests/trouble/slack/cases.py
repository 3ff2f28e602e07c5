"""Scenario: every call that the bot makes to Slack, with every answer that Slack may give."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Final

from tests.trouble.slack import answers, stories
from tests.trouble.slack.answers import LASTING, Fault
from tests.trouble.slack.stage import HurriedStage, hurried_stage
from tests.trouble.slack.stories import Story

TIMES: Final = (1, LASTING)


@dataclass(frozen=True)
class Case:
    """A call, an answer to it and the expected outcome; None if several outcomes are allowed."""

    method: str
    story: Story
    fault: Fault
    expected: str | None = None

    def __str__(self) -> str:
        return f"{self.method}: {self.fault}"


def cases() -> Iterator[Case]:
    for times in TIMES:
        for fault, expected in answers.of_posting(times):
            yield Case("chat.postMessage", stories.post, fault, expected)
        for fault in answers.network(times):
            yield Case("chat.postMessage (root)", stories.root, fault, answers.RETRIED)
        for fault, expected in answers.of_arming(times):
            yield Case("chat.update", stories.arm, fault, expected)
        for fault in answers.network(times):
            outcome = answers.ANSWERED if times == 1 else None
            yield Case("response_url", stories.answer_late, fault, outcome)
        for method, story in OTHERS.items():
            for fault in answers.of_any(method, times):
                yield Case(method, story, fault)


OTHERS: Final[dict[str, Story]] = {
    "conversations.replies": stories.look,
    "conversations.history": stories.look_for_root,
    "chat.delete": stories.delete,
    "files.getUploadURLExternal": stories.upload("files.getUploadURLExternal"),
    "upload": stories.upload("upload"),
    "files.completeUploadExternal": stories.upload("files.completeUploadExternal"),
    "conversations.open": stories.direct,
    "users.info": stories.facts("users.info"),
    "conversations.members": stories.facts("conversations.members"),
    "conversations.info": stories.place,
    "views.open": stories.form,
    "chat.postEphemeral": stories.answer_in_thread,
    "apps.connections.open": stories.connect,
}


@dataclass
class Figures:
    cases: int = 0
    outcomes: dict[str, Counter[str]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        lines = [f"{self.cases} answers of Slack"]
        for method, outcomes in self.outcomes.items():
            counted = ", ".join(f"{outcome} {count}" for outcome, count in outcomes.most_common())
            lines.append(f"{method}: {counted}")
        return lines


def slack_answers(
    url: str, *, count: int, seed: int, say: Callable[[str], object] = str
) -> Figures:
    """Play `count` random cases with one bot, each in its own execution; `say` reports each."""
    shuffled = [*cases()]
    Random(seed).shuffle(shuffled)
    figures = Figures()
    with hurried_stage(url) as stage:
        for case in shuffled[:count]:
            started = time.monotonic()
            say(f"{case}: {_play(stage, case, figures)}, {time.monotonic() - started:.1f} s")
    return figures


def _play(stage: HurriedStage, case: Case, figures: Figures) -> str:
    """Play a case; returns its outcome, or the violation."""
    figures.cases += 1
    outcomes = figures.outcomes.setdefault(case.method, Counter())
    try:
        outcome = case.story(stage, case.fault)
    except AssertionError as error:
        outcomes["violation"] += 1
        figures.wrong.append(f"{case}: {str(error).splitlines()[0]}")
        stage.tidy_up()
        return f"✗ {str(error).splitlines()[0]}"
    outcomes[outcome] += 1
    if case.expected is not None and outcome != case.expected:
        figures.wrong.append(f"{case}: {outcome}, not {case.expected}")
        return f"✗ {outcome}, not {case.expected}"
    return outcome
