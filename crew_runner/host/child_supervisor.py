"""Supervises one child: relays its messages, renews the lease and enforces the limits."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import timedelta
from enum import Enum, auto
from multiprocessing.connection import wait
from typing import Final, TypeAlias, assert_never

from crew_runner.child.messages import (
    Answer,
    BadMessage,
    CrewDescription,
    Done,
    Failed,
    FromChild,
    FromWorker,
    Job,
    Progress,
    ProjectImports,
    QuestionAsked,
    QuestionWithdrawn,
    Ready,
    StepDone,
    from_child,
    to_child,
)
from crew_runner.child.records import Action
from crew_runner.config.durations import format_duration
from crew_runner.host.crew_check import NO_APPROVERS, check_decision_rules, methods_of
from crew_runner.host.exits import failure_without_result
from crew_runner.host.fork_server_client import Child
from crew_runner.host.frames import MessageTooLong
from crew_runner.host.jobs import phases_message
from crew_runner.host.memory_usage import memory_megabytes
from crew_runner.host.outage import Outage, call_storage
from crew_runner.host.output_size import within_limit
from crew_runner.host.questions import ALLOWED, Questions
from crew_runner.host.step_spans import measured_steps
from crew_runner.host.translation import translate
from storage.boundaries import BadBoundary
from storage.definitions import PhaseDefinition
from storage.errors import LeaseLost, NoRule
from storage.reads import Reads
from storage.records import Claim, Failure, PhaseOutput, Question, Usage
from storage.state_manager import StateManager
from storage.states import ExecutionState
from storage.usage import total

log = logging.getLogger(__name__)

POLL_SECONDS: Final = 1.0
"""How often to check for a cancelled execution and to store progress."""

ANSWER_SECONDS: Final = 0.3
"""How often to check for a person's answer to an open question."""

MESSAGE_TOO_LONG: Final = (
    "The phase's output is too large to store. Have the crew return less text."
)

MEMORY_CHECK_SECONDS: Final = 1.0
"""How often to measure the child's memory if it has a limit."""

TERM_SECONDS: Final = 2.0
"""How long a child may take to exit after SIGTERM."""

KILL_SECONDS: Final = 5.0
"""How long to wait for the end of a child after SIGKILL."""

_KEPT_OUTPUT: Final = 4_000
_MAX_WAIT: Final = 0.5


class Interrupted(Enum):
    """Why the phase stopped without a result to record."""

    LOST = auto()  # cancelled, or claimed by another worker
    STOPPING = auto()  # this worker is shutting down


Outcome: TypeAlias = PhaseOutput | Failure | Interrupted


