"""What a child keeps an eye on while its phase runs: the budget, and how many model calls it makes.

Knows no crewai: programs are watched as well as crews.
"""

from __future__ import annotations

import threading
from typing import Final, NoReturn, Protocol

from crew_runner.child.messages import Answer, Failed, FromChild, Job, Progress
from crew_runner.child.monitoring.budgets import Allowance
from crew_runner.child.monitoring.usage import total
from crew_runner.child.records import Failure, Question, Usage

TOO_MANY_CALLS: Final = "The phase wanted more model calls than its limit of {most}."


class WorkerConnection(Protocol):
    """To the worker."""

    def send(self, message: FromChild) -> None: ...

    def ask(self, question: Question, *, seconds: float | None = None) -> Answer: ...


class RunLimits:
    """Belongs to one child. Its methods may be called in any thread."""

    def __init__(self, job: Job, line: WorkerConnection) -> None:
        self._job = job
        self._line = line
        self._lock = threading.Lock()
        self._calls = 0
        self._used: Usage = {}
        self._allowance = Allowance.of(job.budget, spent=job.spent, raises=job.raises)

    def report(self, progress: Progress) -> None:
        """Hand progress on, and remember what was used."""
        self._used = progress.usage
        self._line.send(progress)

    def ask(self, question: Question, *, seconds: float | None = None) -> Answer:
        """Wait for a person, `seconds` at the most."""
        return self._line.ask(question, seconds=seconds)

    def before_phase(self) -> None:
        """What is over its budget already does not begin unasked."""
        with self._lock:
            self._keep_budget()

    def before_model_call(self) -> None:
        """Ends the phase where it made all the calls that it may."""
        with self._lock:
            self._calls += 1
            most = self._job.model_calls
            if most is not None and self._calls > most:
                self.end(Failure(TOO_MANY_CALLS.format(most=most), retryable=False))
            self._keep_budget()

    def end(self, failure: Failure) -> NoReturn:
        """The phase is over, whatever the crew would make of an exception: the worker ends it."""
        self._line.send(Failed(failure))
        while True:
            threading.Event().wait()

    def _keep_budget(self) -> None:
        used = total([self._job.spent, self._used])
        while (question := self._allowance.question(used)) is not None:
            self._line.ask(question)  # whatever lets the run go on is a yes
            self._allowance = self._allowance.granted(used)
