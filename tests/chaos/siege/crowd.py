"""The people and clients of a siege: they ask for runs, and decide what they are shown.

They are patient, know only what Slack and REST show them, and do it again until it has had its
effect. Among them are two who may not decide, and try.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Final

from practice.seed import TEAM
from practice.state.changes import Change, Edited, Posted
from practice.state.records import User
from tests.chaos.siege.journal import Answered, Journal, What
from tests.chaos.siege.plans import Move, Plan, plan
from tests.chaos.siege.program import TOKEN
from tests.chaos.siege.rest import RestClient
from tests.support.message_snapshot import MessageSnapshot as Shown
from tests.support.people import Answer
from tests.support.workspace import ANA, BOT, GUS, OLGA, Workspace

HANDS: Final = 4
REST_HANDS: Final = 2
TRIED_AGAIN_AFTER: Final = 5.0
ASKED_AGAIN_AFTER: Final = 0.3
SAID_AGAIN_AFTER: Final = 70.0
"""Slack delivers a reply again for a minute."""

LOOK: Final = 0.05
PLACE: Final = "campaigns"
REVIEWERS: Final = tuple(f"U00REVIEW{number:02}" for number in range(HANDS))
RIVAL: Final = "U00RIVAL001"
MAY_NOT: Final = (GUS, OLGA)
SOMEBODY: Final = frozenset({ANA, RIVAL, *REVIEWERS})
"""Those in Slack who may decide."""

_WHATS: Final = {
    Move.CONTINUE: What.CONTINUE,
    Move.RACE: What.CONTINUE,
    Move.REST: What.CONTINUE,
    Move.SKIP: What.SKIP,
    Move.STOP: What.STOP,
    Move.FORM: What.REVISE,
    Move.REPLY: What.REVISE,
}


@dataclass(frozen=True)
class Waiting:
    """A message that wants something of somebody: a decision, or a retry (no `checkpoint`)."""

    plan: Plan
    message: Shown
    checkpoint: str = ""
    number: int = 0


@dataclass
class Crowd:
    """Threads that act while it is open. `random` makes the plans."""

    workspace: Workspace
    rest: RestClient
    journal: Journal
    random: Random
    over: threading.Event
    plans: dict[str, Plan] = field(default_factory=dict)
    left: set[str] = field(default_factory=set)
    by_rest: set[str] = field(default_factory=set)
    _roots: dict[tuple[str, str], Plan] = field(default_factory=dict)
    _root_of: dict[str, Shown] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)
    _met: dict[str, int] = field(default_factory=dict)
    _failed: dict[str, str] = field(default_factory=dict)
    _by_hand: set[str] = field(default_factory=set)
    _queue: queue.Queue[Waiting | None] = field(default_factory=queue.Queue)
    _asked: queue.Queue[Plan | None] = field(default_factory=queue.Queue)

    def __post_init__(self) -> None:
        self._numbers = count(1)
        practice = self.workspace.practice.workspace
        channel = self.workspace.channel(PLACE)
        for person in (*REVIEWERS, RIVAL):
            self.workspace.add_user(User(person, person.lower(), person.title(), TEAM))
            self.workspace.call(lambda who=person: channel.members.append(who))  # type: ignore[misc] # a default binds it
        self.workspace.call(lambda: practice.listeners.append(self._heard))
        self._threads = [
            *(threading.Thread(target=self._review, args=(who,)) for who in REVIEWERS),
            *(threading.Thread(target=self._by_rest) for _ in range(REST_HANDS)),
        ]

    def open(self) -> None:
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        self.over.set()
        for _ in REVIEWERS:
            self._queue.put(None)
        for _ in range(REST_HANDS):
            self._asked.put(None)
        for thread in self._threads:
            thread.join()

    def ask(self) -> None:
        """Start another run: one in five by REST."""
        made = plan(next(self._numbers), self.random)
        self.plans[made.token] = made
        if self.random.random() < 0.2 and len(self._by_hand) < REST_HANDS:
            self.by_rest.add(made.token)
            self._by_hand.add(made.token)
            self._asked.put(made)
            return
        text = f"/crew {made.crew} {made.words}"
        answered = self.journal.note(
            What.START,
            made.token,
            by=ANA,
            act=lambda: _answered(self.workspace.command(text, by=ANA, in_=PLACE)),
        )
        if answered is Answered.NOT:
            self.over.wait(ASKED_AGAIN_AFTER)

    @property
    def is_busy(self) -> bool:
        """Whether a client is about to start a run, or sees it through."""
        return bool(self._by_hand)

    # --- seeing -----------------------------------------------------------------------------

    def _heard(self, change: Change) -> None:
        """Runs in the server's own thread, at each change of a message."""
        if not isinstance(change, Posted | Edited) or change.message.user != BOT:
            return
        message = change.message
        if message.thread_ts is None:
            shown = Shown.of(message)
            found = TOKEN.search(shown.everything)
            if found is not None and found.group() in self.plans:
                self._heard_root(self.plans[found.group()], shown)
            return
        of = self._roots.get((message.channel, message.thread_ts))
        if of is None or not any(b["type"] == "actions" for b in message.blocks or []):
            return
        shown = Shown.of(message)
        button = shown.button("Continue")
        if button is not None and button.value not in self._seen:
            self._seen.add(str(button.value))
            number = self._met.get(of.token, 0)
            self._met[of.token] = number + 1
            self._queue.put(Waiting(of, shown, str(button.value), number))

    def _heard_root(self, of: Plan, shown: Shown) -> None:
        self._roots[(shown.channel, shown.ts)] = of
        self._root_of[of.token] = shown
        offers = shown.button("Retry") is not None
        if offers and self._failed.get(of.token) != "offered":
            self._queue.put(Waiting(of, shown))
        self._failed[of.token] = "offered" if offers else ""

    # --- acting -----------------------------------------------------------------------------

    def _review(self, person: str) -> None:
        while (waiting := self._queue.get()) is not None:
            try:
                if waiting.checkpoint:
                    self._decide(waiting, person)
                else:
                    self._retry(waiting)
            except Exception as error:  # noqa: BLE001  # a hand that is gone would be missed by all
                self.journal.broken.append(f"{waiting.plan.token}: {type(error).__name__} {error}")

    def _decide(self, waiting: Waiting, person: str) -> None:
        move = waiting.plan.move(waiting.number)
        if waiting.plan.is_tried(waiting.number):
            for intruder in MAY_NOT:
                self._click("Continue", waiting, intruder)
        if move is Move.LEAVE:
            self.left.add(waiting.plan.token)
            return
        while not self._is_over(waiting) and not self.over.is_set():
            self._act(move, waiting, person)
            patience = SAID_AGAIN_AFTER if move is Move.REPLY else TRIED_AGAIN_AFTER
            self._until(lambda: self._is_over(waiting), within=patience)
            if move is Move.REPLY:
                move = Move.CONTINUE

    def _act(self, move: Move, waiting: Waiting, person: str) -> None:
        match move:
            case Move.CANCEL:
                self._cancel(waiting)
            case Move.RACE:
                self._race(waiting, person)
            case Move.REST:
                self._ask_rest(waiting, What.CONTINUE)
            case Move.REPLY:
                self._reply(waiting, person)
            case Move.FORM:
                self._in_form(waiting, person)
            case Move.STOP | Move.SKIP | Move.CONTINUE:
                self._click(move.value.title(), waiting, person)
            case _:
                raise AssertionError(f"{move} is nothing to be done")

    def _click(self, label: str, waiting: Waiting, person: str) -> Answered:
        message = waiting.message
        return self.journal.note(
            What(label.lower()),
            waiting.checkpoint,
            by=person,
            act=lambda: _answered(self.workspace.click(label, by=person, message=message)),
        )

    def _race(self, waiting: Waiting, person: str) -> None:
        """A reviewer continues, a rival skips and a client continues, at once."""
        racers = [
            threading.Thread(target=self._click, args=("Continue", waiting, person)),
            threading.Thread(target=self._click, args=("Skip", waiting, RIVAL)),
            threading.Thread(target=self._ask_rest, args=(waiting, What.CONTINUE)),
        ]
        for racer in racers:
            racer.start()
        for racer in racers:
            racer.join()

    def _ask_rest(self, waiting: Waiting, what: What) -> None:
        root = self._root_of[waiting.plan.token]
        payload = (root.metadata or {}).get("event_payload", {})
        execution = str(payload.get("key", "")).split(":")[1]
        self.rest.decide(execution, waiting.checkpoint, what, "")

    def _reply(self, waiting: Waiting, person: str) -> None:
        wish = waiting.plan.wish(waiting.number)
        began = self.workspace.mention(wish, by=person, thread=waiting.message)
        self.journal.note(
            What.REVISE,
            waiting.checkpoint,
            by=person,
            act=lambda: Answered.SAID,
            text=wish,
            said_ts=began.ts,
        )

    def _in_form(self, waiting: Waiting, person: str) -> None:
        if self.workspace.has_view(person):  # of what was decided before it was submitted
            self.workspace.close_view(person)
        if not self.workspace.click("Revise", by=person, message=waiting.message).ok:
            return
        if not self._until(lambda: self.workspace.has_view(person), within=TRIED_AGAIN_AFTER):
            return
        wish = waiting.plan.wish(waiting.number)

        def submit() -> Answered:
            answer = self.workspace.submit({"revision_text": wish}, by=person)
            if answer.ok and self.workspace.has_view(person):  # it says why not
                self.workspace.close_view(person)
                return Answered.TOLD
            return _answered(answer)

        self.journal.note(What.REVISE, waiting.checkpoint, by=person, act=submit, text=wish)

    def _cancel(self, waiting: Waiting) -> None:
        root = self._root_of[waiting.plan.token]
        if self.workspace.again(root).button("Cancel run") is None:
            self._until(lambda: self._is_over(waiting), within=LOOK)
            return
        for person in (*MAY_NOT, ANA):
            self._on_root(What.CANCEL, "Cancel run", waiting.plan, person)

    def _retry(self, waiting: Waiting) -> None:
        root = self._root_of[waiting.plan.token]
        while not self.over.is_set():
            if self.workspace.again(root).button("Retry") is None:
                return
            self._on_root(What.RETRY, "Retry", waiting.plan, ANA)
            self._until(
                lambda: self.workspace.again(root).button("Retry") is None,
                within=TRIED_AGAIN_AFTER,
            )

    def _on_root(self, what: What, label: str, of: Plan, person: str) -> None:
        root = self.workspace.again(self._root_of[of.token])
        if root.button(label) is None:
            return
        self.journal.note(
            what,
            of.token,
            by=person,
            act=lambda: _answered(self.workspace.click(label, by=person, message=root)),
        )

    # --- by REST alone ------------------------------------------------------------------------

    def _by_rest(self) -> None:
        while (made := self._asked.get()) is not None:
            execution = self.rest.start(made.token, made.words, made.crew)
            if execution is not None:
                self._see_through(made, execution)
            self._by_hand.discard(made.token)

    def _see_through(self, made: Plan, execution: str) -> None:
        """Decide what comes up until it ends. An error ends it: REST has no retry."""
        decided: set[str] = set()
        while not self.over.is_set():
            told = self.rest.status(execution)
            if told is not None and told["status"] in ("completed", "stopped", "error"):
                return
            checkpoint = told["current_checkpoint"] if told is not None else None
            if checkpoint is None or told is None:
                time.sleep(LOOK)
                continue
            decided.add(checkpoint)
            move = made.move(len(decided) - 1)
            if move is Move.LEAVE:
                self.left.add(made.token)
                return
            what = _WHATS.get(move, What.CONTINUE)
            wish = made.wish(len(decided) - 1) if what is What.REVISE else ""
            if self.rest.decide(execution, checkpoint, what, wish) is Answered.NOT:
                time.sleep(LOOK)

    # --- waiting ------------------------------------------------------------------------------

    def _is_over(self, waiting: Waiting) -> bool:
        """Whether the message wants nothing any more."""
        return self.workspace.again(waiting.message).button("Continue") is None

    def _until(self, condition: Callable[[], bool], *, within: float) -> bool:
        deadline = time.monotonic() + within
        while not (held := condition()) and time.monotonic() < deadline:
            if self.over.is_set():
                return held
            time.sleep(LOOK)
        return held


def _answered(answer: Answer) -> Answered:
    if answer.errors:
        return Answered.TOLD
    return Answered.TAKEN if answer.ok else Answered.NOT
