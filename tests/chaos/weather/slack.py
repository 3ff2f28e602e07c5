"""Every call that the bot makes of Slack, with everything that Slack may answer."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Final

from tests.chaos.weather import answers, plots
from tests.chaos.weather.answers import AWHILE, Fault
from tests.chaos.weather.house import House, house_on
from tests.chaos.weather.plots import Plot

ALSO_LASTING: Final = (1, AWHILE)


@dataclass(frozen=True)
class Case:
    """A call, an answer to it, and what must become of it; None: nothing that must not."""

    method: str
    plot: Plot
    fault: Fault
    expected: str | None = None

    def __str__(self) -> str:
        return f"{self.method}: {self.fault}"


def cases() -> Iterator[Case]:
    for times in ALSO_LASTING:
        for fault, expected in answers.of_posting(times):
            yield Case("chat.postMessage", plots.post, fault, expected)
        for fault in answers.network(times):
            yield Case("chat.postMessage (root)", plots.root, fault, answers.RETRIED)
        for fault, expected in answers.of_arming(times):
            yield Case("chat.update", plots.arm, fault, expected)
        for fault in answers.network(times):
            wanted = answers.ANSWERED if times == 1 else None
            yield Case("response_url", plots.answer_late, fault, wanted)
        for method, plot in OTHERS.items():
            for fault in answers.of_any(method, times):
                yield Case(method, plot, fault)


OTHERS: Final[dict[str, Plot]] = {
    "conversations.replies": plots.look,
    "conversations.history": plots.look_for_root,
    "chat.delete": plots.delete,
    "files.getUploadURLExternal": plots.upload("files.getUploadURLExternal"),
    "upload": plots.upload("upload"),
    "files.completeUploadExternal": plots.upload("files.completeUploadExternal"),
    "conversations.open": plots.direct,
    "users.info": plots.facts("users.info"),
    "conversations.members": plots.facts("conversations.members"),
    "conversations.info": plots.place,
    "views.open": plots.form,
    "chat.postEphemeral": plots.answer_in_thread,
    "apps.connections.open": plots.connect,
}


@dataclass
class Figures:
    cases: int = 0
    became: dict[str, Counter[str]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def lines(self) -> list[str]:
        said = [f"{self.cases} answers of Slack in {self.seconds:.0f} s"]
        for method, became in self.became.items():
            ways = ", ".join(f"{way} {count}" for way, count in became.most_common())
            said.append(f"{method}: {ways}")
        return said


def weather(
    url: str, chosen: list[Case], *, seed: int, say: Callable[[str], object] = str
) -> Figures:
    """Each case in a run of its own, in a random order, with one bot. `say` is told of each."""
    Random(seed).shuffle(chosen)
    figures, began = Figures(), time.monotonic()
    with house_on(url) as house:
        for case in chosen:
            started = time.monotonic()
            say(f"{case}: {_one(house, case, figures)}, {time.monotonic() - started:.1f} s")
    figures.seconds = time.monotonic() - began
    return figures


def _one(house: House, case: Case, figures: Figures) -> str:
    """What became of it."""
    figures.cases += 1
    became = figures.became.setdefault(case.method, Counter())
    try:
        outcome = case.plot(house, case.fault)
    except AssertionError as error:
        became["violation"] += 1
        figures.wrong.append(f"{case}: {str(error).splitlines()[0]}")
        house.tidy_up()
        return f"✗ {str(error).splitlines()[0]}"
    became[outcome] += 1
    if case.expected is not None and outcome != case.expected:
        figures.wrong.append(f"{case}: {outcome}, not {case.expected}")
        return f"✗ {outcome}, not {case.expected}"
    return outcome
