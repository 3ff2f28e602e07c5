"""A thousand people click on one checkpoint at once, in bots that share a database.

Each bot is a process with as many listeners as a bot has for Slack; its share of the clicks waits
in front of them when the round begins. What each person was answered is a line of the journal; at
the end of a round it is compared with what stands in the tables.
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
from tests.chaos.weather.ground import Books
from tests.chaos.weather.hands import Hands
from tests.chaos.weather.peers import peers
from tests.support.factories import member

LISTENERS: Final = 16
PATIENCE: Final = 20
"""How often somebody who is told that the database is busy clicks again."""

STATE_OF: Final = {
    "continue": "approved",
    "revise": "revised",
    "skip": "skipped",
    "stop": "rejected",
}


@dataclass(frozen=True)
class Click:
    """Somebody's intention. `guest`: one whom the rule does not let decide."""

    who: str
    action: str
    guest: bool = False


@dataclass(frozen=True)
class Told:
    """`answer` is decided, already, refused, busy or otherwise; `said` are the words with it."""

    click: Click
    answer: str
    said: str = ""
    seconds: float = 0.0
    busy: int = 0


@dataclass
class Figures:
    rounds: int = 0
    busy: int = 0
    told: Counter[str] = field(default_factory=Counter)
    waits: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def lines(self) -> list[str]:
        waits = sorted(self.waits) or [0.0]
        answers = ", ".join(f"{count} {answer}" for answer, count in sorted(self.told.items()))
        return [
            f"{self.rounds} rounds, {len(self.waits)} clicks in {self.seconds:.0f} s: {answers}; "
            f"{self.busy} times told to try again",
            f"an answer took {waits[len(waits) // 2] * 1000:.1f} ms (median), "
            f"{waits[int(len(waits) * 0.99)] * 1000:.0f} ms (p99), {waits[-1]:.2f} s (longest)",
        ]


def crowd(url: str, *, rounds: int, clicks: int, seed: int, bots: int = 4) -> Figures:
    random, figures, began = Random(seed), Figures(), time.monotonic()
    books = Books(url)
    with Hands(url) as hands, peers(_bot, *[(url,)] * bots) as pipes:
        for number in range(rounds):
            checkpoint = hands.waiting()
            # In every other round, those who may not decide are the first to click.
            guests = bots * LISTENERS if number % 2 else 0
            people = [_click(random, f"U{number}X{n}X", n < guests) for n in range(clicks)]
            told = _round(pipes, checkpoint.id, people)
            figures.rounds += 1
            figures.busy += sum(answer.busy for answer in told)
            figures.told.update(answer.answer for answer in told)
            figures.waits += [answer.seconds for answer in told]
            found = wrongs(books, checkpoint.id, people, told)
            figures.wrong += [f"round {number}: {wrong}" for wrong in found]
    figures.seconds = time.monotonic() - began
    return figures


def _click(random: Random, who: str, guest: bool) -> Click:
    return Click(who, random.choice([*STATE_OF]), guest=guest or random.random() < 0.1)


def _round(pipes: Sequence[Pipe], checkpoint: str, people: Sequence[Click]) -> list[Told]:
    """All click; returns when everybody has an answer."""
    for number, pipe in enumerate(pipes):
        pipe.send((checkpoint, people[number :: len(pipes)]))
    return [answer for pipe in pipes for answer in pipe.recv()]


# --- what must hold -------------------------------------------------------------------------------


def wrongs(
    books: Books, checkpoint: str, people: Sequence[Click], told: Sequence[Told]
) -> Iterator[str]:
    """In words, all that is wrong after everybody has clicked."""
    stands = books.standing([checkpoint])[checkpoint]
    winners = [answer.click for answer in told if answer.answer == "decided"]
    if len(told) != len(people):
        yield f"{len(people)} clicked and {len(told)} were answered"
    if len(winners) != 1:
        yield f"{len(winners)} were told that they decided"
    for winner in winners:
        if (winner.who, winner.action) != (stands.actor, stands.action):
            yield f"{winner} was acknowledged, but {stands.action} of {stands.actor} stands"
        if winner.guest:
            yield f"{winner.who} may not decide, and did"
    if stands.action is None or stands.state != STATE_OF[stands.action]:
        yield f"the checkpoint is {stands.state} by {stands.action}"
    written = books.decisions().get(checkpoint, [])
    if written != ["decided"]:
        yield f"the log has {written} of it"
    following = books.runs()[stands.execution][1:]
    if following != ([] if stands.action == "stop" else ["queued"]):
        yield f"after {stands.action} these phase runs follow: {following}"
    yield from _told_wrongly(told, decider=stands.actor)


def _told_wrongly(told: Sequence[Told], *, decider: str | None) -> Iterator[str]:
    for answer in told:
        if answer.answer == "already" and f"<@{decider}>" not in answer.said:
            yield f"{answer.click.who} was told “{answer.said}”, but {decider} decided"
        if answer.answer == "refused" and not answer.click.guest:
            yield f"{answer.click.who} may decide, and was told “{answer.said}”"
        if answer.answer == "otherwise":
            yield f"{answer.click.who} was told “{answer.said}”"
        if answer.answer == "busy":
            yield f"{answer.click.who} got no other answer than to try again"


# --- a bot ------------------------------------------------------------------------------------


def _bot(url: str, pipe: Pipe) -> None:
    with Hands(url) as hands, ThreadPoolExecutor(LISTENERS) as listeners:
        pipe.send("ready")
        while True:
            try:
                checkpoint, people = pipe.recv()
            except EOFError:
                return
            together = threading.Barrier(min(LISTENERS, len(people)))
            acts = [
                listeners.submit(
                    _act, hands.state, checkpoint, click, together if n < together.parties else None
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
    while (told := _answer(state, checkpoint, click)).answer == "busy" and busy < PATIENCE:
        busy += 1
    return replace(told, seconds=time.monotonic() - began, busy=busy)


def _answer(state: StateManager, checkpoint: str, click: Click) -> Told:
    words_of_it = "shorter" if click.action == "revise" else ""
    decision = Decision(checkpoint, Action(click.action), _actor(click), text=words_of_it)
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
