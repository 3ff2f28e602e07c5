"""The people and REST clients of a load, who start executions and decide at their checkpoints.

They know only what Slack and REST show them, and repeat an act until it has had its effect. Two of
them may not decide, but try.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Final

from practice.seed import TEAM
from practice.state.changes import Change, Edited, Posted
from practice.state.records import Channel, Message, User
from tests.support.message_snapshot import MessageSnapshot
from tests.support.people import Answer
from tests.support.workspace import ANA, BOT, GUS, OLGA, Workspace
from tests.trouble.crews.effects import TOKEN
from tests.trouble.db import ENDED, Database
from tests.trouble.load.journal import ActKind, ActResult, Journal, MidRunAnswer, Reading
from tests.trouble.load.plans import PLACE, Move, Plan
from tests.trouble.load.rest import RestClient

REST_CLIENTS: Final = 2
STARTS_WITHIN: Final = 120.0
RETRIED_AFTER: Final = 0.3
POLL: Final = 0.03
REVIEWERS: Final = tuple(f"U00REVIEW{number:02}" for number in range(4))
RIVAL: Final = "U00RIVAL001"
MAY_NOT: Final = (GUS, OLGA)
MAY: Final = frozenset({ANA, RIVAL, *REVIEWERS})
"""The people in Slack who may decide."""

FIRST_ANSWER: Final = 1000
"""Notes in answers are numbered from here, to distinguish them from notes in revisions."""

_ACT_KINDS: Final = {
    Move.SKIP: ActKind.SKIP,
    Move.STOP: ActKind.STOP,
    Move.FORM: ActKind.REVISE,
    Move.MENTION: ActKind.REVISE,
}


@dataclass(frozen=True)
class Waiting:
    """A message that asks for a decision, or offers a retry if `checkpoint` is empty."""

    plan: Plan
    message: MessageSnapshot
    checkpoint: str = ""


class Crowd:
    """Reviewers and REST clients in their own threads, while it is open.

    `database` is read only to check that an acknowledged act is recorded at that time, and whether
    a command that Slack calls failed was recorded within `recorded_within` seconds.
    """

    def __init__(
        self,
        workspace: Workspace,
        rest: RestClient,
        journal: Journal,
        *,
        database: Database,
        recorded_within: float,
    ) -> None:
        self.workspace = workspace
        self.rest = rest
        self.journal = journal
        self.over = threading.Event()
        self.plans: dict[str, Plan] = {}
        self.left: set[str] = set()
        self.by_rest: set[str] = set()
        self.readings: list[Reading] = []
        self.answers: list[MidRunAnswer] = []
        self.answer_numbers = count(FIRST_ANSWER)
        self.root_of: dict[str, MessageSnapshot] = {}
        self.database, self._recorded_within = database, recorded_within
        self._roots: dict[tuple[str, str], Plan] = {}
        self._queued: set[str] = set()
        self._checkpoint_counts: dict[str, int] = {}
        self._offers_retry: dict[str, bool] = {}
        self._rest_tokens: set[str] = set()
        self._waiting: queue.Queue[Waiting | None] = queue.Queue()
        self._rest_plans: queue.Queue[Plan | None] = queue.Queue()

    def open(self, review: Callable[[Crowd, Waiting, str], None]) -> None:
        """Start all threads; `review` handles a message as the reviewer with the given id."""
        self._threads = [
            *(threading.Thread(target=self._review, args=(review, who)) for who in REVIEWERS),
            *(threading.Thread(target=self._serve_rest) for _ in range(REST_CLIENTS)),
        ]
        listeners = self.workspace.practice.workspace.listeners
        self.workspace.call(lambda: listeners.append(self._on_change))
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        self.over.set()
        for _ in REVIEWERS:
            self._waiting.put(None)
        for _ in range(REST_CLIENTS):
            self._rest_plans.put(None)
        for thread in self._threads:
            thread.join()
        listeners = self.workspace.practice.workspace.listeners
        self.workspace.call(lambda: listeners.remove(self._on_change))

    @property
    def is_busy(self) -> bool:
        """Whether a REST client is starting or running an execution."""
        return bool(self._rest_tokens)

    def start(self, plan: Plan) -> None:
        """Start the plan by REST or by a command, which is repeated only if the plan must run."""
        self.plans[plan.token] = plan
        if plan.by_rest and len(self._rest_tokens) < REST_CLIENTS:
            self.by_rest.add(plan.token)
            self._rest_tokens.add(plan.token)
            self._rest_plans.put(plan)
            return
        text = f"/crew {plan.kind.name} {plan.token} {plan.words}".strip()
        deadline = time.monotonic() + STARTS_WITHIN
        while time.monotonic() < deadline:
            result = self.journal.note(
                ActKind.START,
                plan.token,
                by=ANA,
                act=lambda: answer_of(self.workspace.command(text, by=ANA, in_=plan.channel)),
            )
            if result is ActResult.TAKEN:
                if plan.exact and not self.database.knows(plan.token):
                    self.journal.broken.append(f"{plan.token} was acknowledged, but not recorded")
                return
            self.over.wait(RETRIED_AFTER)
            if not plan.exact or self.until(
                lambda: self.database.knows(plan.token), within=self._recorded_within
            ):
                return
        self.journal.broken.append(f"{plan.token} could not be started")

    def unfinished(self, states: Mapping[str, str]) -> dict[str, str]:
        """The executions that must continue: REST has no retry, and some are left waiting."""
        stay = {"waiting_feedback": self.left, "error": self.by_rest}
        return {
            token: state
            for token, state in states.items()
            if state not in ENDED and token not in stay.get(state, ())
        }

    def number(self, token: str) -> int:
        """The number of checkpoints of the execution before the one that is being decided."""
        number = self._checkpoint_counts.get(token, 0)
        self._checkpoint_counts[token] = number + 1
        return number

    def until(self, condition: Callable[[], bool], *, within: float) -> bool:
        deadline = time.monotonic() + within
        while not (is_met := condition()) and time.monotonic() < deadline:
            if self.over.wait(POLL):
                return is_met
        return is_met

    # --- what Slack shows -----------------------------------------------------------------------

    def _on_change(self, change: Change) -> None:
        """Handle a change of a message; runs in the server's own thread."""
        if not isinstance(change, Posted | Edited) or change.message.user != BOT:
            return
        message = change.message
        if message.thread_ts is None:
            self._on_root_change(message)
            return
        plan = self._roots.get((message.channel, message.thread_ts))
        if plan is None or not any(b["type"] == "actions" for b in message.blocks or []):
            return
        snapshot = MessageSnapshot.of(message)
        button = snapshot.button("Continue") or snapshot.button("good")
        checkpoint = str(button.value).partition(" ")[0] if button is not None else ""
        if checkpoint and checkpoint not in self._queued:
            self._queued.add(checkpoint)
            self._waiting.put(Waiting(plan, snapshot, checkpoint))

    def _on_root_change(self, message: Message) -> None:
        snapshot = MessageSnapshot.of(message)
        token = TOKEN.search(snapshot.everything)
        plan = self.plans.get(token.group()) if token is not None else None
        if plan is None:
            return
        self._roots[(snapshot.channel, snapshot.ts)] = plan
        self.root_of[plan.token] = snapshot
        offers = snapshot.button("Retry") is not None
        if offers and not self._offers_retry.get(plan.token):
            self._waiting.put(Waiting(plan, snapshot))
        self._offers_retry[plan.token] = offers

    def _review(self, review: Callable[[Crowd, Waiting, str], None], who: str) -> None:
        while (waiting := self._waiting.get()) is not None:
            try:
                review(self, waiting, who)
            except Exception as error:  # noqa: BLE001  # the thread must survive, or the load would stop
                token = waiting.plan.token
                self.journal.broken.append(f"{token}: {type(error).__name__} {error}")

    # --- by REST alone ------------------------------------------------------------------------

    def _serve_rest(self) -> None:
        while (plan := self._rest_plans.get()) is not None:
            request = f"{plan.token} {plan.words}"
            execution = self.rest.start(plan.token, request, plan.kind.name)
            if execution is not None:
                self._run_by_rest(plan, execution)
            self._rest_tokens.discard(plan.token)

    def _run_by_rest(self, plan: Plan, execution: str) -> None:
        """Decide at every checkpoint until the execution ends. An error is final in REST."""
        decided: set[str] = set()
        while not self.over.is_set():
            status = self.rest.status(execution)
            if status is not None and status["status"] in ("completed", "stopped", "error"):
                return
            checkpoint = status["current_checkpoint"] if status is not None else None
            if checkpoint is None:
                self.over.wait(POLL)
                continue
            decided.add(checkpoint)
            number = len(decided) - 1
            move = plan.move(number)
            if move is Move.LEAVE:
                self.left.add(plan.token)
                return
            what = _ACT_KINDS.get(move or Move.CONTINUE, ActKind.CONTINUE)
            wish = plan.wish(number) if what is ActKind.REVISE else ""
            if self.rest.decide(execution, checkpoint, what, wish) is ActResult.NO_ANSWER:
                self.over.wait(POLL)


def answer_of(answer: Answer) -> ActResult:
    if answer.errors:
        return ActResult.REFUSED
    return ActResult.TAKEN if answer.ok else ActResult.NO_ANSWER


def add_people(workspace: Workspace, channels: Iterable[str] = ()) -> None:
    """Add the reviewers and their rival, and create these channels with them as members."""
    for person in (*REVIEWERS, RIVAL):
        workspace.add_user(User(person, person.lower(), person.title(), TEAM))
    for channel in channels:
        members = [ANA, BOT, *REVIEWERS, RIVAL]
        workspace.add_channel(Channel(channel, channel.lower(), members=members))
    place = workspace.channel(PLACE)
    workspace.call(lambda: place.members.extend((*REVIEWERS, RIVAL)))
