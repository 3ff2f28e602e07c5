"""A thousand people click on one checkpoint at once, in bots that share a database.

Each bot is a process with as many listeners as a bot has for Slack, and gets its share of the
clicks. At the end of a round, what each person was answered is compared with the tables.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

from tests.trouble.contention.actors import LISTENERS, Act, Told, actors
from tests.trouble.contention.peers import peers
from tests.trouble.contention.use_cases import UseCases
from tests.trouble.db import STATE_OF, Database


@dataclass
class Figures:
    """`waits`: how long answers took, in seconds."""

    rounds: int = 0
    busy: int = 0
    told: Counter[str] = field(default_factory=Counter)
    waits: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def note(self, database: Database, checkpoint: str, told: Sequence[Told], clicks: int) -> None:
        """A round has ended: count it, and judge it."""
        self.rounds += 1
        self.busy += sum(answer.busy for answer in told)
        self.told.update(answer.answer for answer in told)
        self.waits += [answer.seconds for answer in told]
        found = violations(database, checkpoint, told, clicks)
        self.wrong += [f"round {self.rounds}: {wrong}" for wrong in found]

    def lines(self) -> list[str]:
        waits = sorted(self.waits) or [0.0]
        answers = ", ".join(f"{count} {answer}" for answer, count in sorted(self.told.items()))
        return [
            f"{self.rounds} rounds, {len(self.waits)} clicks: {answers}; "
            f"{self.busy} times told to try again",
            f"an answer took {waits[len(waits) // 2] * 1000:.1f} ms (median), "
            f"{waits[int(len(waits) * 0.99)] * 1000:.0f} ms (p99), {waits[-1]:.2f} s (longest)",
        ]


def clicks(url: str, *, rounds: int, people: int, seed: int, bots: int = 4) -> Figures:
    random, figures, database = Random(seed), Figures(), Database(url)
    with UseCases(url) as use_cases, peers(actors, *[(url, LISTENERS)] * bots) as pipes:
        for number in range(rounds):
            checkpoint = use_cases.waiting().id
            # In every other round, those who may not decide are the first to click.
            guests = min(bots * LISTENERS, people // 2) if number % 2 else 0
            now = time.time()
            acts = [
                Act(
                    "click",
                    f"U{number}X{n}X",
                    random.choice([*STATE_OF]),
                    at=now,
                    checkpoint=checkpoint,
                    guest=n < guests or random.random() < 0.1,
                )
                for n in range(people)
            ]
            for place, pipe in enumerate(pipes):
                pipe.send(acts[place :: len(pipes)])
            told = [answer for pipe in pipes for answer in pipe.recv()]
            figures.note(database, checkpoint, told, people)
    return figures


# --- what must hold -------------------------------------------------------------------------------


def violations(
    database: Database, checkpoint: str, told: Sequence[Told], clicks: int
) -> Iterator[str]:
    """In words, all that is wrong after so many people have clicked."""
    row = database.checkpoint(checkpoint)
    winners = [answer.act for answer in told if answer.answer == "decided"]
    if len(told) != clicks:
        yield f"{clicks} clicked and {len(told)} were answered"
    if len(winners) != 1:
        yield f"{len(winners)} were told that they decided"
    for winner in winners:
        if (winner.who, winner.action) != (row.actor, row.action):
            yield f"{winner} was acknowledged, but {row.action} of {row.actor} is recorded"
        if winner.guest:
            yield f"{winner.who} may not decide, and did"
    if row.state != STATE_OF.get(row.action):
        yield f"the checkpoint is {row.state} by {row.action}"
    if row.log != ("decided",):
        yield f"the log has {row.log} of it"
    following = database.phase_states(row.execution_id)[1:]
    if following != ([] if row.action == "stop" else ["queued"]):
        yield f"after {row.action} these phase runs follow: {following}"
    for answer in told:
        yield from _told_wrongly(answer, row.actor)


def _told_wrongly(answer: Told, decider: str) -> Iterator[str]:
    who, words_ = answer.act.who, answer.words
    if answer.answer == "already" and f"<@{decider}>" not in words_:
        yield f"{who} was told “{words_}”, but {decider} decided"
    if answer.answer == "refused" and not answer.act.guest:
        yield f"{who} may decide, and was told “{words_}”"
    if answer.answer == "otherwise":
        yield f"{who} was told “{words_}”"
    if answer.answer == "busy":
        yield f"{who} got no other answer than to try again"
