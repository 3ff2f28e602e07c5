"""Time from a click to the next phase: to a worker's claim, and to its process's first line."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from storage.states import ExecutionState, PhaseRunState
from tests.bench.crews import STARTS
from tests.bench.disk import Disk
from tests.bench.figures import Figure, Result, median, ratio, spread
from tests.bench.stage import Stage, bot_on_stage
from tests.support.workspace import MessageSnapshot

COMMITS = 10


def measure(
    folder: Path, *, samples: int = 15, kinds: tuple[str, ...] = ("program", "crew")
) -> Result:
    """Each sample is a click on its own execution; the disk is measured after each."""
    figures: list[Figure] = []
    for kind in kinds:
        with TemporaryDirectory(dir=folder) as place:
            figures += _measure_kind(Path(place), kind, samples)
    return Result(
        name="onward",
        about="from a click's delivery to the next phase's start, the bot idle otherwise",
        samples=samples * len(kinds),
        figures=tuple(figures),
    )


def _measure_kind(folder: Path, kind: str, samples: int) -> list[Figure]:
    claims, first_lines, commits = [], [], []
    disk = Disk(folder)
    with bot_on_stage(folder, crews=[kind], channels=samples + 1, workers=2) as stage:
        for channel in stage.place.channels:
            stage.place.command(f"/crew {kind} a note", channel=channel)
        for message in stage.place.all_waiting():
            claimed, began = _continue(stage, message)
            claims.append(claimed)
            first_lines.append(began)
            commits.extend(disk.commits(COMMITS))
    del claims[0], first_lines[0]  # the first click finds caches empty
    return [
        *spread(f"{kind}: click to claim", claims),
        *spread(f"{kind}: click to the child's first line", first_lines),
        *spread(f"{kind}: a commit of the disk", commits),
        ratio(f"{kind}: click to claim, in commits", median(claims), median(commits)),
        ratio(f"{kind}: click to first line, in commits", median(first_lines), median(commits)),
    ]


def _continue(stage: Stage, message: MessageSnapshot) -> tuple[float, float]:
    """Click, and wait for the end; return the seconds to the claim and to the first line."""
    [execution] = stage.reads.executions(channel=message.channel)
    lines_before = len(_lines(stage))
    clicked_at = stage.place.click("Continue", message).at
    stage.bot.until(
        lambda: stage.reads.execution(execution.id).state is ExecutionState.COMPLETED,
        what="the execution completes",
    )
    second = stage.reads.phase_runs(execution.id)[-1]
    [began] = _lines(stage)[lines_before:]
    assert second.phase == "second", second
    assert second.state is PhaseRunState.DONE, second
    assert second.started_at is not None, second
    return second.started_at.timestamp() - clicked_at, began - clicked_at


def _lines(stage: Stage) -> list[float]:
    return [float(line) for line in (stage.folder / STARTS).read_text().splitlines()]
