"""Checkpoints about to expire, for each of which a click, another, a reply, a call of the API, a
cancel and the tick race: each has exactly one outcome, and everybody is told which.
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
from tests.support.factories import crew, rule
from tests.trouble.contention.actors import Act, Told, actors, tick
from tests.trouble.contention.peers import peers
from tests.trouble.contention.use_cases import UseCases
from tests.trouble.db import STATE_OF, Checkpoint, Database, Execution

OPENING: Final = 0.4
WITHIN: Final = timedelta(seconds=0.6)
"""Executions are brought to their checkpoints for so long, each to a deadline so far away that all
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


DECIDERS: Final = {"click": "UCLICK", "other click": "UOTHER", "reply": "UREPLY", "api": "loopback"}
"""Who decides, by how they do it."""

Race = dict[str, Act]
"""The acts for one checkpoint, by their ways."""


@dataclass
class Figures:
    races: int = 0
    told: list[Told] = field(default_factory=list)
    winners: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        late = sorted(told.late for told in self.told) or [0.0]
        won = ", ".join(f"{way} {count}" for way, count in self.winners.most_common())
        return [
            f"{self.races} races, {len(self.told)} acts of people",
            f"decided by: {won}",
            f"acts were {late[len(late) // 2] * 1000:.1f} ms late (median), "
            f"{late[int(len(late) * 0.99)] * 1000:.0f} ms (p99)",
        ]


def races(url: str, *, count: int, seed: int) -> Figures:
    random, figures, database = Random(seed), Figures(), Database(url)
    opened: dict[str, Race] = {}
    with (
        UseCases(url) as use_cases,
        peers(tick, (url,), (url,)),
        peers(actors, *((url, len(ways)) for ways in PROCESSES)) as pipes,
    ):
        while len(opened) < count:
            batch: dict[str, Race] = {}
            enough = time.monotonic() + OPENING
            while len(opened) + len(batch) < count and time.monotonic() < enough:
                batch.update(_opened(use_cases, random, len(opened) + len(batch)))
            database.execute(_threads([*batch.values()]))
            for pipe, ways in zip(pipes, PROCESSES, strict=True):
                pipe.send([race[way] for race in batch.values() for way in ways if way in race])
            figures.told += [told for pipe in pipes for told in pipe.recv()]
            opened |= batch
        _wait_for_deadlines(database)
    figures.races = len(opened)
    _judge(figures, opened, database)
    return figures


def _opened(use_cases: UseCases, random: Random, number: int) -> dict[str, Race]:
    """A race, by its checkpoint."""
    on_timeout = random.choice([*OnTimeout])
    definition = crew(decided_by=rule(timeout=WITHIN, on_timeout=on_timeout))
    checkpoint = use_cases.waiting(definition)
    assert checkpoint.deadline is not None
    deadline = checkpoint.deadline.timestamp()
    ways = [way for way in (*DECIDERS, "cancel") if random.random() < SHARE.get(way, 1)]
    acts = {
        way: Act(
            "click" if way == "other click" else way,
            DECIDERS.get(way, "UASKER"),
            "revise" if way == "reply" else random.choice([*STATE_OF]),
            at=deadline + random.uniform(-BEFORE.get(way, USUALLY_BEFORE), AFTER),
            checkpoint=checkpoint.id,
            execution=checkpoint.execution_id,
            thread_ts=f"1.{number:06}",
        )
        for way in ways
    }
    return {checkpoint.id: acts}


def _threads(batch: Sequence[Race]) -> str:
    """Gives each execution its thread, as the deliverer would."""
    acts = [next(iter(race.values())) for race in batch]
    cases = " ".join(f"WHEN '{act.execution}' THEN '{act.thread_ts}'" for act in acts)
    ids = ", ".join(f"'{act.execution}'" for act in acts)
    return f"UPDATE executions SET thread_ts = CASE id {cases} END WHERE id IN ({ids})"


