"""Enforces the budget and the number of model calls while a phase runs.

Independent of crewai, because it applies to programs as well as crews.
"""

from __future__ import annotations

import threading
from typing import Final, NoReturn, Protocol

from ..messages import Answer, Failed, FromChild, Job, Progress
from ..records import Failure, Question, Usage
from .budgets import Allowance
from .usage import total

TOO_MANY_CALLS: Final = (
    "The phase needed more model calls than its limit of {limit} (`model_calls` in crews.yml)."
)


class WorkerConnection(Protocol):
    """The connection to the worker."""

    def send(self, message: FromChild) -> None: ...

    def ask(self, question: Question, *, seconds: float | None = None) -> Answer: ...

    def remember(self, key: str) -> None: ...


class RunLimits:
    """Belongs to one child. Its methods may be called from any thread."""

    def __init__(self, job: Job, connection: WorkerConnection) -> None:
        self._job = job
        self._connection = connection
        self._lock = threading.Lock()
        self._calls = 0
        self._used: Usage = {}
        self._allowance = Allowance.of(job.budget, spent=job.spent, raises=job.raises)

    def report(self, progress: Progress) -> None:
        """Send the progress to the worker, and remember the usage."""
        self._used = progress.usage
        self._connection.send(progress)

    def ask(self, question: Question, *, seconds: float | None = None) -> Answer:
        """Wait for a person's answer, for at most `seconds`."""
        return self._connection.ask(question, seconds=seconds)

    def remember(self, key: str) -> None:
        """Return when the worker has stored that this step of the phase is done."""
        self._connection.remember(key)

    def before_phase(self) -> None:
        """Ask before a phase starts if the budget is already used up."""
        with self._lock:
            self._enforce_budget()

    def before_model_call(self) -> None:
        """Count a model call; fail the phase above its limit, and ask if the budget is used up."""
        with self._lock:
            self._calls += 1
            limit = self._job.model_calls
            if limit is not None and self._calls > limit:
                self.fail(Failure(TOO_MANY_CALLS.format(limit=limit), retryable=False))
            self._enforce_budget()

    def fail(self, failure: Failure) -> NoReturn:
        """Fail the phase. Blocks until the worker kills the process: crews may catch exceptions."""
        self._connection.send(Failed(failure))
        while True:
            threading.Event().wait()

    def _enforce_budget(self) -> None:
        used = total([self._job.spent, self._used])
        while (question := self._allowance.question(used)) is not None:
            self._connection.ask(question)  # any answer that lets the run go on is an approval
            self._allowance = self._allowance.granted(used)
