"""What the runner adds to a phase (children, leases, records), compared with a bare kickoff."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from crew_runner.child.environment import SILENT_CREWAI
from crew_runner.config.registry import load_crews
from crew_runner.models.drafter.server import OfflineDrafter
from crew_runner.models.environment import settings_to_env
from storage.definitions import CrewDefinition
from tests.bench.crews import write_crews
from tests.bench.figures import Figure, Result, median, milliseconds, ratio
from tests.bench.runner import Runner, runner_in
from tests.support.factories import asking
from tests.support.processes import ROOT, clean_environment

Bare = Callable[[], float]


WITHOUT: Final = {
    "program": "the program itself",
    "crew": "bare Crew.kickoff",
    "flow": "bare Flow.kickoff and resume",
}


def measure(
    folder: Path, *, rounds: int = 10, kinds: tuple[str, ...] = ("program", "crew", "flow")
) -> Result:
    """Each round takes one execution through the runner, and does the same work without it."""
    figures: list[Figure] = []
    phases = 0
    with ExitStack() as stack:
        place = Path(stack.enter_context(TemporaryDirectory(dir=folder)))
        drafter = stack.enter_context(OfflineDrafter())
        crews: dict[str, CrewDefinition] = {}
        bares: dict[str, Bare] = {}
        if "program" in kinds:
            crews["program"] = _program_crew(place)
            bares["program"] = partial(_run_program, place)
        if "crew" in kinds:
            crews["crew"] = load_crews(ROOT / "crews.yml")["plan"]
        if "flow" in kinds:
            crews["flow"] = load_crews(write_crews(place, ["flow"]))["flow"]
        for kind in crews.keys() - bares.keys():
            bares[kind] = stack.enter_context(_bare(kind, place, drafter))
        runner = stack.enter_context(runner_in(place, crews, drafter, slots=1))
        for kind in kinds:
            counted, kind_figures = _compare(runner, kind, crews[kind], bares[kind], rounds)
            phases += counted
            figures += kind_figures
    return Result(
        name="phase-cost",
        about="the runner's cost per phase over the same work without it, warm, one slot",
        samples=phases,
        figures=tuple(figures),
    )


def _compare(
    runner: Runner, kind: str, definition: CrewDefinition, bare: Bare, rounds: int
) -> tuple[int, list[Figure]]:
    runner.run(definition)
    bare()
    ran, kicked_off = [], []
    phases = 0
    for _ in range(rounds):
        took = runner.run(definition)
        phases += len(took)
        ran.append(sum(took))
        kicked_off.append(bare())
    per_phase = phases / rounds
    return phases, [
        milliseconds(f"{kind}: a phase through the runner", median(ran) / per_phase),
        milliseconds(f"{kind}: {WITHOUT[kind]}, a phase's share", median(kicked_off) / per_phase),
        milliseconds(
            f"{kind}: cost a phase",
            median([with_ - alone for with_, alone in zip(ran, kicked_off, strict=True)])
            / per_phase,
        ),
        ratio(f"{kind}: through the runner to without", median(ran), median(kicked_off)),
    ]


# --- the same work without the runner -----------------------------------------------------------


def _program_crew(folder: Path) -> CrewDefinition:
    definition = load_crews(write_crews(folder, ["program"]))["program"]
    return replace(definition, cwd=str(folder))


def _run_program(folder: Path) -> float:
    began = time.perf_counter()
    for phase in ("first", "second"):
        subprocess.run(
            [sys.executable, "program.py"],
            input=json.dumps({"phase": phase}),
            cwd=folder,
            env=clean_environment(),
            capture_output=True,
            text=True,
            check=True,
        )
    return time.perf_counter() - began


@contextmanager
def _bare(kind: str, folder: Path, drafter: OfflineDrafter) -> Iterator[Bare]:
    """The same crew or flow, in a process that has already built and run it."""
    environment = clean_environment(
        **SILENT_CREWAI, **settings_to_env(drafter.settings()), CREWAI_STORAGE_DIR=str(folder)
    )
    inputs = json.dumps(asking().inputs()) + "\n"
    with subprocess.Popen(
        [sys.executable, "-m", "tests.bench.bare", kind],
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        stdin, stdout = process.stdin, process.stdout
        assert stdin is not None
        assert stdout is not None

        def kick_off() -> float:
            stdin.write(inputs)
            stdin.flush()
            answer = next(line for line in stdout if line.startswith("took "))
            return float(answer.split()[1])

        try:
            yield kick_off
        finally:
            process.kill()
