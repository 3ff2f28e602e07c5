"""The entry of a child: one job, then the end.

A child is a session of its own and never outlives its worker: when the pipe to it ends, the child
kills its group.
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
from typing import NoReturn, assert_never

from crew_runner.child.environment import scrub
from crew_runner.child.failures import failure_of
from crew_runner.child.messages import (
    LONGEST_MESSAGE,
    Answer,
    Asked,
    Described,
    Done,
    Failed,
    FromChild,
    FromWorker,
    Job,
    Phases,
    Ready,
    Withdrawn,
    from_worker,
    to_worker,
)
from crew_runner.child.monitoring.run_limits import RunLimits
from crew_runner.child.records import CrewKind, Question
from crew_runner.child.runnable import Runnable


class Channel:
    """The child's end of the pipe. Its reader kills the group when the worker is gone."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sending = threading.Lock()
        self._asking = threading.Lock()
        self._received: queue.SimpleQueue[FromWorker] = queue.SimpleQueue()
        threading.Thread(target=self._read, name="worker-pipe", daemon=True).start()

    def send(self, message: FromChild) -> None:
        raw = to_worker(message)
        with self._sending:
            self._connection.send_bytes(raw)

    def receive(self) -> FromWorker:
        return self._received.get()

    def ask(self, question: Question, *, seconds: float | None = None) -> Answer:
        """Wait until a person answered. One question after another, whichever thread asks.

        After `seconds` the question is withdrawn, which counts as skip.
        """
        with self._asking:
            self.send(Asked(question))
            try:
                answer = self._received.get(timeout=seconds)
            except queue.Empty:
                self.send(Withdrawn())
                answer = self.receive()
        if not isinstance(answer, Answer):
            raise TypeError(f"an answer was expected, not {type(answer).__name__}")
        return answer

    def _read(self) -> None:
        try:
            while True:
                self._received.put(from_worker(self._connection.recv_bytes(LONGEST_MESSAGE)))
        finally:
            os.killpg(0, signal.SIGKILL)


def main(channel_fd: int, noise_fd: int) -> NoReturn:
    """Called in the forked process; never returns."""
    status = 1
    try:
        os.setsid()
        os.dup2(noise_fd, 1)
        os.dup2(noise_fd, 2)
        os.close(noise_fd)
        signal.signal(signal.SIGTERM, _leave)
        scrub()
        run(Channel(Connection(channel_fd)))
        status = 0
    except _Terminated:
        status = 128 + signal.SIGTERM
    except BaseException:  # noqa: BLE001 the last line of the process: what failed goes to its noise
        traceback.print_exc()
    finally:
        with suppress(OSError, ValueError):  # the crew may have closed them
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def run(channel: Channel) -> None:
    """Take the job, build the crew, run its phase and tell the worker how it went."""
    channel.send(Ready())
    job = channel.receive()
    if not isinstance(job, Job):
        raise TypeError(f"a job was expected, not {type(job).__name__}")
    try:
        watch = _watched(job, channel)
        runnable = _build(job)
        described = runnable.describe()
        news = _is_news(job, described)
        if job.only_check or news:
            channel.send(described)
        if job.only_check:
            return
        if news:
            job = _with_phases(job, channel.receive())
        watch.before_phase()
        outcome: FromChild = Done(runnable.run(job, watch.report))
    except (Exception, SystemExit) as error:  # noqa: BLE001 crew code raises what it likes
        outcome = Failed(failure_of(error))
    channel.send(outcome)


def _build(job: Job) -> Runnable:
    match job.kind:
        case CrewKind.CREW:
            from crew_runner.child.hooks import check
            from crew_runner.child.target import build

            built = build(job)
            check(built, job)
            return built
        case CrewKind.COMMAND:
            from crew_runner.child.program import build_command

            # The group's SIGTERM is for the program; the child lives on to tell what it did.
            signal.signal(signal.SIGTERM, _stay)
            return build_command(job)
        case _:
            assert_never(job.kind)


def _watched(job: Job, channel: Channel) -> RunLimits:
    """Before the crew is built: agents remember the hooks that there were when they were made."""
    watch = RunLimits(job, channel)
    if job.kind is CrewKind.CREW:
        from crew_runner.child.hooks import register_hooks

        register_hooks(job, watch)
    return watch


def _is_news(job: Job, described: Described) -> bool:
    """Whether the worker has to write something down before the crew runs."""
    if not job.phases:
        return True
    arises = any(after not in job.pauses for _name, after, _description in described.arising)
    return job.first and (arises or described.phases != job.phases)


def _with_phases(job: Job, answer: FromWorker) -> Job:
    if not isinstance(answer, Phases):
        raise TypeError(f"phases were expected, not {type(answer).__name__}")
    return replace(job, phases=answer.phases, phase=answer.phase, pauses=answer.pauses)


class _Terminated(BaseException):
    """SIGTERM came: end, but let the crew's own `finally` run."""


def _leave(_number: int, _frame: object) -> NoReturn:
    raise _Terminated


def _stay(_number: int, _frame: object) -> None:
    return
