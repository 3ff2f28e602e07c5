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
from tests.trouble.contention import racers
from tests.trouble.contention.peers import peers
from tests.trouble.contention.racers import DECIDERS, Answer, Race
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


@dataclass
class Figures:
    races: int = 0
    answers: list[Answer] = field(default_factory=list)
    winners: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        late = sorted(answer.late for answer in self.answers) or [0.0]
        won = ", ".join(f"{way} {count}" for way, count in self.winners.most_common())
        return [
            f"{self.races} races, {len(self.answers)} acts of people",
            f"decided by: {won}",
            f"acts were {late[len(late) // 2] * 1000:.1f} ms late (median), "
            f"{late[int(len(late) * 0.99)] * 1000:.0f} ms (p99)",
        ]


def races(url: str, *, count: int, seed: int) -> Figures:
    random, figures, database = Random(seed), Figures(), Database(url)
    opened: list[Race] = []
    with (
        UseCases(url) as use_cases,
        peers(racers.sweep, (url,), (url,)),
        peers(racers.run, *((url, ways) for ways in PROCESSES)) as pipes,
    ):
        while len(opened) < count:
            batch: list[Race] = []
            enough = time.monotonic() + OPENING
            while len(opened) + len(batch) < count and time.monotonic() < enough:
                batch.append(_opened(use_cases, random, len(opened) + len(batch)))
            database.execute(_threads(batch))
            for pipe in pipes:
                pipe.send(batch)
            figures.answers += [answer for pipe in pipes for answer in pipe.recv()]
            opened += batch
        _wait_for_deadlines(database)
    figures.races = len(opened)
    _judge(figures, opened, database)
    return figures


def _opened(use_cases: UseCases, random: Random, number: int) -> Race:
    on_timeout = random.choice([*OnTimeout])
    definition = crew(decided_by=rule(timeout=WITHIN, on_timeout=on_timeout))
    checkpoint = use_cases.waiting(definition)
    assert checkpoint.deadline is not None
    deadline = checkpoint.deadline.timestamp()
    ways = [way for way in (*DECIDERS, "cancel") if random.random() < SHARE.get(way, 1)]
    aims = {way: deadline + random.uniform(-BEFORE.get(way, USUALLY_BEFORE), AFTER) for way in ways}
    chosen = {way: random.choice([*STATE_OF]) for way in DECIDERS} | {"reply": "revise"}
    return Race(checkpoint.id, checkpoint.execution_id, f"1.{number:06}", aims, chosen)


def _threads(batch: Sequence[Race]) -> str:
    """Gives each execution its thread, as the deliverer would."""
    cases = " ".join(f"WHEN '{race.execution}' THEN '{race.thread_ts}'" for race in batch)
    ids = ", ".join(f"'{race.execution}'" for race in batch)
    return f"UPDATE executions SET thread_ts = CASE id {cases} END WHERE id IN ({ids})"


def _wait_for_deadlines(database: Database) -> None:
    until = time.monotonic() + 20
    while any(row.state == "pending" for row in database.checkpoints()):
        if time.monotonic() > until:
            return
        time.sleep(0.05)


# --- what must hold -------------------------------------------------------------------------------


def _judge(figures: Figures, opened: Sequence[Race], database: Database) -> None:
    executions = {execution.id: execution for execution in database.executions()}
    answers: dict[str, dict[str, Answer]] = {race.checkpoint: {} for race in opened}
    for answer in figures.answers:
        answers[answer.checkpoint][answer.way] = answer
    for race in opened:
        execution, answered = executions[race.execution], answers[race.checkpoint]
        row = execution.checkpoints[0]
        figures.winners[_winner(row)] += 1
        found = [
            *_outcome(row, answered, race),
            *_told(row, answered),
            *_effects(execution, row, answered),
        ]
        figures.wrong += [f"{race.checkpoint}: {wrong}" for wrong in found]


def _winner(row: Checkpoint) -> str:
    ways = {who: way for way, who in DECIDERS.items()}
    return ways.get(row.actor, "timeout" if row.actor else "cancel")


def _outcome(row: Checkpoint, answers: Mapping[str, Answer], race: Race) -> Iterator[str]:
    """Who was told that they decided is who decided."""
    acknowledged = [way for way in DECIDERS if way in answers and answers[way].answer == "done"]
    expected = [] if _winner(row) in ("timeout", "cancel") else [_winner(row)]
    if acknowledged != expected:
        yield f"{row.action} of {row.actor} is recorded, acknowledged were {acknowledged}"
    for way in acknowledged:
        if race.chosen[way] != row.action:
            yield f"{race.chosen[way]} was acknowledged, and {row.action} is recorded"
    match row.state:
        case "pending":
            yield "nobody decided it, not even the deadline"
        case "expired":
            if row.actor != "timeout" or row.decided_at < row.deadline:
                early = row.deadline - row.decided_at
                yield f"it expired {early:.3f} s before its deadline, by {row.actor}"
        case "cancelled":
            if "cancel" not in answers or answers["cancel"].answer != "done":
                yield "it is cancelled, and nobody was told so"
        case state:
            if state != STATE_OF.get(row.action):
                yield f"it is {state} by {row.action}"


def _told(row: Checkpoint, answers: Mapping[str, Answer]) -> Iterator[str]:
    """Everybody who lost was told so, and by whom."""
    name = {"": "cancel", "timeout": "time"}.get(row.actor, row.actor)
    for way, answer in answers.items():
        if answer.answer == "busy" or answer.status >= 500:
            yield f"{way} got no answer but {answer.status or 'to try again'}"
        if way == "cancel" or answer.answer != "refused" or answer.said == "nothing waits":
            continue
        if name.lower() not in answer.said.lower():
            yield f"{way} was told “{answer.said}”, and {row.actor} decided"


def _effects(execution: Execution, row: Checkpoint, answers: Mapping[str, Answer]) -> Iterator[str]:
    cancelled = "cancel" in answers and answers["cancel"].answer == "done"
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
