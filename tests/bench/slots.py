"""Phases per minute by number of slots, with a model that takes a second to answer."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from crew_runner.config.registry import load_crews
from storage.definitions import CrewDefinition
from tests.bench.crews import write_crews
from tests.bench.figures import Figure, Result, per_minute, ratio
from tests.bench.runner import runner_in
from tests.support.drafter import WatchedDrafter

MODEL_SECONDS = 1.0


def measure(
    folder: Path,
    *,
    slots: tuple[int, ...] = (1, 2, 4, 8),
    each: int = 3,
    model_seconds: float = MODEL_SECONDS,
) -> Result:
    """For each number of slots, start as many executions at once as fill them `each` times.

    An execution is one phase with one model call. In the ideal, only the model takes time.
    """
    figures: list[Figure] = []
    phases = 0
    with ExitStack() as stack:
        drafter = stack.enter_context(WatchedDrafter(delay=model_seconds))
        for count in slots:
            place = Path(stack.enter_context(TemporaryDirectory(dir=folder)))
            note = load_crews(write_crews(place, ["note"]))["note"]
            rate = _phases_a_second(place, note, drafter, slots=count, phases=count * each)
            ideal = count / model_seconds
            phases += count * each
            figures += [
                per_minute(f"{_so_many(count)}: phases", rate),
                per_minute(f"{_so_many(count)}: the ideal", ideal),
                ratio(f"{_so_many(count)}: of the ideal", rate, ideal),
            ]
    return Result(
        name="slots",
        about=f"throughput with a model that answers in {model_seconds:g} s, warm",
        samples=phases,
        figures=tuple(figures),
    )


def _phases_a_second(
    folder: Path, definition: CrewDefinition, drafter: WatchedDrafter, *, slots: int, phases: int
) -> float:
    with runner_in(folder, {"note": definition}, drafter, slots=slots) as runner:
        runner.run(definition)
        runs = runner.all_ended([runner.start(definition) for _ in range(phases)])
    first = min(run.created_at for run in runs)
    last = max(run.ended_at for run in runs if run.ended_at is not None)
    return len(runs) / (last - first).total_seconds()


def _so_many(count: int) -> str:
    return f"{count} slot{'s' * (count > 1)}"
