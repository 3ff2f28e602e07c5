"""The real bot in a practice workspace, on either database, with a clock that is hurried along.

Whatever the bot puts off until later comes due at once: the clock jumps to it as soon as nothing
is under way. So Slack may ask for two minutes of quiet without anybody waiting for them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import TracebackType
from typing import Any, Final, Self
from unittest import mock

from bot.slack import app
from bot.slack.actions.commands import OPEN
from bot.slack.ids import DECISIONS
from practice.faults.plan import Kind
from storage.definitions import CrewDefinition
from storage.outbox.outbox import Outbox
from storage.ports import NoDispatch
from storage.reads import Reads
from storage.records import Execution
from storage.state_manager import StateManager
from tests.chaos.weather.ground import Books, seconds
from tests.slack.stage import BRISK, OPERATOR, DeferredSignal, MovableClock, Stage
from tests.support.factories import crew, rule
from tests.support.message_snapshot import MessageSnapshot as Shown
from tests.support.message_snapshot import buttons
from tests.support.schema import upgraded
from tests.support.workspace import ANA, Workspace

LOOK: Final = 0.02
WITHIN: Final = 60.0
HOLD: Final = 61.0
HELD_IN_VAIN: Final = 5.0
TAKEN_UP: Final = 0.3
"""Seconds within which somebody is at a row that is due."""

FAST: Final = replace(BRISK, look_again=timedelta(milliseconds=100))

PUT_OFF: Final = """
    SELECT not_before, held_by, seq, state, wanted, shown, attempts FROM outbox
    WHERE state IN ('queued', 'sending') OR state = 'posted' AND shown_version < version
"""

PACED: Final = "SELECT free_at FROM rate_limits"


def weather_crew() -> dict[str, CrewDefinition]:
    """Two phases and a checkpoint that waits as long as it takes."""
    made = crew(
        name="plan",
        phases=("planning", "finalization"),
        after=("planning",),
        decided_by=rule(timeout=None),
    )
    return {"plan": made}


@dataclass
class Live:
    """How many messages show a checkpoint's buttons at once, over all that was ever shown."""

    most: dict[str, int] = field(default_factory=dict)
    _shown: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    _read: int = 0

    def read(self, workspace: Workspace) -> dict[str, int]:
        journal = workspace.practice.workspace.journal
        for version in workspace.call(lambda: list(journal)[self._read :]):
            self._read += 1
            acts_on = {
                str(button.value)
                for button in buttons(version.blocks)
                if version.ephemeral_to is None and button.action_id in DECISIONS
            }
            self._shown[version.channel, version.ts] = acts_on
            for checkpoint in acts_on:
                count = sum(checkpoint in held for held in self._shown.values())
                self.most[checkpoint] = max(self.most.get(checkpoint, 0), count)
        return self.most


@contextmanager
def house_on(url: str) -> Iterator[House]:
    """A house in a workspace of its own, whose clocks agree."""
    clock = MovableClock()
    with (
        Workspace(clock=lambda: clock.now().timestamp()) as workspace,
        House(workspace, url, clock=clock) as house,
    ):
        workspace.retry_events_after(0.2, 0.5, 1.0)
        yield house


