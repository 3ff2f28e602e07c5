"""Every call that the bot makes of Slack, with everything that Slack may answer."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Final

from tests.trouble.slack import answers, stories
from tests.trouble.slack.answers import AWHILE, Fault
from tests.trouble.slack.stage import HurriedStage, hurried_stage
from tests.trouble.slack.stories import Story

ALSO_LASTING: Final = (1, AWHILE)


@dataclass(frozen=True)
class Case:
    """A call, an answer to it, and what must become of it; None: nothing that must not."""

    method: str
    story: Story
    fault: Fault
    expected: str | None = None

    def __str__(self) -> str:
        return f"{self.method}: {self.fault}"


def cases() -> Iterator[Case]:
    for times in ALSO_LASTING:
        for fault, expected in answers.of_posting(times):
            yield Case("chat.postMessage", stories.post, fault, expected)
        for fault in answers.network(times):
            yield Case("chat.postMessage (root)", stories.root, fault, answers.RETRIED)
        for fault, expected in answers.of_arming(times):
            yield Case("chat.update", stories.arm, fault, expected)
        for fault in answers.network(times):
            answered = answers.ANSWERED if times == 1 else None
            yield Case("response_url", stories.answer_late, fault, answered)
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
    became: dict[str, Counter[str]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        lines = [f"{self.cases} answers of Slack"]
        for method, became in self.became.items():
            ways = ", ".join(f"{way} {count}" for way, count in became.most_common())
            lines.append(f"{method}: {ways}")
        return lines


def slack_answers(
    url: str, *, count: int, seed: int, say: Callable[[str], object] = str
) -> Figures:
    """So many cases at random, each in an execution of its own, with one bot. `say` names each."""
    chosen = [*cases()]
    Random(seed).shuffle(chosen)
    figures = Figures()
    with hurried_stage(url) as stage:
        for case in chosen[:count]:
            started = time.monotonic()
            say(f"{case}: {_one(stage, case, figures)}, {time.monotonic() - started:.1f} s")
    return figures


def _one(stage: HurriedStage, case: Case, figures: Figures) -> str:
    """What became of it."""
    figures.cases += 1
    became = figures.became.setdefault(case.method, Counter())
    try:
        outcome = case.story(stage, case.fault)
    except AssertionError as error:
        became["violation"] += 1
        figures.wrong.append(f"{case}: {str(error).splitlines()[0]}")
        stage.tidy_up()
        return f"✗ {str(error).splitlines()[0]}"
    became[outcome] += 1
    if case.expected is not None and outcome != case.expected:
        figures.wrong.append(f"{case}: {outcome}, not {case.expected}")
        return f"✗ {outcome}, not {case.expected}"
    return outcome
