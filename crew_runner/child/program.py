"""Command crews: each phase runs a program, with JSON on its stdin and stdout."""

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

from .environment import COMMAND_ALLOWED, without_values
from .failures import CrewProblem
from .messages import (
    COMMAND_PHASE,
    MAX_OUTPUT_BYTES,
    CrewDescription,
    Job,
    Progress,
    TaskProgress,
)
from .records import PhaseDefinition, PhaseOutput, TaskResult
from .runnable import Report

MAX_LINE_BYTES: Final = 64 * 1024
_DRAIN_SECONDS: Final = 2.0
"""How long its outputs are read after the program has exited."""

_MAX_SHOWN: Final = 40
_MAX_NAME_LENGTH: Final = 200
_CHUNK_BYTES: Final = 64 * 1024


def build_command(job: Job) -> CommandRunnable:
    """Find the program. Raises CrewProblem if it or its directory is missing."""
    environment = _environment(job)
    cwd = Path(job.project or ".") / (job.cwd or "")
    if not cwd.is_dir():
        raise CrewProblem(
            f"The crew's directory {str(cwd)!r} does not exist. Fix `cwd` in crews.yml."
        )
    first, *arguments = job.command
    program = sys.executable if first == "python" else _find_program(first, cwd, environment)
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

    def describe(self) -> CrewDescription:
        phases = self._phases or (PhaseDefinition(COMMAND_PHASE, (COMMAND_PHASE,)),)
        return CrewDescription(phases, kind="program", takes_any_input=True)

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
            raise CrewProblem(
                f"The crew's program cannot be started: {error.strerror}. "
                "Fix `command` in crews.yml."
            ) from error
        program_run = _ProgramRun(process, report, _tasks_of(job))
        return _phase_output(program_run.finish(_inputs(job)), job, program_run)


class _ProgramRun:
    """One run of the program: writes its input and reads both of its outputs."""

    def __init__(
        self, process: subprocess.Popen[bytes], report: Report, tasks: tuple[str, ...]
    ) -> None:
        self._process = process
        self._report = report
        self._waiting = tasks
        self._progress: dict[str, TaskProgress] = {}
        self._stderr_lines: deque[str] = deque(maxlen=50)
        self._stdout = bytearray()

    @property
    def stderr_tail(self) -> str:
        """The last lines on stderr that are not progress."""
        return "\n".join(self._stderr_lines)

    def finish(self, inputs: bytes) -> bytes:
        """Wait for the program to exit and return its stdout. Raises CrewProblem."""
        stdin, stdout, stderr = self._process.stdin, self._process.stdout, self._process.stderr
        if stdin is None or stdout is None or stderr is None:
            raise ValueError("the program was not started with pipes")
        threading.Thread(target=_write_stdin, args=(stdin, inputs), daemon=True).start()
        readers = [
            threading.Thread(target=self._read_stdout, args=(stdout,), daemon=True),
            threading.Thread(target=self._read_stderr, args=(stderr,), daemon=True),
        ]
        for thread in readers:
            thread.start()
        self._process.wait()
        # A helper process may keep the outputs open, so the wait for their end is short.
        deadline = time.monotonic() + _DRAIN_SECONDS
        for thread in readers:
            thread.join(max(deadline - time.monotonic(), 0))
        output = bytes(self._stdout)
        if len(output) > MAX_OUTPUT_BYTES:
            raise CrewProblem(
                "The crew's program wrote more than 10 MiB of output. Have it write less."
            )
        return output

    def _read_stdout(self, stdout: IO[bytes]) -> None:
        while chunk := os.read(stdout.fileno(), _CHUNK_BYTES):
            self._stdout += chunk
            if len(self._stdout) > MAX_OUTPUT_BYTES:
                self._process.kill()
                return

    def failure(self) -> CrewProblem:
        """The error for a program that exited without a readable answer."""
        code = self._process.returncode
        how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        return CrewProblem(
            f"The crew's program {how} without a readable answer. "
            "The bot's log has its last lines.",
            detail=f"The last lines of its stderr:\n{self.stderr_tail}",
        )

    def _read_stderr(self, stderr: IO[bytes]) -> None:
        while line := stderr.readline(MAX_LINE_BYTES):
            progress = _progress(line)
            if progress is None:
                self._stderr_lines.append(line.decode(errors="replace").rstrip())
            else:
                self._report_task(*progress)

    def _report_task(self, task: str, agent: str) -> None:
        progress = {
            name: TaskProgress(p.task, p.agent, "done") for name, p in self._progress.items()
        }
        progress[task] = TaskProgress(task, agent, "running")
        while len(progress) > _MAX_SHOWN:
            progress.pop(next(name for name in progress if name != task))
        self._progress = progress
        waiting = tuple(
            TaskProgress(name, "", "waiting") for name in self._waiting if name not in progress
        )
        self._report(Progress((*progress.values(), *waiting)))


