"""The entry point of a child, which runs one job and exits.

A child is a session leader and never outlives its worker: when the pipe to the worker closes, the
child kills its process group.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
import traceback
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import NoReturn

from typing_extensions import assert_never

from .environment import scrub
from .failures import failure_of
from .messages import (
    MAX_MESSAGE_BYTES,
    Answer,
    CrewDescription,
    Done,
    Failed,
    FromChild,
    FromWorker,
    Job,
    Phases,
    QuestionAsked,
    QuestionWithdrawn,
    Ready,
    StepDone,
    from_worker,
    to_worker,
)
from .monitoring.run_limits import RunLimits
from .project_environment import withhold_secrets
from .records import CrewKind, Question
from .runnable import Runnable


class Channel:
    """The child's end of the pipe. Its reader kills the process group when the worker is gone."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._send_lock = threading.Lock()
        self._ask_lock = threading.Lock()
        self._received: queue.SimpleQueue[FromWorker] = queue.SimpleQueue()
        threading.Thread(target=self._read, name="worker-pipe", daemon=True).start()

    def send(self, message: FromChild) -> None:
        raw = to_worker(message)
        with self._send_lock:
            self._connection.send_bytes(raw)

    def receive(self) -> FromWorker:
        return self._received.get()

    def ask(self, question: Question, *, seconds: float | None = None) -> Answer:
        """Wait for a person's answer. Questions of several threads are asked one at a time.

        After `seconds` the question is withdrawn, which counts as skip.
        """
        with self._ask_lock:
            self.send(QuestionAsked(question))
            try:
                answer = self._received.get(timeout=seconds)
            except queue.Empty:
                self.send(QuestionWithdrawn())
                answer = self.receive()
        return _as_answer(answer)

    def remember(self, key: str) -> None:
        """Return when the worker has stored that the step with this key is done."""
        with self._ask_lock:
            self.send(StepDone(key))
            _as_answer(self.receive())

    def _read(self) -> None:
        try:
            while True:
                self._received.put(from_worker(self._connection.recv_bytes(MAX_MESSAGE_BYTES)))
        finally:
            os.killpg(0, signal.SIGKILL)


def _as_answer(message: FromWorker) -> Answer:
    if not isinstance(message, Answer):
        raise TypeError(f"an answer was expected, not {type(message).__name__}")
    return message


def main(channel_fd: int, output_fd: int) -> NoReturn:
    """Called in the forked process; never returns."""
    status = 1
    try:
        os.setsid()
        os.dup2(output_fd, 1)
        os.dup2(output_fd, 2)
        os.close(output_fd)
        signal.signal(signal.SIGTERM, _raise_terminated)
        scrub()
        run(Channel(Connection(channel_fd)))
        status = 0
    except _Terminated:
        status = 128 + signal.SIGTERM
    except BaseException:  # noqa: BLE001 the edge of the process: the traceback goes to its output
        traceback.print_exc()
    finally:
        with suppress(OSError, ValueError):  # the crew may have closed them
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def run(channel: Channel) -> None:
    """Receive the job, build the crew, run its phase and send the result."""
    channel.send(Ready())
    job = channel.receive()
    if not isinstance(job, Job):
        raise TypeError(f"a job was expected, not {type(job).__name__}")
    try:
        if job.kind is CrewKind.CREW:
            withhold_secrets(job)
        limits = _run_limits(job, channel)
        runnable = _build_watched(job, channel, limits)
        description = runnable.describe()
        needs_recording = _needs_recording(job, description)
        if job.only_check or needs_recording:
            channel.send(_with_version(job, description))
        if job.only_check:
            return
        if needs_recording:
            job = _with_phases(job, channel.receive())
        limits.before_phase()
        outcome: FromChild = Done(runnable.run(job, limits.report))
    except (Exception, SystemExit) as error:  # noqa: BLE001 crew code may raise anything
        outcome = Failed(failure_of(error))
    channel.send(outcome)


def _build_watched(job: Job, channel: Channel, limits: RunLimits) -> Runnable:
    """Build the crew; tell the worker what a project imports, for its next fork server."""
    if job.kind is not CrewKind.CREW or job.project is None:
        return _build(job, limits)
    from .import_watch import ImportWatch, use_working_copy

    use_working_copy(job)
    watch = ImportWatch(job)
    with watch.watching():
        runnable = _build(job, limits)
    if getattr(runnable, "runs_on_import", False):
        watch.keep_own_modules_apart()
    imports = watch.report()
    if imports is not None:
        channel.send(imports)
    return runnable


def _build(job: Job, limits: RunLimits) -> Runnable:
    match job.kind:
        case CrewKind.CREW:
            from .building.built_crew import BuiltCrew
            from .crewai_versions import check_version
            from .hooks import check_approvals, connect
            from .target import build

            check_version(job)
            built = build(job)
            if isinstance(built, BuiltCrew):
                check_approvals(built.runnable, job)
                connect(built.runnable, limits)
            return built
        case CrewKind.COMMAND:
            from .program import build_command

            # SIGTERM to the group is for the program; the child stays to report its result.
            signal.signal(signal.SIGTERM, _ignore)
            return build_command(job)
        case _:
            assert_never(job.kind)


def _run_limits(job: Job, channel: Channel) -> RunLimits:
    """Called before the crew is built: agents keep the hooks of the time they are created."""
    limits = RunLimits(job, channel)
    if job.kind is CrewKind.CREW:
        from .hooks import register_hooks

        register_hooks(job, limits)
    return limits


def _needs_recording(job: Job, description: CrewDescription) -> bool:
    """Whether the worker has to store the description before the crew runs."""
    if not job.phases:
        return True
    adds_checkpoint = any(
        after not in job.pauses for _name, after, _description in description.checkpoints
    )
    return job.first and (adds_checkpoint or description.phases != job.phases)


def _with_version(job: Job, description: CrewDescription) -> CrewDescription:
    if job.kind is not CrewKind.CREW:
        return description
    from .crewai_versions import version

    return replace(description, crewai=version())


def _with_phases(job: Job, answer: FromWorker) -> Job:
    if not isinstance(answer, Phases):
        raise TypeError(f"phases were expected, not {type(answer).__name__}")
    return replace(job, phases=answer.phases, phase=answer.phase, pauses=answer.pauses)


class _Terminated(BaseException):
    """SIGTERM was received: exit, but run the crew's `finally` blocks."""


def _raise_terminated(_number: int, _frame: object) -> NoReturn:
    raise _Terminated


def _ignore(_number: int, _frame: object) -> None:
    return