class ChildSupervisor:
    """Belongs to one thread. `abort_at`: when to stop unfinished, on the monotonic clock."""

    def __init__(
        self,
        *,
        claim: Claim,
        job: Job,
        child: Child,
        state: StateManager,
        reads: Reads,
        lease: timedelta,
        abort_at: Callable[[], float | None],
        learn: Callable[[ProjectImports], None] = lambda _imports: None,
    ) -> None:
        now = time.monotonic()
        self.claim = claim
        self._job = job
        self._child = child
        self._state = state
        self._reads = reads
        self._learn = learn
        self._abort_at = abort_at
        self._renew_interval = lease.total_seconds() / 3
        self._renew_at = now + self._renew_interval
        self._poll_at = now + POLL_SECONDS
        self._time_limit_at: float | None = None
        self._kill_at: float | None = None
        self._abandon_at: float | None = None
        self._memory_check_at = now
        self._questions = Questions(claim, state, reads)
        self._remaining_time: float | None = None
        self._progress: Progress | None = None
        self._stored_progress: dict[str, object] = {}
        self._earlier_usage = claim.run.usage
        self._child_usage: Usage = {}
        self._output = b""
        self._open: list[object] = [child.channel, child.output, child.status]
        self._outcome: Outcome | None = None
        self._unhandled: deque[FromChild] = deque()

    def run(self) -> Outcome:
        """Supervise until the child has exited."""
        while self._child.status in self._open and not self._is_past(self._abandon_at):
            self._read_child()
            self._check_timers()
        if self._outcome is None:
            self._outcome = failure_without_result(self._child.exit_code(), self._output)
        return self._outcome

    @property
    def usage(self) -> Usage:
        """What the phase run used, including its earlier workers."""
        return total([self._earlier_usage, self._child_usage])

    @property
    def _active_states(self) -> Collection[ExecutionState]:
        """The states of the execution in which this phase may go on."""
        if not self._questions.is_open:
            return (ExecutionState.RUNNING,)
        return (ExecutionState.RUNNING, ExecutionState.WAITING_FEEDBACK)

    # --- messages from the child ------------------------------------------------------------

    def _read_child(self) -> None:
        ready = wait(self._open, timeout=self._wait_timeout())  # type: ignore[arg-type] # sockets and descriptors
        if self._child.output in ready:
            self._read_output()
        if self._child.channel in ready:
            self._receive()
        elif self._child.status in ready:
            if self._child.has_started:
                self._open.remove(self._child.status)
            else:
                self._child.read_pid()

    def _wait_timeout(self) -> float:
        times = (
            self._renew_at,
            self._poll_at,
            self._time_limit_at,
            self._kill_at,
            self._abandon_at,
        )
        soonest = min(at for at in times if at is not None) - time.monotonic()
        return min(max(soonest, 0.0), _MAX_WAIT)

    def _read_output(self) -> None:
        output = os.read(self._child.output, 65536)
        if not output:
            self._open.remove(self._child.output)
        self._output = (self._output + output)[-_KEPT_OUTPUT:]

    def _receive(self) -> None:
        try:
            for raw in self._child.receive():
                if self._outcome is None:
                    self._unhandled.append(from_child(raw))
            self._handle_received()
        except EOFError:
            self._open.remove(self._child.channel)
        except MessageTooLong:
            self._open.remove(self._child.channel)
            self._end(Failure(MESSAGE_TOO_LONG, retryable=False))
        except BadMessage as error:
            text = "The crew's process sent an invalid message. The bot's log has the details."
            self._end(Failure(text, str(error), retryable=False))

    def _handle_received(self) -> None:
        """Handle the received messages in order. During an outage of the database they wait."""
        while self._unhandled and self._outcome is None:
            try:
                self._handle(self._unhandled[0])
            except LeaseLost:
                self._end(Interrupted.LOST)
            except NoRule:
                self._end(Failure(NO_APPROVERS, retryable=False, retry_helps=False))
            except Outage:
                return
            self._unhandled.popleft()

    def _handle(self, message: FromChild) -> None:
        """Handle a message. Raises LeaseLost, NoRule, Outage, with nothing changed."""
        match message:
            case Ready():
                time_limit = self.claim.execution.definition.time_limit
                self._time_limit_at = time.monotonic() + time_limit.total_seconds()
                self._send_job()
            case ProjectImports():
                self._learn(message)
            case CrewDescription():
                self._record_description(message)
            case Progress():
                self._progress, self._child_usage = message, message.usage
                self._state.measure(measured_steps(self.claim, message.steps))
            case QuestionAsked(question):
                self._ask(translate(Question, question))
            case QuestionWithdrawn():
                self._questions.withdraw()
                self._poll_at = time.monotonic()
            case StepDone(key):
                self._remember(key)
            case Done(output):
                self._child_usage = output.usage
                limits = self.claim.execution.definition.limits
                self._end(within_limit(translate(PhaseOutput, output), limits.output_bytes))
            case Failed(failure):
                self._end(translate(Failure, failure))
            case _:
                assert_never(message)

    def _send_job(self) -> None:
        self._send(self._questions.with_history(self._job, self.claim))

    def _record_description(self, description: CrewDescription) -> None:
        phases = tuple(translate(PhaseDefinition, phase) for phase in description.phases)
        try:
            self.claim = call_storage(
                lambda: self._state.record_phases(
                    self.claim,
                    phases,
                    task_checkpoints=description.checkpoints,
                    methods=methods_of(description),
                )
            )
            check_decision_rules(self.claim.execution.definition, description)
        except BadBoundary as error:
            message = f"crews.yml does not fit the crew: {error}."
            self._end(Failure(message, retryable=False, retry_helps=False))
        else:
            self._send(phases_message(self.claim))

    def _ask(self, question: Question) -> None:
        """Ask a person. The time until the answer does not count towards the time limit."""
        self._questions.ask(self.claim, question)
        now = time.monotonic()
        self._remaining_time = None if self._time_limit_at is None else self._time_limit_at - now
        self._time_limit_at = None
        self._poll_at = now

    def _send_answer(self, now: float) -> None:
        """Send the child the answer if there is one, after storing what it allows."""
        if (answer := self._questions.answer()) is None:
            return
        if self._questions.allowed:
            self._store_progress()
        self._questions.close()
        self._time_limit_at = None if self._remaining_time is None else now + self._remaining_time
        self._send(answer)

    def _remember(self, key: str) -> None:
        """Store that a step of the phase is done, then let the child go on."""
        self._questions.remember(key)
        self._store_progress()
        self._send(Answer(Action.CONTINUE))

    def _send(self, message: FromWorker) -> None:
        with suppress(OSError):  # an exited child is noticed by `status`
            self._child.channel.send_bytes(to_child(message))

    # --- timers -----------------------------------------------------------------------------

    def _check_timers(self) -> None:
        now = time.monotonic()
        try:
            if now >= self._renew_at:
                self._renew_lease(now)
            if now >= self._poll_at:
                self._poll_storage(now)
        except LeaseLost:
            self._end(Interrupted.LOST)
        except Outage:
            self._renew_at = min(self._renew_at, now + POLL_SECONDS)
        if self._is_past(self._time_limit_at):
            limit = format_duration(self.claim.execution.definition.time_limit)
            message = (
                f"The phase took longer than its limit of {limit} (`time_limit` in crews.yml)."
            )
            self._end(Failure(message, retryable=False))
        if self._is_past(self._memory_check_at):
            self._check_memory(now)
        abort_at = self._abort_at()
        if self._is_past(abort_at) or (abort_at is not None and self._questions.is_open):
            self._end(Interrupted.STOPPING)
        if self._is_past(self._kill_at):
            self._kill_at = None
            self._child.kill(signal.SIGKILL)

    def _renew_lease(self, now: float) -> None:
        self._renew_at = now + self._renew_interval
        if self._outcome is not Interrupted.LOST:
            self.claim = call_storage(lambda: self._state.heartbeat(self.claim))

    def _poll_storage(self, now: float) -> None:
        self._poll_at = now + POLL_SECONDS
        if self._outcome is not None:
            return
        self._handle_received()
        self._send_answer(now)
        execution = call_storage(lambda: self._reads.execution(self.claim.execution.id))
        if execution.state not in self._active_states:
            self._renew_lease(now)
        if self._progress is not None:
            self._store_progress()
        if self._questions.is_open:
            self._poll_at = now + ANSWER_SECONDS

    def _store_progress(self) -> None:
        progress = self._progress
        if progress is not None:
            self._stored_progress, self._progress = progress.as_json(), None
        stored = {**self._stored_progress, ALLOWED: list(self._questions.allowed)}
        call_storage(lambda: self._state.progress(self.claim, stored, usage=self.usage))

    def _check_memory(self, now: float) -> None:
        """Kill a child above its memory limit at once, before it uses all of the memory."""
        self._memory_check_at = now + MEMORY_CHECK_SECONDS
        limit = self.claim.execution.definition.limits.memory_megabytes
        if limit is None or not self._child.has_started or self._outcome is not None:
            return
        used = memory_megabytes(self._child.read_pid())
        if used > limit:
            message = (
                f"The phase used {used:,} MB of memory, more than its limit of {limit:,} MB "
                "(`memory_megabytes` in crews.yml)."
            )
            self._end(Failure(message, retryable=False))
            self._kill_at = now

    def _end(self, outcome: Outcome) -> None:
        """Keep the first outcome and stop the child: at once if it is done, else with SIGTERM."""
        if self._outcome is not None:
            return
        self._outcome = outcome
        if self._questions.is_open and not isinstance(outcome, Interrupted):
            self._questions.withdraw()
            with suppress(Outage):  # the next claim withdraws it
                self._questions.answer()
        now = time.monotonic()
        is_done = isinstance(outcome, PhaseOutput)
        if not is_done:
            self._child.kill(signal.SIGTERM)
        self._kill_at = now if is_done else now + TERM_SECONDS
        self._abandon_at = self._kill_at + KILL_SECONDS
        if not self._child.has_started:
            self._abandon_at = now

    @staticmethod
    def _is_past(at: float | None) -> bool:
        return at is not None and time.monotonic() >= at
