"""The real bot in a practice workspace, on either database, with a clock that skips waiting times.

Everything that the bot postpones is due at once: the clock jumps to it as soon as the bot is idle.
If Slack asks for a pause of two minutes, no test waits for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from types import TracebackType
from typing import Any, Final
from unittest import mock

from bot.slack import app
from bot.slack.actions.commands import OPEN
from bot.slack.ids import ActionId
from practice.state.records import Version
from storage.records import Execution
from tests.slack.stage import BRISK, OPERATOR, MovableClock, Stage
from tests.support.factories import crew, rule
from tests.support.message_snapshot import MessageSnapshot
from tests.support.workspace import ANA, Workspace
from tests.trouble.db import UNSHOWN, Database, seconds
from tests.trouble.slack.answers import Fault

POLL: Final = 0.02
WITHIN: Final = 60.0
LEASE: Final = 61.0
STUCK_AFTER: Final = 5.0
TAKEN_WITHIN: Final = 0.3
"""Seconds within which a due row is taken."""

FAST: Final = replace(BRISK, look_again=timedelta(milliseconds=100))

UNDELIVERED: Final = f"""
    SELECT not_before, lease_owner, seq, state, version, shown_version, attempts
    FROM outbox WHERE {UNSHOWN}
"""
RATE_LIMITED_UNTIL: Final = "SELECT free_at FROM rate_limits"


@contextmanager
def hurried_stage(url: str) -> Iterator[HurriedStage]:
    """Yields a stage in a workspace of its own, which uses the bot's clock."""
    clock = MovableClock()
    with (
        Workspace(clock=lambda: clock.now().timestamp()) as workspace,
        HurriedStage(workspace, url, clock=clock) as stage,
    ):
        workspace.retry_events_after(0.2, 0.5, 1.0)
        yield stage


class HurriedStage(Stage):
    """A stage whose crew `plan` has two phases with a checkpoint, without a deadline, between."""

    def __init__(self, workspace: Workspace, url: str, *, clock: MovableClock) -> None:
        plan = crew(
            phases=("planning", "finalization"), after=("planning",), decided_by=rule(timeout=None)
        )
        # A hanging call times out soon.
        with mock.patch.multiple(app, POST_SECONDS=1, ANSWER_SECONDS=1, LOOKUP_SECONDS=1):
            super().__init__(workspace, url, crews={"plan": plan}, timing=FAST, clock=clock)
        self.database = Database(url)
        self._last_rows: list[dict[str, Any]] = []
        self._unchanged_since = 0.0
        self._versions: dict[str, int] = {}

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.clear_faults()
        super().__exit__(kind, error, trace)

    # --- faults -----------------------------------------------------------------------------

    def strike(self, method: str, fault: Fault, *, channel: str | None = None) -> None:
        """Make the bot's next calls of this method fail."""
        self.workspace.call(
            lambda: self.workspace.practice.faults.plan(
                method,
                fault.kind,
                times=fault.times,
                error=fault.error,
                retry_after=fault.retry_after,
                seconds=2.0,
                status=fault.status,
                channel=channel,
            )
        )

    def clear_faults(self) -> None:
        self.workspace.call(self.workspace.practice.faults.clear)

    def hurry(self) -> None:
        """Move the clock to the next due time if the bot is idle."""
        rows = self.database.rows(UNDELIVERED)
        if rows != self._last_rows:
            self._last_rows, self._unchanged_since = rows, time.monotonic()
        elif rows:
            self._skip_to_next(rows, time.monotonic() - self._unchanged_since)
        self.front.deliver_due()

    def _skip_to_next(self, rows: Sequence[dict[str, Any]], unchanged: float) -> None:
        now = self.clock.now().timestamp()
        due = [seconds(row["not_before"]) for row in rows if row["not_before"] is not None]
        free = [seconds(row["free_at"]) for row in self.database.rows(RATE_LIMITED_UNTIL)]
        due += [at for at in free if at > now]
        if any(row["lease_owner"] for row in rows):
            # It is being delivered, or its lease was not released because the database was busy.
            due = [now + LEASE] if unchanged > STUCK_AFTER else []
        coming = [at for at in due if at > now]
        # Rows that are already due are being taken, or wait for the first of the others.
        if coming and unchanged > (TAKEN_WITHIN if len(coming) < len(due) else 0):
            self.clock.move(timedelta(seconds=min(coming) - now + 0.001))
            self._unchanged_since = time.monotonic()

    def until(self, condition: Callable[[], object], what: str, within: float = WITHIN) -> None:
        """Hurry until the condition is true; raises AssertionError after `within` seconds."""
        deadline = time.monotonic() + within
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"waited {within:g} s for {what}")
            self.hurry()
            time.sleep(POLL)

    def tidy_up(self) -> None:
        """Remove everything that a failed case left, for the next case."""
        self.clear_faults()
        self.workspace.wait_for(lambda: self.front.connected, 60, what="a socket")
        for execution in self.reads.executions(states=OPEN, limit=100):
            self.state.cancel(execution.id, actor=OPERATOR)
        self.quiet()
        self.workspace.call(self._clear_ephemerals_and_forms)

    # --- an execution -----------------------------------------------------------------------

    def begin(self) -> Execution:
        """Start an execution; wait until its thread is posted and nothing is left to deliver."""
        execution = self.start(by=ANA)
        self.quiet()
        return execution

    def quiet(self) -> None:
        """Wait until nothing is left to deliver."""
        self.until(lambda: not self.database.unshown(), "delivery to end")

    def shown_since(self, execution: Execution) -> list[Version]:
        """Every version of every message since the execution's thread started."""
        thread = self.reads.execution(execution.id).thread_ts
        journal = self.workspace.journal
        first = next((n for n, version in enumerate(journal) if version.ts == thread), 0)
        return journal[first:]

    def armed(self, execution: Execution, *, timeout: float = WITHIN) -> MessageSnapshot:
        self.until(lambda: self.armed_now(execution), "the checkpoint's buttons", timeout)
        return super().armed(execution, timeout=0.1)

    def clear_ephemerals(self) -> None:
        """Discard all ephemeral messages so far."""
        self.workspace.call(self.workspace.practice.workspace.ephemerals.clear)

    def armed_now(self, execution: Execution) -> MessageSnapshot | None:
        """The message with buttons for the waiting checkpoint, or None."""
        checkpoint = self.waiting(execution).id
        armed = (
            m
            for m in self.everywhere()
            for b in m.buttons
            if b.action_id != ActionId.READ and (b.value or "").startswith(checkpoint)
        )
        return next(armed, None)

    def reported_missing(self, execution: Execution) -> bool:
        """Whether a message tells the requester that a checkpoint could not be shown."""
        text = f"Run `{execution.id[:8]}`: I could not show a checkpoint"
        return any(text in message.text for message in self.everywhere())

    def given_up(self, execution: Execution) -> bool:
        """Whether the bot no longer tries to show the checkpoint."""
        key = f"checkpoint:{self.waiting(execution).id}"
        rows = self.database.rows("SELECT state FROM outbox WHERE key = ?", key)
        return [row["state"] for row in rows] == ["failed"]

    def end(self, execution: Execution) -> None:
        """Run the remaining phases, and wait for the result."""
        self.work("the end")
        key = f"final:{execution.id}"
        self.until(
            lambda: any(key in str(message.metadata) for message in self.everywhere()),
            "the result",
        )
