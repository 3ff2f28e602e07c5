"""The crews that the benchmarks run, and the `crews.yml` that names them."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

if TYPE_CHECKING:
    from crewai import Crew

STARTS: Final = "starts.txt"
"""The file in its directory to which a phase's process writes the time of its first line."""

LONG_TASKS: Final = 60

_LOOK: Final = {"name": "look", "after": "first", "description": "Read the note"}

_PROGRAM: Final = """\
import time
began = time.time()
import json, sys
with open("starts.txt", "a") as starts:
    starts.write(f"{began!r}\\n")
phase = json.load(sys.stdin).get("phase", "run")
task = {"task": phase, "agent": "program", "output": "A short note."}
print(json.dumps({"status": "complete", "output": "A short note.", "task_outputs": [task]}))
"""


CREWS: Final[dict[str, dict[str, Any]]] = {
    "program": {
        "command": ["python", "program.py"],
        "phases": [{"name": "first"}, {"name": "second"}],
        "checkpoints": [_LOOK],
    },
    "waiting": {"command": ["python", "-c", "import signal; signal.pause()"]},
    "crew": {
        "crew": "tests.bench.crews:two_notes",
        "phases": [{"name": name, "tasks": [name]} for name in ("first", "second")],
        "checkpoints": [_LOOK],
    },
    "flow": {"crew": "tests.bench.flows:Notes"},
    "note": {
        "crew": "tests.bench.crews:one_note",
        "phases": [{"name": "only", "tasks": ["only"]}],
    },
    "long": {
        "crew": "tests.bench.crews:many_notes",
        "phases": [{"name": "all", "tasks": [f"note_{n}" for n in range(LONG_TASKS)]}],
    },
}


def write_crews(folder: Path, names: Iterable[str]) -> Path:
    """The file with these crews and the program, for a bot whose directory is `folder`."""
    (folder / "program.py").write_text(_PROGRAM)
    about = {"description": "For a benchmark", "approvers": ["@channel"]}
    file = folder / "crews.yml"
    file.write_text(yaml.safe_dump({"crews": {name: {**CREWS[name], **about} for name in names}}))
    return file


def two_notes() -> Crew:
    """Two tasks."""
    with Path(STARTS).open("a") as starts:
        starts.write(f"{time.time()!r}\n")
    return _notes(["first", "second"])


def one_note() -> Crew:
    """A single model call."""
    return _notes(["only"])


def many_notes() -> Crew:
    """One model call after another, each in its own task."""
    return _notes([f"note_{n}" for n in range(LONG_TASKS)])


def _notes(names: list[str]) -> Crew:
    from crewai import Agent, Crew, Task

    writer = Agent(role="writer", goal="to write", backstory="has written a lot")
    tasks = [
        Task(
            name=name,
            description="Write a short note about {user_input}.",
            expected_output="a short note",
            agent=writer,
            context=[],
        )
        for name in names
    ]
    return Crew(agents=[writer], tasks=tasks)
