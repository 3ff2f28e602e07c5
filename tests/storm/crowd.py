"""The people of a storm: they start what is planned, read what they are shown, and decide."""

from __future__ import annotations

import html
import json
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count
from typing import Final

from practice.seed import BOT, TEAM
from practice.state.changes import Change, Edited, Posted
from practice.state.records import Channel, Message, User
from tests.storm.kinds import Move, Plan
from tests.storm.slips import TOKEN, hash_of, hash_of_arguments, note
from tests.support.message_snapshot import MessageSnapshot as Shown
from tests.support.people import Answer
from tests.support.workspace import ANA, Workspace

REVIEWERS: Final = 4
PATIENCE: Final = 60.0
MODAL_WITHIN: Final = 5.0
TAKEN_WITHIN: Final = 15.0
LOOK: Final = 0.05

_CLIPPED: Final = "The whole text is in the file below"


class Held(StrEnum):
    """For what a running crew is held, told by its buttons."""

    CALL = "Continue: call it"
    QUESTION = "Continue: answer"
    BUDGET = "Continue"


@dataclass(frozen=True)
class Reading:
    """What somebody saw before they decided, or left it: the hash of the whole text shown.

    `number` counts the checkpoints of the execution that came before.
    """

    token: str
    checkpoint: str
    shown: str
    move: Move
    number: int


@dataclass(frozen=True)
class Answered:
    """A checkpoint at which a running crew was held. `shown` is the hash of a tool's arguments.

    `said` is the number of the note in the answer, or 0.
    """

    token: str
    checkpoint: str
    what: Held
    shown: str
    said: int = 0
    allowed: bool = True


@dataclass(frozen=True)
class _Waiting:
    """A message that wants a decision."""

    token: str
    checkpoint: str
    message: Shown