def _write_stdin(stdin: IO[bytes], inputs: bytes) -> None:
    try:
        with stdin:
            stdin.write(inputs)
    except BrokenPipeError:
        return  # the program does not read its input


def _environment(job: Job) -> dict[str, str]:
    allowed = {name: os.environ[name] for name in COMMAND_ALLOWED if name in os.environ}
    return {**allowed, **job.model, **without_values(job.env, job.withheld)}


def _find_program(name: str, cwd: Path, environment: Mapping[str, str]) -> str:
    path = name
    if os.sep in name and not os.path.isabs(name):
        path = str((cwd / name).absolute())
    executable = shutil.which(path, path=environment.get("PATH"))
    if executable is None:
        raise CrewProblem(
            f"The crew's program {name!r} was not found or cannot be executed. "
            "Fix `command` in crews.yml."
        )
    return executable


def _tasks_of(job: Job) -> tuple[str, ...]:
    return next((phase.tasks for phase in job.phases if phase.name == job.phase), ())


def _inputs(job: Job) -> bytes:
    inputs: dict[str, object] = dict(job.inputs)
    if [phase.name for phase in job.phases] not in ([], [COMMAND_PHASE]):
        inputs["phase"] = job.phase
        inputs["outputs"] = {phase: output.output for phase, output in job.done}
    if edited := _edited(job):
        inputs["edited_outputs"] = edited
    if job.revising and job.previous is not None:
        inputs["feedback"] = job.feedback
        inputs["previous_output"] = job.previous.output
        if job.revise:
            inputs["revise_tasks"] = list(job.revise)
    return json.dumps(inputs).encode()


def _edited(job: Job) -> dict[str, dict[str, str]]:
    """The texts that a reviewer wrote in place of the program's, by phase and task."""
    outputs = [*job.done, *([] if job.previous is None else [(job.phase, job.previous)])]
    by_phase = {
        phase: {task.task: task.output for task in output.tasks if task.edited}
        for phase, output in outputs
    }
    return {phase: texts for phase, texts in by_phase.items() if texts}


def _progress(line: bytes) -> tuple[str, str] | None:
    """The task and agent of a progress line, or None for any other line."""
    if not line.lstrip().startswith(b"{"):
        return None
    try:
        entry: Any = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(entry, dict) or entry.get("type") != "progress":
        return None
    task, agent = entry.get("task"), entry.get("agent")
    return _name(task), _name(agent)


def _name(value: object) -> str:
    return value[:_MAX_NAME_LENGTH] if isinstance(value, str) else ""


def _phase_output(stdout: bytes, job: Job, program_run: _ProgramRun) -> PhaseOutput:
    answer = _answer(stdout.decode(errors="replace"))
    if answer is None:
        raise program_run.failure()
    if answer.get("status") == "error":
        error = str(answer.get("error") or "it did not say why").strip()
        raise CrewProblem(f"The crew's program failed: {error[:300]}", retryable=True)
    output = answer.get("output")
    if answer.get("status") != "complete" or not isinstance(output, str):
        raise CrewProblem(
            'The crew\'s program returned an answer without "status": "complete" and an "output" '
            "text. Add both to its answer."
        )
    tasks = _task_results(answer.get("task_outputs"))
    return PhaseOutput(
        output=output,
        tasks=tasks or (TaskResult(task=job.phase or COMMAND_PHASE, agent="", output=output),),
        usage=_usage(answer.get("token_usage")),
        revised=answer.get("revised") is True if job.revising else True,
    )


def _answer(stdout: str) -> Mapping[str, Any] | None:
    """The last JSON object on stdout with a status, after any other output."""
    decoder = json.JSONDecoder()
    text = stdout.strip()
    starts = [0] + [at + 1 for at, character in enumerate(text) if character == "\n"]
    for start in reversed(starts):
        if text[start : start + 1] != "{":
            continue
        try:
            answer, _end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            continue
        if isinstance(answer, dict) and "status" in answer:
            return answer
    return None


def _task_results(value: object) -> tuple[TaskResult, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise CrewProblem('The "task_outputs" of the crew\'s program must be a list of objects.')
    return tuple(
        TaskResult(
            task=str(entry.get("task") or f"task_{number}"),
            agent=str(entry.get("agent") or ""),
            output=str(entry.get("output") or ""),
        )
        for number, entry in enumerate(value, start=1)
    )


def _usage(value: object) -> dict[str, dict[str, int]]:
    """Counts by model; flat counts are returned under `command`."""
    if not isinstance(value, dict):
        return {}
    by_model = {name: counts for name, counts in value.items() if isinstance(counts, dict)}
    return {
        str(model): {str(n): c for n, c in counts.items() if isinstance(c, int)}
        for model, counts in (by_model or {"command": value}).items()
    }
