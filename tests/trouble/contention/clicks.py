"""Scenario: a thousand people click on one checkpoint at once, through bots with one database.

Each bot is a process with as many listeners as a real bot has for Slack, and gets its share of the
clicks. After each round, the responses are compared with the tables.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

from tests.trouble.contention.actors import LISTENERS, Act, Response, actors
from tests.trouble.contention.peers import peers
from tests.trouble.contention.use_cases import UseCases
from tests.trouble.db import STATE_OF, Database


@dataclass
class Figures:
    """`waits`: the time until each response, in seconds."""

    rounds: int = 0
    busy: int = 0
    responses: Counter[str] = field(default_factory=Counter)
    waits: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def note(
        self, database: Database, checkpoint: str, responses: Sequence[Response], clicks: int
    ) -> None:
        """Count a round that has ended, and check it."""
        self.rounds += 1
        self.busy += sum(response.busy for response in responses)
        self.responses.update(response.answer for response in responses)
        self.waits += [response.seconds for response in responses]
        problems = violations(database, checkpoint, responses, clicks)
        self.wrong += [f"round {self.rounds}: {wrong}" for wrong in problems]

    def lines(self) -> list[str]:
        waits = sorted(self.waits) or [0.0]
        answers = ", ".join(f"{count} {answer}" for answer, count in sorted(self.responses.items()))
        return [
            f"{self.rounds} rounds, {len(self.waits)} clicks: {answers}; "
            f"{self.busy} busy responses",
            f"a response took {waits[len(waits) // 2] * 1000:.1f} ms (median), "
            f"{waits[int(len(waits) * 0.99)] * 1000:.0f} ms (p99), {waits[-1]:.2f} s (longest)",
        ]


def clicks(url: str, *, rounds: int, people: int, seed: int, bots: int = 4) -> Figures:
    random, figures, database = Random(seed), Figures(), Database(url)
    with UseCases(url) as use_cases, peers(actors, *[(url, LISTENERS)] * bots) as pipes:
        for number in range(rounds):
            checkpoint = use_cases.waiting().id
            # In every other round, guests, who may not decide, click first.
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
            responses = [response for pipe in pipes for response in pipe.recv()]
            figures.note(database, checkpoint, responses, people)
    return figures


# --- what must hold -------------------------------------------------------------------------------


def violations(
    database: Database, checkpoint: str, responses: Sequence[Response], clicks: int
) -> Iterator[str]:
    """Everything that is wrong after `clicks` clicks, as readable messages."""
    row = database.checkpoint(checkpoint)
    winners = [response.act for response in responses if response.answer == "decided"]
    if len(responses) != clicks:
        yield f"{clicks} people clicked, and {len(responses)} got a response"
    if len(winners) != 1:
        yield f"{len(winners)} people were told that they decided"
    for winner in winners:
        if (winner.who, winner.action) != (row.actor, row.action):
            yield f"{winner} was acknowledged, but {row.action} of {row.actor} is recorded"
        if winner.guest:
            yield f"{winner.who} may not decide, but did"
    if row.state != STATE_OF.get(row.action):
        yield f"the checkpoint is {row.state} by {row.action}"
    if row.log != ("decided",):
        yield f"its events in the audit log are {row.log}"
    following = database.phase_states(row.execution_id)[1:]
    if following != ([] if row.action == "stop" else ["queued"]):
        yield f"after {row.action} the next phase runs are {following}"
    for response in responses:
        yield from _wrong_response(response, row.actor)


def _wrong_response(response: Response, decider: str) -> Iterator[str]:
    who, text = response.act.who, response.words
    if response.answer == "already" and f"<@{decider}>" not in text:
        yield f"{who} was told “{text}”, but {decider} decided"
    if response.answer == "refused" and not response.act.guest:
        yield f"{who} may decide, but was told “{text}”"
    if response.answer == "otherwise":
        yield f"{who} was told “{text}”"
    if response.answer == "busy":
        yield f"{who} was only asked to try again"
