"""Command crews: a program per phase, with JSON on its stdin and JSON on its stdout."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Final

from crew_runner.child.environment import COMMAND_ALLOWED, without_secrets
from crew_runner.child.failures import CrewProblem
from crew_runner.child.messages import (
    COMMAND_PHASE,
    LARGEST_OUTPUT,
    Described,
    Job,
    Progress,
    TaskProgress,
)
from crew_runner.child.records import PhaseDefinition, PhaseOutput, TaskResult
from crew_runner.child.runnable import Report

LONGEST_LINE: Final = 64 * 1024
_ENDED_SECONDS: Final = 2.0
"""How long its outputs are read on once the program has ended."""

_MOST_SHOWN: Final = 40
_LONGEST_NAME: Final = 200
_CHUNK: Final = 64 * 1024


def build_command(job: Job) -> CommandRunnable:
    """Find the program. Raises CrewProblem, in words."""
    environment = _environment(job)
    cwd = Path(job.cwd or ".")
    if not cwd.is_dir():
        raise CrewProblem(f"The crew's directory {str(cwd)!r} does not exist.")
    first, *arguments = job.command
    program = sys.executable if first == "python" else _program(first, cwd, environment)
    return CommandRunnable([program, *arguments], cwd, environment, job.phases)


class CommandRunnable:
    """A program that runs one phase per call."""

    def __init__(
        self,
        command: list[str],
        cwd: Path,
        environment: Mapping[str, str],
        phases: tuple[PhaseDefinition, ...],
    ) -> None:
        self._command = command
        self._cwd = cwd
        self._environment = environment
        self._phases = phases

    def describe(self) -> Described:
        return Described(self._phases or (PhaseDefinition(COMMAND_PHASE, (COMMAND_PHASE,)),))

    def run(self, job: Job, report: Report) -> PhaseOutput:
        try:
            process = subprocess.Popen(  # noqa: S603 the operator names the program in crews.yml
                self._command,
                cwd=self._cwd,
                env=dict(self._environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        except OSError as error:
            raise CrewProblem(f"The crew's program cannot be started: {error.strerror}.") from error
        called = _Call(process, report, _tasks_of(job))
        return _phase_output(called.finish(_inputs(job)), job, called)


class _Call:
    """One run of the program: feeds it, reads both of its outputs, keeps what failed."""

    def __init__(
        self, process: subprocess.Popen[bytes], report: Report, tasks: tuple[str, ...]
    ) -> None:
        self._process = process
        self._report = report
        self._waiting = tasks
        self._shown: dict[str, TaskProgress] = {}
        self._noise: deque[str] = deque(maxlen=50)
        self._written = bytearray()

    @property
    def noise(self) -> str:
        """The last lines that the program printed beside its progress."""
        return "\n".join(self._noise)

    def finish(self, inputs: bytes) -> bytes:
        """Wait for its end; what it wrote on stdout. Raises CrewProblem."""
        stdin, stdout, stderr = self._process.stdin, self._process.stdout, self._process.stderr
        if stdin is None or stdout is None or stderr is None:
            raise ValueError("the program was not started with pipes")
        threading.Thread(target=_feed, args=(stdin, inputs), daemon=True).start()
        reading = [
            threading.Thread(target=self._read, args=(stdout,), daemon=True),
            threading.Thread(target=self._listen, args=(stderr,), daemon=True),
        ]
        for thread in reading:
            thread.start()
        self._process.wait()
        # A sub-process of its own may hold the outputs open: they are not waited for long.
        until = time.monotonic() + _ENDED_SECONDS
        for thread in reading:
            thread.join(max(until - time.monotonic(), 0))
        written = bytes(self._written)
        if len(written) > LARGEST_OUTPUT:
            raise CrewProblem("The crew's program wrote more than 10 MiB of output.")
        return written

    def _read(self, stdout: IO[bytes]) -> None:
        while chunk := os.read(stdout.fileno(), _CHUNK):
            self._written += chunk
            if len(self._written) > LARGEST_OUTPUT:
                self._process.kill()
                return

    def failed(self) -> CrewProblem:
        """The program ended without an answer that can be read."""
        code = self._process.returncode
        how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        return CrewProblem(
            f"The crew's program {how} and gave no readable answer.",
            detail=f"The last lines of its stderr:\n{self.noise}",
        )

    def _listen(self, stderr: IO[bytes]) -> None:
        while line := stderr.readline(LONGEST_LINE):
            progress = _progress(line)
            if progress is None:
                self._noise.append(line.decode(errors="replace").rstrip())
            else:
                self._show(*progress)

    def _show(self, task: str, agent: str) -> None:
        shown = {name: TaskProgress(p.task, p.agent, "done") for name, p in self._shown.items()}
        shown[task] = TaskProgress(task, agent, "running")
        while len(shown) > _MOST_SHOWN:
            shown.pop(next(name for name in shown if name != task))
        self._shown = shown
        waiting = tuple(
            TaskProgress(name, "", "waiting") for name in self._waiting if name not in shown
        )
        self._report(Progress((*shown.values(), *waiting)))


def _feed(stdin: IO[bytes], inputs: bytes) -> None:
    try:
        with stdin:
            stdin.write(inputs)
    except BrokenPipeError:
        return  # it does not read them


def _environment(job: Job) -> dict[str, str]:
    allowed = {name: os.environ[name] for name in COMMAND_ALLOWED if name in os.environ}
    return {**allowed, **job.model, **without_secrets(job.env)}


def _program(name: str, cwd: Path, environment: Mapping[str, str]) -> str:
    path = name
    if os.sep in name and not os.path.isabs(name):
        path = str((cwd / name).absolute())
    found = shutil.which(path, path=environment.get("PATH"))
    if found is None:
        raise CrewProblem(f"The crew's program {name!r} was not found or cannot be executed.")
    return found


def _tasks_of(job: Job) -> tuple[str, ...]:
    return next((phase.tasks for phase in job.phases if phase.name == job.phase), ())


def _inputs(job: Job) -> bytes:
    inputs: dict[str, object] = dict(job.inputs)
    if [phase.name for phase in job.phases] not in ([], [COMMAND_PHASE]):
        inputs["phase"] = job.phase
        inputs["outputs"] = {phase: output.output for phase, output in job.done}
    if job.revising and job.previous is not None:
        inputs["feedback"] = job.feedback
        inputs["previous_output"] = job.previous.output
        if job.revise:
            inputs["revise_tasks"] = list(job.revise)
    return json.dumps(inputs).encode()


def _progress(line: bytes) -> tuple[str, str] | None:
    """Task and agent of a progress line; None for anything else."""
    if not line.lstrip().startswith(b"{"):
        return None
    try:
        said: Any = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or said.get("type") != "progress":
        return None
    task, agent = said.get("task"), said.get("agent")
    return _name(task), _name(agent)


def _name(said: object) -> str:
    return said[:_LONGEST_NAME] if isinstance(said, str) else ""


def _phase_output(written: bytes, job: Job, called: _Call) -> PhaseOutput:
    answer = _answer(written.decode(errors="replace"))
    if answer is None:
        raise called.failed()
    if answer.get("status") == "error":
        said = str(answer.get("error") or "it did not say why").strip()
        raise CrewProblem(f"The crew's program failed: {said[:300]}", retryable=True)
    output = answer.get("output")
    if answer.get("status") != "complete" or not isinstance(output, str):
        raise CrewProblem(
            'The crew\'s program gave an answer without "status": "complete" and an "output" text.'
        )
    tasks = _task_results(answer.get("task_outputs"))
    return PhaseOutput(
        output=output,
        tasks=tasks or (TaskResult(task=job.phase or COMMAND_PHASE, agent="", output=output),),
        usage=_usage(answer.get("token_usage")),
    )


def _answer(written: str) -> Mapping[str, Any] | None:
    """The JSON object on stdout: all of it or, after noise, the last one that says its status."""
    decoder = json.JSONDecoder()
    text = written.strip()
    starts = [0] + [at + 1 for at, character in enumerate(text) if character == "\n"]
    for start in reversed(starts):
        if text[start : start + 1] != "{":
            continue
        try:
            found, _end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict) and "status" in found:
            return found
    return None


def _task_results(value: object) -> tuple[TaskResult, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise CrewProblem('The "task_outputs" of the crew\'s program are not a list of objects.')
    return tuple(
        TaskResult(
            task=str(entry.get("task") or f"task_{number}"),
            agent=str(entry.get("agent") or ""),
            output=str(entry.get("output") or ""),
        )
        for number, entry in enumerate(value, start=1)
    )


def _usage(value: object) -> dict[str, dict[str, int]]:
    """Counts by model; flat counts stand under `command`."""
    if not isinstance(value, dict):
        return {}
    by_model = {name: counts for name, counts in value.items() if isinstance(counts, dict)}
    return {
        str(model): {str(n): c for n, c in counts.items() if isinstance(c, int)}
        for model, counts in (by_model or {"command": value}).items()
    }
