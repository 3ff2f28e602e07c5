"""`python -m tests.bench [--only NAME] [--json FILE]`: every benchmark, in about eight minutes."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.bench import acks, buttons, cycles, events, imports, onward, phase_cost, slots, start
from tests.bench.figures import Result

BENCHMARKS: Final[dict[str, Callable[[Path], Result]]] = {
    "start": start.measure,
    "acks-socket": partial(acks.measure, mode="socket"),
    "acks-http": partial(acks.measure, mode="http"),
    "onward": onward.measure,
    "phase-cost": phase_cost.measure,
    "project-imports": imports.measure,
    "slots": slots.measure,
    "buttons": buttons.measure,
    "cycles": cycles.measure,
    "events": events.measure,
    "events-all": partial(events.measure, load=events.EVERYBODY_WATCHES),
}


def main(arguments: Sequence[str] | None = None) -> int:
    chosen = _arguments(arguments)
    run = _run_facts()
    _say(f"{run['command']}\n{run['date']} · Python {run['python']} · {run['cores']} cores\n")
    results = []
    began = time.monotonic()
    with TemporaryDirectory(prefix="countersign-bench-", dir=chosen.folder) as folder:
        for name in chosen.only or BENCHMARKS:
            results.append(BENCHMARKS[name](Path(folder)))
            _say(in_words(results[-1]))
    _say(f"{time.monotonic() - began:.0f} s in all")
    if chosen.json is not None:
        report = {**run, "results": [asdict(result) for result in results]}
        chosen.json.write_text(json.dumps(report, indent=2) + "\n")
    return 0


def in_words(result: Result) -> str:
    """The result as a table with a line for each figure."""
    width = max(len(figure.name) for figure in result.figures)
    lines = [f"{result.name}: {result.about} ({result.samples} samples)"]
    lines += [f"  {figure.name:<{width}}  {figure!s:>12}" for figure in result.figures]
    return "\n".join(lines) + "\n"


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "--only", action="append", choices=[*BENCHMARKS], help="only this one; can be repeated"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to FILE")
    parser.add_argument(
        "--folder", type=Path, help="the folder for databases, to measure another disk"
    )
    return parser.parse_args(arguments)


def _run_facts() -> dict[str, object]:
    return {
        "command": shlex.join(["python", "-m", "tests.bench", *sys.argv[1:]]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "cores": len(os.sched_getaffinity(0)),
    }


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
