"""`python -m tests.peers [--only NAME] [--rounds N] [--json FILE]`: compares peers.

Each peer is a process, which is suspended while another runs. Rounds are short and interleaved
(A B C A B C …), so that other load on the machine affects all of them. A rate is the median of its
rounds, and a ratio the median of the ratios within each round.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Self, TextIO

from tests.bench.figures import median, percentile
from tests.peers.peer import CYCLES, Cycle
from tests.peers.servers import DurableRedis
from tests.peers.station import PEERS
from tests.support.postgres import Server
from tests.support.processes import ROOT

REFERENCES: Final = {"sqlite": "langgraph-sqlite", "server": "langgraph-postgresql"}
"""The peer with which the others are compared, for data in a file and data on a server."""

PACKAGES: Final = ("langgraph", "crewai", "dbos", "celery", "procrastinate", "SQLAlchemy")

RUNS_AT_ONCE: Final = 10
ROUNDS: Final = 15


@dataclass
class Station:
    """A peer's process, and the results of its rounds."""

    name: str
    place: str
    rates: list[float] = field(default_factory=list)
    onward: list[float] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.peers.station", self.name, self.place],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        return self

    def __exit__(self, *_how: object) -> None:
        self._tell(signal.SIGKILL)
        self._process.wait()

    @property
    def on(self) -> str:
        return "sqlite" if self.name in ON_SQLITE else "server"

    def round(self, runs: int, *, counts: bool = True) -> None:
        """Take `runs` runs through their cycles. Caches are empty in the first round of all."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._tell(signal.SIGCONT)
        self._process.stdin.write(f"{runs}\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        self._tell(signal.SIGSTOP)
        if not line:
            raise SystemExit(f"{self.name} ended: python -m tests.peers.station {self.name} …")
        cycles = [Cycle(*times) for times in json.loads(line)]
        if counts:
            self.rates.append(len(cycles) / sum(cycle.whole for cycle in cycles))
            self.onward += [cycle.onward for cycle in cycles]

    def _tell(self, what: signal.Signals) -> None:
        """Signal the process and those that it has started."""
        os.killpg(self._process.pid, what)


ON_SQLITE: Final = frozenset(name for name in PEERS if "sqlite" in name) | {"crewai-flow"}


@dataclass(frozen=True, slots=True)
class Row:
    """`to_langgraph`: None if LangGraph was not measured. Latencies are in milliseconds."""

    name: str
    on: str
    cycles_per_second: float
    to_langgraph: float | None
    onward_p50: float
    onward_p99: float


def row(station: Station, reference: Station | None) -> Row:
    paired = [] if reference is None else zip(station.rates, reference.rates, strict=True)
    ratios = [rate / other for rate, other in paired]
    return Row(
        name=station.name,
        on=station.on,
        cycles_per_second=median(station.rates),
        to_langgraph=median(ratios) if ratios else None,
        onward_p50=percentile(station.onward, 50) * 1000,
        onward_p99=percentile(station.onward, 99) * 1000,
    )


@contextmanager
def stations(names: Sequence[str], folder: Path) -> Iterator[list[Station]]:
    """Start each peer with its own folder or database."""
    with ExitStack() as stack:
        server: Server | None = None
        opened = []
        for name in names:
            if name == "celery-redis":
                place = str(stack.enter_context(DurableRedis()).socket)
            elif name in ON_SQLITE:
                place = str(folder / name)
                Path(place).mkdir()
            else:
                server = server or stack.enter_context(Server(durable=True))
                place = server.database()
            opened.append(stack.enter_context(Station(name, place)))
        yield opened


def measure(names: Sequence[str], folder: Path, *, rounds: int, runs: int) -> list[Row]:
    with stations(names, folder) as opened:
        for station in opened:
            station.round(runs, counts=False)
        for number in range(rounds):
            for station in opened:
                station.round(runs)
            _say(f"round {number + 1} of {rounds}", to=sys.stderr)
        by_name = {station.name: station for station in opened}
        return [row(station, by_name.get(REFERENCES[station.on])) for station in opened]


def in_words(rows: Sequence[Row]) -> str:
    lines = [f"{'':28}{'cycles/s':>10}{'to LangGraph':>14}{'onward p50':>13}{'p99':>12}"]
    for on, title in (("sqlite", "in a file"), ("server", "on a server")):
        lines.append(title)
        for each in rows:
            if each.on == on:
                ratio = "" if each.to_langgraph is None else f"{each.to_langgraph:.2f} x"
                lines.append(
                    f"  {each.name:<26}{each.cycles_per_second:>10.0f}{ratio:>14}"
                    f"{each.onward_p50:>10.1f} ms{each.onward_p99:>9.1f} ms"
                )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    chosen = _arguments(arguments)
    packages = {name: version(name) for name in PACKAGES}
    facts: dict[str, object] = {
        "command": shlex.join(["python", "-m", "tests.peers", *sys.argv[1:]]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "cores": len(os.sched_getaffinity(0)),
        "load_before": round(os.getloadavg()[0], 2),
        "packages": packages,
    }
    began = time.monotonic()
    with TemporaryDirectory(prefix="countersign-peers-", dir=chosen.folder) as folder:
        rows = measure(
            chosen.only or list(PEERS), Path(folder), rounds=chosen.rounds, runs=chosen.runs
        )
    facts["load_after"] = round(os.getloadavg()[0], 2)
    cycles = chosen.runs * CYCLES
    _say(f"{facts['command']}\n{facts['date']} · Python {facts['python']} · {facts['cores']} cores")
    _say(", ".join(f"{name} {at}" for name, at in packages.items()))
    _say(f"{chosen.rounds} rounds of {cycles} cycles, {time.monotonic() - began:.0f} s;")
    _say(f"the machine's load {facts['load_before']} before, {facts['load_after']} after\n")
    _say(in_words(rows))
    if chosen.json is not None:
        report = {**facts, "rounds": chosen.rounds, "cycles_a_round": cycles}
        report["peers"] = [asdict(each) for each in rows]
        chosen.json.write_text(json.dumps(report, indent=2) + "\n")
    return 0


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.peers", description=__doc__)
    parser.add_argument(
        "--only", action="append", choices=[*PEERS], help="only this one; can be repeated"
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument(
        "--runs", type=int, default=RUNS_AT_ONCE, help="runs that wait at the same time"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to FILE")
    parser.add_argument("--folder", type=Path, help="the folder for files, to measure another disk")
    return parser.parse_args(arguments)


def _say(text: str, *, to: TextIO | None = None) -> None:
    print(text, file=to or sys.stdout, flush=True)


if __name__ == "__main__":
    sys.exit(main())
