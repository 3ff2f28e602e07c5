"""One claimed phase run in one child: relays, renews the lease, keeps the limits."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from enum import Enum, auto
from multiprocessing.connection import wait
from typing import Final, TypeAlias, assert_never

from crew_runner.child.messages import (
    LARGEST_OUTPUT,
    Asked,
    BadMessage,
    Described,
    Done,
    Failed,
    FromChild,
    FromWorker,
    Job,
    Progress,
    Ready,
    Withdrawn,
    from_child,
    to_child,
)
from crew_runner.host.crew_check import NOBODY_DECIDES, check_rule
from crew_runner.host.fork_server_client import Child
from crew_runner.host.frames import TooLong
from crew_runner.host.jobs import recorded
from crew_runner.host.memory_usage import megabytes_of
from crew_runner.host.outage import Outage, ask
from crew_runner.host.questions import ALLOWED, Questions
from crew_runner.host.translation import translated
from storage.boundaries import BadBoundary
from storage.definitions import PhaseDefinition
from storage.errors import LeaseLost, NoRule
from storage.reads import Reads
from storage.records import Claim, Failure, PhaseOutput, Question, Usage
from storage.state_manager import StateManager
from storage.states import ExecutionState
from storage.usage import total

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 1.0
"""How often it is asked whether the execution was cancelled, and progress written down."""

ANSWER_SECONDS: Final = 0.3
"""How often it is looked whether a person answered what the child asked."""

TOO_LONG: Final = "The phase gave more than can be kept."

WEIGH_SECONDS: Final = 1.0
"""How often it is looked how much memory the child holds, where that has a limit."""

TERM_SECONDS: Final = 2.0
"""How long a child that is told to end may take for it."""

KILL_SECONDS: Final = 5.0
_KEPT_NOISE: Final = 4_000
_LONGEST_WAIT: Final = 0.5


class Interrupted(Enum):
    """Why an attempt ended without a result that counts."""

    LOST = auto()  # cancelled, or another worker has it
    STOPPING = auto()  # this worker is told to end


Outcome: TypeAlias = PhaseOutput | Failure | Interrupted


class ChildSupervisor:
    """Belongs to one thread. `give_up_at`: when, on the monotonic clock, to end unfinished."""

    def __init__(
        self,
        *,
        claim: Claim,
        job: Job,
        child: Child,
        state: StateManager,
        reads: Reads,
        lease: timedelta,
        give_up_at: Callable[[], float | None],
    ) -> None:
        now = time.monotonic()
        self.claim = claim
        self._job = job
        self._child = child
        self._state = state
        self._reads = reads
        self._give_up_at = give_up_at
        self._renew_every = lease.total_seconds() / 3
        self._renew_at = now + self._renew_every
        self._look_at = now + LOOK_SECONDS
        self._limit_at: float | None = None
        self._kill_at: float | None = None
        self._leave_at: float | None = None
        self._weigh_at = now
        self._questions = Questions(claim, state, reads)
        self._time_left: float | None = None
        self._progress: Progress | None = None
        self._shown: dict[str, object] = {}
        self._used_before = claim.run.usage
        self._used: Usage = {}
        self._noise = b""
        self._open: list[object] = [child.channel, child.noise, child.status]
        self._outcome: Outcome | None = None

    def run(self) -> Outcome:
        """Until the child has ended."""
        while self._child.status in self._open and not self._is_past(self._leave_at):
            self._listen()
            self._keep_time()
        if self._outcome is None:
            self._outcome = self._ended_without_a_word()
        return self._outcome

    @property
    def usage(self) -> Usage:
        """What the phase run used, its earlier workers included."""
        return total([self._used_before, self._used])

    @property
    def _goes_on(self) -> Collection[ExecutionState]:
        """The states of the execution in which this phase is still to run."""
        if not self._questions.is_open:
            return (ExecutionState.RUNNING,)
        return (ExecutionState.RUNNING, ExecutionState.WAITING_FEEDBACK)

    # --- listening --------------------------------------------------------------------------

    def _listen(self) -> None:
        ready = wait(self._open, timeout=self._patience())  # type: ignore[arg-type] # sockets and descriptors
        if self._child.noise in ready:
            self._hear_noise()
        if self._child.channel in ready:
            self._hear()
        elif self._child.status in ready:
            if self._child.is_born:
                self._open.remove(self._child.status)
            else:
                self._child.born()

    def _patience(self) -> float:
        times = (self._renew_at, self._look_at, self._limit_at, self._kill_at, self._leave_at)
        soonest = min(at for at in times if at is not None) - time.monotonic()
        return min(max(soonest, 0.0), _LONGEST_WAIT)

    def _hear_noise(self) -> None:
        heard = os.read(self._child.noise, 65536)
        if not heard:
            self._open.remove(self._child.noise)
        self._noise = (self._noise + heard)[-_KEPT_NOISE:]

    def _hear(self) -> None:
        try:
            for raw in self._child.hear():
                if self._outcome is None:
                    self._take(from_child(raw))
        except EOFError:
            self._open.remove(self._child.channel)
        except TooLong:
            self._open.remove(self._child.channel)
            self._end(Failure(TOO_LONG, retryable=False))
        except BadMessage as error:
            self._end(
                Failure("The crew's process sent an invalid message.", str(error), retryable=False)
            )

    def _take(self, message: FromChild) -> None:
        match message:
            case Ready():
                seconds = self.claim.execution.definition.time_limit.total_seconds()
                self._limit_at = time.monotonic() + seconds
                self._begin()
            case Described():
                self._write_down(message)
            case Progress():
                self._progress, self._used = message, message.usage
            case Asked(question):
                self._put(translated(Question, question))
            case Withdrawn():
                self._questions.withdraw()
                self._look_at = time.monotonic()
            case Done(output):
                self._used = output.usage
                self._end(self._held_to_size(translated(PhaseOutput, output)))
            case Failed(failure):
                self._end(translated(Failure, failure))
            case _:
                assert_never(message)

    def _begin(self) -> None:
        job = self._job
        try:
            if job.approve_tools:
                job = replace(job, allowed=self._questions.allowed_before(self.claim))
        except Outage as error:
            self._end(Failure("The database did not answer.", str(error)))
        else:
            self._tell(job)

    def _write_down(self, described: Described) -> None:
        phases = tuple(translated(PhaseDefinition, phase) for phase in described.phases)
        try:
            self.claim = ask(
                lambda: self._state.record_phases(self.claim, phases, arising=described.arising)
            )
            check_rule(self.claim.execution.definition, described)
        except LeaseLost:
            self._end(Interrupted.LOST)
        except NoRule:
            self._end(Failure(NOBODY_DECIDES, retryable=False))
        except BadBoundary as error:
            self._end(Failure(f"crews.yml does not fit the crew: {error}.", retryable=False))
        except Outage as error:
            self._end(Failure("The database did not answer.", str(error)))
        else:
            self._tell(recorded(self.claim))

    def _put(self, question: Question) -> None:
        """Have a person asked. The time that it takes them is not the phase's."""
        try:
            self._questions.put(self.claim, question)
        except LeaseLost:
            self._end(Interrupted.LOST)
        except NoRule:
            self._end(Failure(NOBODY_DECIDES, retryable=False))
        except Outage as error:
            self._end(Failure("The database did not answer.", str(error)))
        else:
            now = time.monotonic()
            self._time_left = None if self._limit_at is None else self._limit_at - now
            self._limit_at = None
            self._look_at = now

    def _hand_on_answer(self, now: float) -> None:
        """Tell the child what was decided, if it was, and what it is allowed is written down."""
        if (answer := self._questions.answer()) is None:
            return
        if self._questions.allowed:
            self._write_progress()
        self._questions.close()
        self._limit_at = None if self._time_left is None else now + self._time_left
        self._tell(answer)

    def _held_to_size(self, output: PhaseOutput) -> Outcome:
        """The output, unless it is longer than it may be."""
        most = self.claim.execution.definition.limits.output_bytes or LARGEST_OUTPUT
        texts = [output.output, *(task.output for task in output.tasks)]
        written = sum(len(text.encode()) for text in texts[1:] or texts)
        if written <= most:
            return output
        return Failure(
            f"The phase gave {written:,} bytes; its limit is {most:,}.",
            retryable=False,
        )

    def _tell(self, message: FromWorker) -> None:
        with suppress(OSError):  # a child that is gone is noticed by its end
            self._child.channel.send_bytes(to_child(message))

    def _ended_without_a_word(self) -> Failure:
        code = self._child.exit_code()
        if code == -signal.SIGKILL:
            words = "The crew's process was killed; the machine may be short of memory."
        elif code is not None and code < 0:
            words = f"The crew's process crashed (signal {-code})."
        else:
            words = "The crew's process ended without a result."
        return Failure(words, detail=self._noise.decode(errors="replace"))

    # --- keeping time -----------------------------------------------------------------------

    def _keep_time(self) -> None:
        now = time.monotonic()
        try:
            if now >= self._renew_at:
                self._renew(now)
            if now >= self._look_at:
                self._look(now)
        except LeaseLost:
            self._end(Interrupted.LOST)
        except Outage:
            self._renew_at = min(self._renew_at, now + LOOK_SECONDS)
        if self._is_past(self._limit_at):
            limit = in_words(self.claim.execution.definition.time_limit)
            self._end(Failure(f"The phase took longer than its limit of {limit}.", retryable=False))
        if self._is_past(self._weigh_at):
            self._weigh(now)
        give_up_at = self._give_up_at()
        if self._is_past(give_up_at) or (give_up_at is not None and self._questions.is_open):
            self._end(Interrupted.STOPPING)
        if self._is_past(self._kill_at):
            self._kill_at = None
            self._child.kill(signal.SIGKILL)

    def _renew(self, now: float) -> None:
        self._renew_at = now + self._renew_every
        if self._outcome is not Interrupted.LOST:
            self.claim = ask(lambda: self._state.heartbeat(self.claim))

    def _look(self, now: float) -> None:
        self._look_at = now + LOOK_SECONDS
        if self._outcome is not None:
            return
        self._hand_on_answer(now)
        execution = ask(lambda: self._reads.execution(self.claim.execution.id))
        if execution.state not in self._goes_on:
            self._renew(now)
        if self._progress is not None:
            self._write_progress()
        if self._questions.is_open:
            self._look_at = now + ANSWER_SECONDS

    def _write_progress(self) -> None:
        progress = self._progress
        if progress is not None:
            self._shown, self._progress = progress.as_json(), None
        shown = {**self._shown, ALLOWED: list(self._questions.allowed)}
        ask(lambda: self._state.progress(self.claim, shown, usage=self.usage))

    def _weigh(self, now: float) -> None:
        """End a child that holds more memory than its crew may, at once: it could take all."""
        self._weigh_at = now + WEIGH_SECONDS
        most = self.claim.execution.definition.limits.memory_megabytes
        if most is None or not self._child.is_born or self._outcome is not None:
            return
        held = megabytes_of(self._child.born())
        if held > most:
            words = f"The phase held {held:,} MB of memory; its limit is {most:,} MB."
            self._end(Failure(words, retryable=False))
            self._kill_at = now

    def _end(self, outcome: Outcome) -> None:
        """Settle on the first outcome and end the child: at once if it is through, else gently."""
        if self._outcome is not None:
            return
        self._outcome = outcome
        if self._questions.is_open and not isinstance(outcome, Interrupted):
            self._questions.withdraw()
            with suppress(Outage):  # the next claim takes it back
                self._questions.answer()
        now = time.monotonic()
        through = isinstance(outcome, PhaseOutput)
        if not through:
            self._child.kill(signal.SIGTERM)
        self._kill_at = now if through else now + TERM_SECONDS
        self._leave_at = self._kill_at + KILL_SECONDS
        if not self._child.is_born:
            self._leave_at = now

    @staticmethod
    def _is_past(at: float | None) -> bool:
        return at is not None and time.monotonic() >= at


def in_words(span: timedelta) -> str:
    """`90 seconds`, `30 minutes`, `2 hours`."""
    seconds = span.total_seconds()
    for size, unit in ((3600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= size and seconds % size == 0:
            count = int(seconds // size)
            return f"{count} {unit}" + ("s" if count != 1 else "")
    return f"{seconds:g} seconds"
