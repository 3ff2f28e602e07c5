"""The line below a thread that says what the bot is doing there, where the workspace has one.

It costs no update of the thread's first message, so where there is one, that message is updated
less often while nothing but the progress of a phase changes.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from threading import Lock
from time import monotonic
from typing import Final

from bot.slack import slack_errors
from bot.slack.outbound.posting import Posting
from bot.slack.render import text
from storage.messages import OutboxRow
from storage.records import Execution, PhaseRun
from storage.states import ExecutionState, PhaseRunState

log = logging.getLogger(__name__)

UNSUPPORTED_SECONDS: Final = 600.0
"""After a refusal, the line is not tried again for so long."""

COVERS_SECONDS: Final = 30.0
"""The first message of a thread is updated at least this often while its run makes progress."""

KEPT_SECONDS: Final = 60.0
"""Slack removes a status after two minutes."""

STATUS_LIMIT: Final = 100
MAX_KEPT: Final = 500


@dataclass(slots=True)
class _Thread:
    """What its first message showed last, when, and the status below it since."""

    state: tuple[object, ...]
    updated_at: float
    status: str = ""
    set_at: float = 0.0


class ThreadStatus:
    """Remembers, for this process, what each thread shows. Safe to share between threads."""

    def __init__(self, posting: Posting) -> None:
        self._posting = posting
        self._lock = Lock()
        self._threads: dict[str, _Thread] = {}
        self._resting_until = 0.0

    def updated(self, row: OutboxRow, execution: Execution, run: PhaseRun | None) -> None:
        """The first message has been updated."""
        with self._lock:
            if len(self._threads) >= MAX_KEPT:
                self._threads.clear()
            self._threads[row.key] = _Thread(_state(execution, run), monotonic())

    def covers(self, row: OutboxRow, execution: Execution, run: PhaseRun | None) -> bool:
        """Whether the status shows the progress, so the first message need not be updated now."""
        now = monotonic()
        with self._lock:
            thread = self._threads.get(row.key)
        if thread is None or run is None or row.ts is None or now < self._resting_until:
            return False
        status = _status(execution, run)
        if status is None or thread.state != _state(execution, run):
            return False
        if now > thread.updated_at + COVERS_SECONDS:
            return False
        if status == thread.status and now < thread.set_at + KEPT_SECONDS:
            return True
        try:
            self._posting.set_status(channel=row.channel, thread_ts=row.ts, status=status)
        except slack_errors.SLACK_ERRORS as error:
            failure = slack_errors.classify(error)
            log.info("delivery.no_status", extra={"error": failure.error})
            self._resting_until = now + max(UNSUPPORTED_SECONDS, failure.retry_after or 0.0)
            return False
        thread.status, thread.set_at = status, now
        return True


def _state(execution: Execution, run: PhaseRun | None) -> tuple[object, ...]:
    """What is shown at once; all else is progress."""
    return (execution.state, None if run is None else (run.id, run.state))


def _status(execution: Execution, run: PhaseRun) -> str | None:
    """The words behind the bot's name; None if it is not at work."""
    running = execution.state is ExecutionState.RUNNING and run.state is PhaseRunState.RUNNING
    if not running:
        return None
    tasks = run.progress.get("tasks")
    names = [
        str(task.get("task"))
        for task in (tasks if isinstance(tasks, list) else [])
        if isinstance(task, dict) and task.get("state") == "running"
    ]
    about = text.label(names[-1]) if names else text.label(run.phase)
    return text.plain(f"is working on {about}…", STATUS_LIMIT)