@dataclass
class Crowd:
    """Reviewers in threads of their own. Each checkpoint is decided by one of them."""

    workspace: Workspace
    plans: Sequence[Plan]
    readings: list[Reading] = field(default_factory=list)
    answered: list[Answered] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    _roots: dict[tuple[str, str], str] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)
    _said: set[str] = field(default_factory=set)
    _met: dict[str, int] = field(default_factory=dict)
    _queue: queue.Queue[_Waiting | None] = field(default_factory=queue.Queue)

    def __post_init__(self) -> None:
        self._answers = count(FIRST_ANSWER)
        self._plan_of = {plan.token: plan for plan in self.plans}
        self._people = [f"U00REVIEW{number:02}" for number in range(REVIEWERS)]
        for number, person in enumerate(self._people):
            self.workspace.add_user(User(person, f"reviewer{number}", f"Reviewer {number}", TEAM))
        for channel in {plan.channel for plan in self.plans}:
            members = [ANA, BOT, *self._people]
            self.workspace.add_channel(Channel(channel, channel.lower(), members=members))
        self._threads = [
            threading.Thread(target=self._review, args=(person,), daemon=True)
            for person in self._people
        ]
        self.workspace.call(lambda: self.workspace.practice.workspace.listeners.append(self._heard))

    def open(self) -> None:
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join(PATIENCE)

    def start(self, plan: Plan, *, is_known: Callable[[str], bool]) -> None:
        """Type the command. What Slack calls failed may have been taken: `is_known` tells."""
        words = f"/crew {plan.kind.name} {plan.token}"
        deadline = time.monotonic() + PATIENCE
        while not self.workspace.command(words, by=ANA, in_=plan.channel).ok:
            if self._until(lambda: is_known(plan.token), within=TAKEN_WITHIN):
                return
            if time.monotonic() > deadline:
                self.broken.append(f"{plan.token} could not be started")
                return

    # --- seeing -----------------------------------------------------------------------------

    def _heard(self, change: Change) -> None:
        """Runs in the server's own thread, at each change of a message."""
        if not isinstance(change, Posted | Edited) or change.message.user != BOT:
            return
        message = change.message
        if message.thread_ts is None:
            found = TOKEN.search(Shown.of(message).everything)
            if found is not None:
                self._roots[(message.channel, message.ts)] = found.group()
            return
        checkpoint = _checkpoint_of(message)
        if checkpoint and checkpoint not in self._seen:
            self._seen.add(checkpoint)
            token = self._roots[(message.channel, message.thread_ts)]
            self._queue.put(_Waiting(token, checkpoint, Shown.of(message)))

    # --- deciding ---------------------------------------------------------------------------

    def _review(self, person: str) -> None:
        while (waiting := self._queue.get()) is not None:
            held = _held_for(waiting.message)
            try:
                if held is None:
                    self._decide(waiting, person)
                else:
                    self._let_go_on(held, waiting, person)
            except AssertionError as error:
                self.broken.append(f"{waiting.token}: {error}")

    def _decide(self, waiting: _Waiting, person: str) -> None:
        plan = self._plan_of[waiting.token]
        number = self._met.get(waiting.token, 0)
        self._met[waiting.token] = number + 1
        if number >= len(plan.moves):
            self.broken.append(f"{waiting.token} came to a checkpoint more than was planned")
            return
        move = plan.moves[number]
        words = note(waiting.token, number)
        text = self._read(waiting.message)
        self.readings.append(
            Reading(waiting.token, waiting.checkpoint, hash_of(text), move, number)
        )
        if move is Move.LEAVE:
            return
        self._insist(
            lambda: self._do(move, waiting.message, person, words), waiting, what=move.value
        )

    def _let_go_on(self, held: Held, waiting: _Waiting, person: str) -> None:
        """Answer; one call of a tool in five is refused. The question may be withdrawn meanwhile,
        and asked again, for its crew dies with the worker."""
        message, said, shown = waiting.message, 0, ""
        refused = held is Held.CALL and int(waiting.checkpoint[:2], 16) % 5 == 0
        if held is Held.CALL:
            shown = hash_of_arguments(_arguments(message))
        if held is Held.QUESTION or refused:
            said = next(self._answers)
        words = note(waiting.token, said)
        answered = Answered(waiting.token, waiting.checkpoint, held, shown, said, not refused)
        self.answered.append(answered)

        def answer() -> bool:
            if refused or (held is Held.QUESTION and said % 2):
                return self._in_form(Move.FORM, message, person, words)
            if held is Held.QUESTION:
                return self._do(Move.MENTION, message, person, words)
            return self._click(held.value, message, person).ok

        self._insist(answer, waiting, what=f"to let go on what is held for: {held.value}")

    def _insist(self, act: Callable[[], bool], waiting: _Waiting, *, what: str) -> None:
        """Do it until the message has lost its buttons."""
        deadline = time.monotonic() + PATIENCE
        while not self._is_decided(waiting.message):
            if time.monotonic() > deadline:
                raise AssertionError(f"{what} on {waiting.checkpoint} had no effect")
            try:
                patience = TAKEN_WITHIN if act() else 1.0
            except Gone:
                patience = 1.0
            self._until(lambda: self._is_decided(waiting.message), within=patience)

    def _read(self, message: Shown) -> str:
        """The whole text that this message asks about, of which it may show the beginning."""
        [block] = [block for block in message.blocks if block["type"] == "markdown"]
        shown = html.unescape(str(block["text"]))
        if _CLIPPED not in message.everything:
            return shown
        file = self.workspace.wait_for(
            lambda: next(
                (m for m in self.workspace.thread(message) if m.files and m.ts > message.ts), None
            ),
            PATIENCE,
            what="the file with the whole text",
        )
        whole = self.workspace.file_text(file)
        beginning = shown.removesuffix("…").rstrip()
        assert whole.startswith(beginning), f"{file.text} does not begin as the message does"
        return whole

    def _do(self, move: Move, message: Shown, person: str, words: str) -> bool:
        chosen = "good" if message.button("good") else "Continue"
        match move:
            case Move.CONTINUE:
                return self._click(chosen, message, person).ok
            case Move.RACE:
                other = next(each for each in self._people if each != person)
                answers = self.workspace.clicks(chosen, by=[person, other], message=message)
                return any(answer.ok for answer in answers)
            case Move.SKIP | Move.STOP | Move.AGAIN:
                return self._click(_LABELS[move], message, person).ok
            case Move.MENTION:
                return self._say_once(words, message, person, mention=True)
            case Move.FORM | Move.REPLY:
                return self._in_form(move, message, person, words)
            case _:
                raise AssertionError(f"{move} is nothing to be done")

    def _in_form(self, move: Move, message: Shown, person: str, words: str) -> bool:
        labels = ("Add words", "Revise", Held.QUESTION.value)
        opens = next(label for label in labels if message.button(label))
        if self.workspace.has_view(person):  # of what was decided before it was submitted
            self.workspace.close_view(person)
        if not self._click(opens, message, person).ok:
            return False
        opened = self._until(lambda: self.workspace.has_view(person), within=MODAL_WITHIN)
        if opened and move is Move.FORM:
            values: dict[str, object] = {"revision_text": words}
            if opens == "Add words":
                values["outcome_choice"] = self._option("again", person)
            return not self.workspace.submit(values, by=person).errors
        if opened:
            self.workspace.close_view(person)
        return self._say_once(words, message, person, mention=False)

    def _say_once(self, words: str, message: Shown, person: str, *, mention: bool) -> bool:
        """Slack delivers a reply until the bot has taken it: said twice it would count twice."""
        if words not in self._said:
            self._said.add(words)
            say = self.workspace.mention if mention else self.workspace.reply
            say(words, by=person, thread=message)
        return True

    def _option(self, label: str, person: str) -> str:
        """The value of the outcome that begins so, in the form in front of this person."""
        for block in self.workspace.open_view(person).definition["blocks"]:
            for option in (block.get("element") or {}).get("options", []):
                if option["text"]["text"].startswith(label):
                    return str(option["value"])
        raise AssertionError(f"no outcome {label} is offered in the form")

    def _click(self, label: str, message: Shown, person: str) -> Answer:
        if self._is_decided(message):
            raise Gone
        return self.workspace.click(label, by=person, message=message)

    def _is_decided(self, message: Shown) -> bool:
        now = self.workspace.again(message)
        return not (now.button("Continue") or now.button("good"))

    def _until(self, condition: Callable[[], bool], *, within: float) -> bool:
        deadline = time.monotonic() + within
        while not (held := condition()) and time.monotonic() < deadline:
            time.sleep(LOOK)
        return held


class Gone(Exception):
    """What was to be clicked has been decided or withdrawn."""


FIRST_ANSWER: Final = 1000
"""The notes in answers are numbered from here, so that none is taken for that of a revision."""

_LABELS: Final = {Move.SKIP: "Skip", Move.STOP: "Stop", Move.AGAIN: "again"}
WITH_WORDS: Final = {Move.FORM, Move.REPLY, Move.MENTION}


def _held_for(message: Shown) -> Held | None:
    """None: the message shows what a phase or a gate gave."""
    if message.button("good") or (message.button("Revise") and not message.button(Held.CALL)):
        return None
    return next((held for held in Held if message.button(held.value)), None)


def _arguments(message: Shown) -> dict[str, object]:
    """Of the tool's call that this message asks about."""
    [block] = [block for block in message.blocks if block["type"] == "rich_text"]
    written = "".join(text["text"] for part in block["elements"] for text in part["elements"])
    arguments: dict[str, object] = json.loads(written)
    return arguments


def _checkpoint_of(message: Message) -> str:
    """The id that the buttons of a waiting checkpoint carry; empty of any other message."""
    shown = Shown.of(message)
    button = shown.button("Continue") or shown.button("good")
    return str(button.value) if button else ""