def _wait_for_deadlines(database: Database) -> None:
    until = time.monotonic() + 20
    while any(row.state == "pending" for row in database.checkpoints()):
        if time.monotonic() > until:
            return
        time.sleep(0.05)


# --- what must hold -------------------------------------------------------------------------------


def _judge(figures: Figures, opened: Mapping[str, Race], database: Database) -> None:
    way_of = {who: way for way, who in {**DECIDERS, "cancel": "UASKER"}.items()}
    answers: dict[str, dict[str, Told]] = {checkpoint: {} for checkpoint in opened}
    for told in figures.told:
        answers[told.act.checkpoint][way_of[told.act.who]] = told
    for execution in database.executions():
        row = execution.checkpoints[0]
        figures.winners[_winner(row)] += 1
        found = [
            *_outcome(row, answers[row.id]),
            *_told(row, answers[row.id]),
            *_effects(execution, row, answers[row.id]),
        ]
        figures.wrong += [f"{row.id}: {wrong}" for wrong in found]


def _winner(row: Checkpoint) -> str:
    ways = {who: way for way, who in DECIDERS.items()}
    return ways.get(row.actor, "timeout" if row.actor else "cancel")


def _outcome(row: Checkpoint, answers: Mapping[str, Told]) -> Iterator[str]:
    """Who was told that they decided is who decided."""
    acknowledged = [way for way in DECIDERS if way in answers and answers[way].answer == "decided"]
    expected = [] if _winner(row) in ("timeout", "cancel") else [_winner(row)]
    if acknowledged != expected:
        yield f"{row.action} of {row.actor} is recorded, acknowledged were {acknowledged}"
    for way in acknowledged:
        if (action := answers[way].act.action) != row.action:
            yield f"{action} was acknowledged, and {row.action} is recorded"
    match row.state:
        case "pending":
            yield "nobody decided it, not even the deadline"
        case "expired":
            if row.actor != "timeout" or row.decided_at < row.deadline:
                early = row.deadline - row.decided_at
                yield f"it expired {early:.3f} s before its deadline, by {row.actor}"
        case "cancelled":
            if "cancel" not in answers or answers["cancel"].answer != "decided":
                yield "it is cancelled, and nobody was told so"
        case state:
            if state != STATE_OF.get(row.action):
                yield f"it is {state} by {row.action}"


def _told(row: Checkpoint, answers: Mapping[str, Told]) -> Iterator[str]:
    """Everybody who lost was told so, and by whom."""
    name = {"": "cancel", "timeout": "time"}.get(row.actor, row.actor)
    for way, answer in answers.items():
        if answer.answer == "busy" or answer.status >= 500:
            yield f"{way} got no answer but {answer.status or 'to try again'}"
        if way == "cancel" or answer.answer in ("decided", "busy", "nothing"):
            continue
        if name.lower() not in answer.words.lower():
            yield f"{way} was told “{answer.words}”, and {row.actor} decided"


def _effects(execution: Execution, row: Checkpoint, answers: Mapping[str, Told]) -> Iterator[str]:
    cancelled = "cancel" in answers and answers["cancel"].answer == "decided"
    if cancelled != (execution.state == "cancelled"):
        yield f"cancel was answered {answers.get('cancel')}, and it is {execution.state}"
    expected = {"expired": ("expired",), "cancelled": ()}.get(row.state, ("decided",))
    if row.log != expected:
        yield f"it is {row.state}, and the log has {row.log}"
    following = [run.state for run in execution.runs[1:]]
    if row.state == "cancelled" or row.action in ("stop", "fail"):
        allowed: list[str] = []
    else:
        allowed = ["cancelled" if cancelled else "queued"]
    if following != allowed:
        yield f"after {row.action} ({row.state}) these phase runs follow: {following}"
    expected_end = AFTER_TIMEOUT.get(row.action, execution.state)
    if not cancelled and row.state != "cancelled" and execution.state != expected_end:
        yield f"after {row.action} the execution is {execution.state}"
