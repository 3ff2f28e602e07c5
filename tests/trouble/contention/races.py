"""Scenario: two clicks, a reply, an API call, a cancel and the tick race for each checkpoint.

Each checkpoint is about to expire and has exactly one outcome, which everybody is told.
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
from tests.trouble.contention.actors import Act, Response, actors, tick
from tests.trouble.contention.peers import peers
from tests.trouble.contention.use_cases import UseCases
from tests.trouble.db import STATE_OF, Checkpoint, Database, Execution

OPENING: Final = 0.4
WITHIN: Final = timedelta(seconds=0.6)
"""Executions are brought to their checkpoints for OPENING seconds. A deadline is WITHIN away, so
that all checkpoints of a batch are open before the first race."""

BEFORE: Final = {"api": 0.1, "cancel": 0.05}
USUALLY_BEFORE: Final = 0.03
AFTER: Final = 0.02
"""The most seconds before and after the deadline at which people act: an API call takes longer
than the other ways."""

SHARE: Final = {"api": 0.5, "cancel": 0.4}
"""The share of races in which somebody acts in this way; every other way is in all races."""

PROCESSES: Final = (("click", "reply"), ("other click", "cancel"), ("api",))
AFTER_TIMEOUT: Final = {"stop": "stopped", "fail": "error"}


DECIDERS: Final = {"click": "UCLICK", "other click": "UOTHER", "reply": "UREPLY", "api": "loopback"}
"""The person who decides, by their way of doing it."""

Race = dict[str, Act]
"""The acts on one checkpoint by their ways."""


@dataclass
class Figures:
    races: int = 0
    responses: list[Response] = field(default_factory=list)
    winners: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        late = sorted(response.late for response in self.responses) or [0.0]
        winners = ", ".join(f"{way} {count}" for way, count in self.winners.most_common())
        return [
            f"{self.races} races, {len(self.responses)} acts of people",
            f"decided by: {winners}",
            f"acts were {late[len(late) // 2] * 1000:.1f} ms late (median), "
            f"{late[int(len(late) * 0.99)] * 1000:.0f} ms (p99)",
        ]


def races(url: str, *, count: int, seed: int) -> Figures:
    random, figures, database = Random(seed), Figures(), Database(url)
    all_races: dict[str, Race] = {}
    with (
        UseCases(url) as use_cases,
        peers(tick, (url,), (url,)),
        peers(actors, *((url, len(ways)) for ways in PROCESSES)) as pipes,
    ):
        while len(all_races) < count:
            batch: dict[str, Race] = {}
            opening_ends = time.monotonic() + OPENING
            while len(all_races) + len(batch) < count and time.monotonic() < opening_ends:
                batch.update(_open(use_cases, random, len(all_races) + len(batch)))
            database.execute(_threads([*batch.values()]))
            for pipe, ways in zip(pipes, PROCESSES, strict=True):
                pipe.send([race[way] for race in batch.values() for way in ways if way in race])
            figures.responses += [response for pipe in pipes for response in pipe.recv()]
            all_races |= batch
        _wait_for_deadlines(database)
    figures.races = len(all_races)
    _check(figures, all_races, database)
    return figures


def _open(use_cases: UseCases, random: Random, number: int) -> dict[str, Race]:
    """Open a checkpoint and return its race, by the checkpoint's id."""
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
    """SQL that gives each execution its thread, as delivery would."""
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


def _check(figures: Figures, all_races: Mapping[str, Race], database: Database) -> None:
    way_of = {who: way for way, who in {**DECIDERS, "cancel": "UASKER"}.items()}
    answers: dict[str, dict[str, Response]] = {checkpoint: {} for checkpoint in all_races}
    for response in figures.responses:
        answers[response.act.checkpoint][way_of[response.act.who]] = response
    for execution in database.executions():
        row = execution.checkpoints[0]
        if row.id not in answers:  # of earlier races in this database
            continue
        figures.winners[_winner(row)] += 1
        problems = [
            *_outcome(row, answers[row.id]),
            *_losers(row, answers[row.id]),
            *_effects(execution, row, answers[row.id]),
        ]
        figures.wrong += [f"{row.id}: {wrong}" for wrong in problems]


def _winner(row: Checkpoint) -> str:
    ways = {who: way for way, who in DECIDERS.items()}
    return ways.get(row.actor, "timeout" if row.actor else "cancel")


def _outcome(row: Checkpoint, answers: Mapping[str, Response]) -> Iterator[str]:
    """Only the person whose decision counted was told that they decided."""
    acknowledged = [way for way in DECIDERS if way in answers and answers[way].answer == "decided"]
    expected = [] if _winner(row) in ("timeout", "cancel") else [_winner(row)]
    if acknowledged != expected:
        yield f"{row.action} of {row.actor} is recorded, but {acknowledged} were acknowledged"
    for way in acknowledged:
        if (action := answers[way].act.action) != row.action:
            yield f"{action} was acknowledged, but {row.action} is recorded"
    match row.state:
        case "pending":
            yield "nobody decided it, not even the deadline"
        case "expired":
            if row.actor != "timeout" or row.decided_at < row.deadline:
                early = row.deadline - row.decided_at
                yield f"it expired {early:.3f} s before its deadline, by {row.actor}"
        case "cancelled":
            if "cancel" not in answers or answers["cancel"].answer != "decided":
                yield "it is cancelled, but nobody was told so"
        case state:
            if state != STATE_OF.get(row.action):
                yield f"it is {state} by {row.action}"


def _losers(row: Checkpoint, answers: Mapping[str, Response]) -> Iterator[str]:
    """Everybody who lost was told so, and who decided."""
    name = {"": "cancel", "timeout": "time"}.get(row.actor, row.actor)
    for way, answer in answers.items():
        if answer.answer == "busy" or answer.status >= 500:
            yield f"{way} got only the answer {answer.status or 'to try again'}"
        if way == "cancel" or answer.answer in ("decided", "busy", "nothing"):
            continue
        if name.lower() not in answer.words.lower():
            yield f"{way} was told “{answer.words}”, but {row.actor} decided"


def _effects(
    execution: Execution, row: Checkpoint, answers: Mapping[str, Response]
) -> Iterator[str]:
    cancelled = "cancel" in answers and answers["cancel"].answer == "decided"
    if cancelled != (execution.state == "cancelled"):
        yield f"the response to cancel was {answers.get('cancel')}, but it is {execution.state}"
    expected = {"expired": ("expired",), "cancelled": ()}.get(row.state, ("decided",))
    if row.log != expected:
        yield f"it is {row.state}, but its events in the audit log are {row.log}"
    following = [run.state for run in execution.runs[1:]]
    if row.state == "cancelled" or row.action in ("stop", "fail"):
        allowed: list[str] = []
    else:
        allowed = ["cancelled" if cancelled else "queued"]
    if following != allowed:
        yield f"after {row.action} ({row.state}) the next phase runs are {following}"
    expected_end = AFTER_TIMEOUT.get(row.action, execution.state)
    if not cancelled and row.state != "cancelled" and execution.state != expected_end:
        yield f"after {row.action} the execution is {execution.state}"
