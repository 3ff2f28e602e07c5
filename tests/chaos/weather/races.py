"""Checkpoints about to expire, for each of which a click, another, a reply, a call of the API, a
cancel and the tick race: each has exactly one outcome, and everybody is told the one that stands.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Final

from storage.definitions import OnTimeout
from tests.chaos.weather import racers
from tests.chaos.weather.crowd import STATE_OF
from tests.chaos.weather.ground import Books, SchemaStatus
from tests.chaos.weather.hands import Hands
from tests.chaos.weather.peers import peers
from tests.chaos.weather.racers import CHANNEL, DECIDERS, Line, Race
from tests.support.factories import crew, rule

OPENING: Final = 0.4
WITHIN: Final = timedelta(seconds=0.6)
"""Runs are brought to their checkpoints for so long, each to a deadline that is so far away: all
of them are open before the first race."""

BEFORE: Final = {"api": 0.1, "cancel": 0.05}
USUALLY_BEFORE: Final = 0.03
AFTER: Final = 0.02
"""How many seconds before the deadline, and after it, people act at most: a call of the API takes
longer than the others."""

SHARE: Final = {"api": 0.5, "cancel": 0.4}
"""In how many of the races somebody takes part in this way; otherwise in all."""

PROCESSES: Final = (("click", "reply"), ("other click", "cancel"), ("api",))
AFTER_TIMEOUT: Final = {"stop": "stopped", "fail": "error"}


@dataclass
class Figures:
    races: int = 0
    lines: list[Line] = field(default_factory=list)
    winners: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def lines_told(self) -> list[str]:
        late = sorted(line.late for line in self.lines) or [0.0]
        won = ", ".join(f"{way} {count}" for way, count in self.winners.most_common())
        return [
            f"{self.races} races, {len(self.lines)} acts of people in {self.seconds:.0f} s",
            f"decided by: {won}",
            f"acts were {late[len(late) // 2] * 1000:.1f} ms late (median), "
            f"{late[int(len(late) * 0.99)] * 1000:.0f} ms (p99)",
        ]


def races(url: str, *, count: int, seed: int) -> Figures:
    random, figures, began = Random(seed), Figures(), time.monotonic()
    opened: list[Race] = []
    with (
        Hands(url) as hands,
        peers(racers.sweep, (url,), (url,)),
        peers(racers.run, *((url, ways) for ways in PROCESSES)) as pipes,
    ):
        while len(opened) < count:
            batch: list[Race] = []
            enough = time.monotonic() + OPENING
            while len(opened) + len(batch) < count and time.monotonic() < enough:
                batch.append(_opened(hands, random, len(opened) + len(batch)))
            Books(url).tell(_threads(batch))
            for pipe in pipes:
                pipe.send(batch)
            figures.lines += [line for pipe in pipes for line in pipe.recv()]
            opened += batch
        _wait_for_deadlines(Books(url))
    figures.races = len(opened)
    _judge(figures, opened, Books(url))
    figures.seconds = time.monotonic() - began
    return figures


def _opened(hands: Hands, random: Random, number: int) -> Race:
    on_timeout = random.choice([*OnTimeout])
    definition = crew(decided_by=rule(timeout=WITHIN, on_timeout=on_timeout))
    checkpoint = hands.waiting(definition, channel=CHANNEL)
    assert checkpoint.deadline is not None
    deadline = checkpoint.deadline.timestamp()
    ways = [way for way in (*DECIDERS, "cancel") if random.random() < SHARE.get(way, 1)]
    aims = {way: deadline + random.uniform(-BEFORE.get(way, USUALLY_BEFORE), AFTER) for way in ways}
    chosen = {way: random.choice([*STATE_OF]) for way in DECIDERS} | {"reply": "revise"}
    return Race(checkpoint.id, checkpoint.execution_id, f"1.{number:06}", aims, chosen)


def _threads(batch: Sequence[Race]) -> str:
    """Gives each run its thread, as the deliverer would."""
    cases = " ".join(f"WHEN '{race.execution}' THEN '{race.thread_ts}'" for race in batch)
    ids = ", ".join(f"'{race.execution}'" for race in batch)
    return f"UPDATE executions SET thread_ts = CASE id {cases} END WHERE id IN ({ids})"


def _wait_for_deadlines(books: Books) -> None:
    until = time.monotonic() + 20
    while any(s.state == "pending" for s in books.standing().values()):
        if time.monotonic() > until:
            return
        time.sleep(0.05)


# --- what must hold -------------------------------------------------------------------------------


def _judge(figures: Figures, opened: Sequence[Race], books: Books) -> None:
    standing, written, runs = books.standing(), books.decisions(), books.runs()
    journal: dict[str, dict[str, Line]] = {race.checkpoint: {} for race in opened}
    for line in figures.lines:
        journal[line.checkpoint][line.way] = line
    for race in opened:
        stands = standing[race.checkpoint]
        answers = journal[race.checkpoint]
        figures.winners[_winner(stands)] += 1
        found = [
            *_outcome(stands, answers, race),
            *_told(stands, answers),
            *_effects(stands, answers, written.get(race.checkpoint, []), runs[race.execution]),
        ]
        figures.wrong += [f"{race.checkpoint}: {wrong}" for wrong in found]


def _winner(stands: SchemaStatus) -> str:
    ways = {who: way for way, who in DECIDERS.items()}
    return ways.get(stands.actor or "", "timeout" if stands.actor else "cancel")


def _outcome(stands: SchemaStatus, answers: Mapping[str, Line], race: Race) -> Iterator[str]:
    """Who was told that they decided is who decided."""
    acknowledged = [w for w in DECIDERS if w in answers and answers[w].answer == "done"]
    expected = [] if _winner(stands) in ("timeout", "cancel") else [_winner(stands)]
    if acknowledged != expected:
        yield f"{stands.action} of {stands.actor} stands, acknowledged were {acknowledged}"
    for way in acknowledged:
        if race.chosen[way] != stands.action:
            yield f"{race.chosen[way]} was acknowledged, and {stands.action} stands"
    match stands.state:
        case "pending":
            yield "nobody decided it, not even the deadline"
        case "expired":
            if stands.actor != "timeout" or stands.decided_at < stands.deadline:
                early = stands.deadline - stands.decided_at
                yield f"it expired {early:.3f} s before its deadline, by {stands.actor}"
        case "cancelled":
            if "cancel" not in answers or answers["cancel"].answer != "done":
                yield "it is cancelled, and nobody was told so"
        case state:
            if stands.action is None or state != STATE_OF[stands.action]:
                yield f"it is {state} by {stands.action}"


def _told(stands: SchemaStatus, answers: Mapping[str, Line]) -> Iterator[str]:
    """Whoever lost was told so, and by whom."""
    name = {None: "cancel", "timeout": "time"}.get(stands.actor, stands.actor)
    for way, line in answers.items():
        if line.answer == "busy" or line.status >= 500:
            yield f"{way} got no answer but {line.status or 'to try again'}"
        if way == "cancel" or line.answer != "refused" or line.said == "nothing waits":
            continue
        if name is not None and name.lower() not in line.said.lower():
            yield f"{way} was told “{line.said}”, and {stands.actor} decided"


def _effects(
    stands: SchemaStatus, answers: Mapping[str, Line], written: Sequence[str], runs: Sequence[str]
) -> Iterator[str]:
    cancelled = "cancel" in answers and answers["cancel"].answer == "done"
    if cancelled != (stands.run_state == "cancelled"):
        yield f"cancel was answered {answers.get('cancel')}, and the run is {stands.run_state}"
    expected = {"expired": ["expired"], "cancelled": []}.get(stands.state, ["decided"])
    if list(written) != expected:
        yield f"it is {stands.state}, and the log has {list(written)}"
    if stands.state == "cancelled" or stands.action in ("stop", "fail"):
        following: list[str] = []
    else:
        following = ["cancelled" if cancelled else "queued"]
    if list(runs[1:]) != following:
        yield f"after {stands.action} ({stands.state}) these phase runs follow: {runs[1:]}"
    if stands.action in AFTER_TIMEOUT and not cancelled and stands.state != "cancelled":
        wanted = AFTER_TIMEOUT[stands.action]
        if stands.run_state != wanted:
            yield f"after {stands.action} the run is {stands.run_state}"
