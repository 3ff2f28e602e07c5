"""What a phase costs if the crew's project imports for seconds, compared with one that does not."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from crew_runner.models.drafter.server import OfflineDrafter
from storage.definitions import CrewDefinition, CrewKind, PhaseDefinition
from tests.bench.figures import Figure, Result, median, milliseconds
from tests.bench.runner import Runner, runner_in

IMPORT_SECONDS: Final = 3.0
_WARM_SECONDS: Final = 1.0
_WARM_TRIES: Final = 10

_CREW: Final = """
{imports}
from crewai import Agent, Crew, Task
from crewai.llms.base_llm import BaseLLM


class Instant(BaseLLM):
    def call(self, *_arguments, **_named):
        return "Final Answer: done"


def crew():
    agent = Agent(role="writer", goal="to write", backstory="none", llm=Instant(model="instant"))
    tasks = [
        Task(name=name, description="Write.", expected_output="a text", agent=agent)
        for name in ("first", "second")
    ]
    return Crew(agents=[agent], tasks=tasks)
"""

KINDS: Final = {
    "nothing": "",
    "installed": "import bench_installed",
    "own": "import bench_own",
}
"""What each project imports: nothing slow, a slow package, a slow module of its own."""


def measure(
    folder: Path,
    *,
    rounds: int = 10,
    seconds: float = IMPORT_SECONDS,
    kinds: Collection[str] = tuple(KINDS),
) -> Result:
    """`kinds` includes "nothing", with which the others are compared."""
    figures: list[Figure] = []
    costs: dict[str, float] = {}
    with TemporaryDirectory(dir=folder) as place, OfflineDrafter() as drafter:
        crews = {kind: _project(Path(place), kind, seconds) for kind in kinds}
        with (
            _python_path(Path(place), *crews),
            runner_in(Path(place), crews, drafter, slots=1) as runner,
        ):
            for kind, definition in crews.items():
                first, warm = _phases(runner, definition, rounds)
                costs[kind] = median(warm)
                figures += [
                    milliseconds(f"{kind}: the first phase", first),
                    milliseconds(f"{kind}: a later phase", costs[kind]),
                ]
    figures += [
        milliseconds(f"{kind}: a later phase, more than nothing", costs[kind] - costs["nothing"])
        for kind in kinds
        if kind != "nothing"
    ]
    return Result(
        name="project-imports",
        about=f"a phase of a project that imports for {seconds:g} s, one slot",
        samples=rounds * 2 * len(kinds),
        figures=tuple(figures),
    )


def _phases(runner: Runner, definition: CrewDefinition, rounds: int) -> tuple[float, list[float]]:
    """The seconds of the first phase, and of those after the project has been imported."""
    first = runner.run(definition)
    for _ in range(_WARM_TRIES):
        if max(runner.run(definition)) < _WARM_SECONDS:
            break
    return first[0], [each for _ in range(rounds) for each in runner.run(definition)]


def _project(place: Path, kind: str, seconds: float) -> CrewDefinition:
    project = place / kind
    project.mkdir()
    slow = f"import time\ntime.sleep({seconds})\n"
    (place / "bench_installed.py").write_text(slow)
    (project / "bench_own.py").write_text(slow)
    (project / f"bench_{kind}_crew.py").write_text(_CREW.format(imports=KINDS[kind]))
    return CrewDefinition(
        kind,
        CrewKind.CREW,
        target=f"bench_{kind}_crew:crew",
        project=str(project),
        phases=tuple(PhaseDefinition(name, (name,)) for name in ("first", "second")),
    )


@contextmanager
def _python_path(place: Path, *projects: str) -> Iterator[None]:
    """The path of crews, in which this folder is where packages are installed."""
    before = os.environ.get("PYTHONPATH")
    folders = [str(place / project) for project in projects]
    os.environ["PYTHONPATH"] = os.pathsep.join([*folders, str(place), *filter(None, [before])])
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before