class House(Stage):
    """A stage whose database is named by its URL."""

    def __init__(self, workspace: Workspace, url: str, *, clock: MovableClock) -> None:
        """`clock` is the bot's; the workspace may go by the same."""
        self.workspace = workspace
        self.crews = weather_crew()
        self.clock = clock
        self.engine = upgraded(url)
        self._signal = DeferredSignal()
        self.reads = Reads(self.engine)
        self.outbox = Outbox(self.engine, self.clock)
        self.state = StateManager(
            self.engine, clock=self.clock, dispatch=NoDispatch(), signal=self._signal
        )
        self.tempo = FAST
        self.books = Books(url)
        self.live = Live()
        self._seen: list[tuple[Any, ...]] = []
        self._since = 0.0
        self._mode = "socket"
        # A hanging call is over soon here.
        with mock.patch.multiple(app, POST_SECONDS=1, ANSWER_SECONDS=1, FACT_SECONDS=1):
            self.front = self._front()

    def __enter__(self) -> Self:
        self.front.start()
        self.workspace.wait_until_connected()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.workspace.call(self.workspace.practice.faults.clear)
        self.front.stop(timedelta(seconds=3))
        self.engine.dispose()

    # --- the weather ------------------------------------------------------------------------

    def strike(
        self,
        method: str,
        kind: Kind,
        *,
        times: int | None = 1,
        error: str = "internal_error",
        retry_after: int = 1,
        hang: float = 2.0,
        status: int = 500,
        channel: str | None = None,
    ) -> None:
        """The bot's next calls of this method meet a failure."""
        self.workspace.call(
            lambda: self.workspace.practice.faults.plan(
                method,
                kind,
                times=times,
                error=error,
                retry_after=retry_after,
                seconds=hang,
                status=status,
                channel=channel,
            )
        )

    def clear_up(self) -> None:
        self.workspace.call(self.workspace.practice.faults.clear)

    def hurry(self) -> None:
        """Go to when the next thing comes due, unless something is being done."""
        rows = self.books.rows(PUT_OFF)
        if rows != self._seen:
            self._seen, self._since = rows, time.monotonic()
        elif rows:
            self._come_due(rows, time.monotonic() - self._since)
        self.front.deliver_due()

    def _come_due(self, rows: Sequence[tuple[Any, ...]], unchanged: float) -> None:
        now = self.clock.now().timestamp()
        due = [seconds(row[0]) for row in rows if row[0] is not None]
        due += [at for (free_at,) in self.books.rows(PACED) if (at := seconds(free_at)) > now]
        if any(row[1] for row in rows):
            # Somebody is at it, or gave up without a word to the database, which was busy.
            due = [now + HOLD] if unchanged > HELD_IN_VAIN else []
        coming = [at for at in due if at > now]
        # What is due already is being taken up, or rests for what comes first of the others.
        if coming and unchanged > (TAKEN_UP if len(coming) < len(due) else 0):
            self.clock.move(timedelta(seconds=min(coming) - now + 0.001))
            self._since = time.monotonic()

    def until(self, condition: Callable[[], object], what: str, within: float = WITHIN) -> None:
        """Hurry along until it holds."""
        deadline = time.monotonic() + within
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"waited {within:g} s for {what}")
            self.hurry()
            time.sleep(LOOK)

    def tidy_up(self) -> None:
        """After a case that went wrong: the next one finds nothing of it."""
        self.clear_up()
        self.workspace.wait_for(lambda: self.front.connected, 60, what="a socket")
        for execution in self.reads.executions(states=OPEN, limit=100):
            self.state.cancel(execution.id, actor=OPERATOR)
        self.quiet()
        self.workspace.call(self._forget_what_was_said)

    # --- a run ------------------------------------------------------------------------------

    def begin(self) -> Execution:
        """A run whose thread stands, with nothing left to be said."""
        execution = self.start(by=ANA)
        self.quiet()
        return execution

    def quiet(self) -> None:
        self.until(lambda: not self.books.rows(PUT_OFF), "delivery to end")

    def armed_now(self, execution: Execution) -> Shown | None:
        """The message of the waiting checkpoint, if it can be acted on."""
        checkpoint = self.waiting(execution).id
        found = (m for m in self.everywhere() if any(b.value == checkpoint for b in m.buttons))
        return next(found, None)

    def told_of(self, execution: Execution) -> bool:
        """Whether the requester was told in words that something of this run is missing."""
        words = f"Run `{execution.id[:8]}`: I could not show"
        return any(words in message.text for message in self.everywhere())

    def given_up(self, execution: Execution) -> bool:
        """Whether the bot no longer tries to show the checkpoint."""
        key = f"checkpoint:{self.waiting(execution).id}"
        return self.books.rows(f"SELECT state FROM outbox WHERE key = '{key}'") == [("failed",)]

    def end(self, execution: Execution) -> None:
        """Run what is left, and see its result come."""
        self.work("the end")
        key = f"final:{execution.id}"
        self.until(
            lambda: any(key in str(message.metadata) for message in self.everywhere()),
            "the result",
        )
