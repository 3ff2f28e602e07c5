"""A thousand people click on one checkpoint at once, in bots that share a database.

Each bot is a process with as many listeners as a bot has for Slack; its share of the clicks waits
in front of them when the round begins. At the end of a round, what each person was answered is
compared with the tables.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection as Pipe
from random import Random
from typing import Final

from bot.slack.render import refusals
from storage.errors import AlreadyDecided, Busy, CountersignError, NotAllowed
from storage.records import Action, Actor, Decision
from storage.state_manager import StateManager
from tests.support.factories import member
from tests.trouble.contention.peers import peers
from tests.trouble.contention.use_cases import UseCases
from tests.trouble.db import STATE_OF, Database

LISTENERS: Final = 16
TRIES: Final = 20
"""How often somebody clicks again who is told that the database is busy."""


@dataclass(frozen=True)
class Click:
    """Somebody's intention. `guest`: the rule does not let them decide."""

    who: str
    action: str
    guest: bool = False


@dataclass(frozen=True)
class Told:
    """`answer` is decided, already, refused, busy, failed visibly or otherwise, with its words."""

    click: Click
    answer: str
    refusals: str = ""
    seconds: float = 0.0
    busy: int = 0


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
    with UseCases(url) as use_cases, peers(_bot, *[(url,)] * bots) as pipes:
        for number in range(rounds):
            checkpoint = use_cases.waiting().id
            # In every other round, those who may not decide are the first to click.
            guests = bots * LISTENERS if number % 2 else 0
            chosen = [_click(random, f"U{number}X{n}X", n < guests) for n in range(people)]
            for place, pipe in enumerate(pipes):
                pipe.send((checkpoint, chosen[place :: len(pipes)]))
            told = [answer for pipe in pipes for answer in pipe.recv()]
            figures.note(database, checkpoint, told, people)
    return figures


def _click(random: Random, who: str, guest: bool) -> Click:
    return Click(who, random.choice([*STATE_OF]), guest=guest or random.random() < 0.1)


# --- what must hold -------------------------------------------------------------------------------


def violations(
    database: Database, checkpoint: str, told: Sequence[Told], clicks: int
) -> Iterator[str]:
    """In words, all that is wrong after so many people have clicked."""
    row = database.checkpoint(checkpoint)
    winners = [answer.click for answer in told if answer.answer == "decided"]
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
    following = database.phase_states(row.execution)[1:]
    if following != ([] if row.action == "stop" else ["queued"]):
        yield f"after {row.action} these phase runs follow: {following}"
    for answer in told:
        yield from _told_wrongly(answer, row.actor)


def _told_wrongly(answer: Told, decider: str) -> Iterator[str]:
    who, words_ = answer.click.who, answer.words
    if answer.answer == "already" and f"<@{decider}>" not in words_:
        yield f"{who} was told “{words_}”, but {decider} decided"
    if answer.answer == "refused" and not answer.click.guest:
        yield f"{who} may decide, and was told “{words_}”"
    if answer.answer == "otherwise":
        yield f"{who} was told “{words_}”"
    if answer.answer == "busy":
        yield f"{who} got no other answer than to try again"


# --- a bot ------------------------------------------------------------------------------------


def _bot(url: str, pipe: Pipe) -> None:
    with UseCases(url) as use_cases, ThreadPoolExecutor(LISTENERS) as listeners:
        pipe.send("ready")
        while True:
            try:
                checkpoint, people = pipe.recv()
            except EOFError:
                return
            together = threading.Barrier(min(LISTENERS, len(people)))
            acts = [
                listeners.submit(
                    _act,
                    use_cases.state,
                    checkpoint,
                    click,
                    together if n < together.parties else None,
                )
                for n, click in enumerate(people)
            ]
            pipe.send([act.result() for act in acts])


def _act(
    state: StateManager, checkpoint: str, click: Click, together: threading.Barrier | None
) -> Told:
    if together is not None:
        together.wait()
    began = time.monotonic()
    busy = 0
    while (told := _answer(state, checkpoint, click)).answer == "busy" and busy < TRIES:
        busy += 1
    return replace(told, seconds=time.monotonic() - began, busy=busy)


def _answer(state: StateManager, checkpoint: str, click: Click) -> Told:
    text = "shorter" if click.action == "revise" else ""
    decision = Decision(checkpoint, Action(click.action), _actor(click), text=text)
    try:
        state.decide(decision)
    except AlreadyDecided as refused:
        return Told(click, "already", refusals.refusal(refused))
    except NotAllowed as refused:
        return Told(click, "refused", refusals.refusal(refused))
    except Busy:
        return Told(click, "busy")
    except CountersignError as refused:
        return Told(click, "otherwise", refusals.refusal(refused))
    return Told(click, "decided")


def _actor(click: Click) -> Actor:
    whole = member(click.who)
    return replace(whole, guest=True) if click.guest else whole
