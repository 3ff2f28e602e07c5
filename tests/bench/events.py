"""Event streams: from a commit to each client, beside a bare Starlette app in the same run."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.bench.figures import Figure, Result, percentile, ratio, spread
from tests.bench.stream_clients import Stream, open_all, reconnect_at_random
from tests.support.processes import clean_environment

SETTLE_SECONDS = 20.0


@dataclass(frozen=True)
class Load:
    """`watching`: how many of the `streams` get all events; each of the others gets those of one of
    the `runs`. `reconnects` a second, at random."""

    streams: int = 1000
    watching: int = 50
    runs: int = 200
    decisions: float = 50.0
    seconds: float = 20.0
    reconnects: float = 20.0


MOST_FOLLOW_ONE_RUN = Load()

EVERYBODY_WATCHES = Load(watching=1000, seconds=12.0)
"""Every client gets every event, as on a thousand boards."""


@dataclass(frozen=True)
class Outcome:
    latencies: list[float]
    lost: int
    doubled: int
    events: int
    received: int
    cpu: float
    memory: list[int]


class Server:
    """The process of `tests.bench.event_server`."""

    def __init__(self, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.event_server", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=clean_environment(),
            text=True,
        )
        hello = self._read()
        self.port: int = hello["port"]
        self.paths: list[str] = hello["paths"]

    def drive(self, seconds: float, rate: float) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{seconds} {rate}\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())

    def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)


@contextmanager
def server(*arguments: str) -> Iterator[Server]:
    running = Server(*arguments)
    try:
        yield running
    finally:
        running.stop()


def run(running: Server, load: Load, *, rounds: int = 1, resumes: bool = True) -> Outcome:
    """Open the streams, make decisions in rounds, and check what each client got."""
    return asyncio.run(_run(running, load, rounds=rounds, resumes=resumes))


async def _run(running: Server, load: Load, *, rounds: int, resumes: bool) -> Outcome:
    rng = random.Random(7)
    streams = [Stream("/api/events") for _ in range(load.watching)]
    streams += [
        Stream(running.paths[number % load.runs]) for number in range(load.streams - load.watching)
    ]
    await open_all(streams, running.port)
    await asyncio.sleep(1)
    before = [len(stream.ids) for stream in streams]
    over = asyncio.Event()
    breaking = asyncio.create_task(
        reconnect_at_random(streams, running.port, per_second=load.reconnects, rng=rng, until=over)
        if resumes
        else asyncio.sleep(0)
    )
    reports = [
        await asyncio.to_thread(running.drive, load.seconds / rounds, load.decisions)
        for _ in range(rounds)
    ]
    over.set()
    await breaking
    ids = [each for report in reports for each in report["ids"]]
    committed = dict(
        zip(ids, (at for report in reports for at in report["committed"]), strict=True)
    )
    lost, doubled = _missing(streams, before, ids, load)
    until = time.monotonic() + SETTLE_SECONDS
    while lost and time.monotonic() < until:
        await asyncio.sleep(0.5)
        lost, doubled = _missing(streams, before, ids, load)
    latencies = [
        at - committed[seq]
        for stream in streams
        for seq, at, opened in zip(stream.ids, stream.times, stream.opened, strict=True)
        if opened < committed.get(seq, 0)
    ]
    for stream in streams:
        assert not stream.refused, stream.refused[0]
        if stream.open is not None:
            stream.open.cut()
    return Outcome(
        latencies=latencies,
        lost=lost,
        doubled=doubled,
        events=len(ids),
        received=sum(seq in committed for stream in streams for seq in stream.ids),
        cpu=sum(report["cpu"] for report in reports) / load.seconds,
        memory=[report["memory"] for report in reports],
    )


def _missing(
    streams: list[Stream], before: list[int], ids: list[int], load: Load
) -> tuple[int, int]:
    """How many events did not arrive, and how many came twice, over all streams.

    Every event belongs to one run. The streams of a run got the same, and all runs together got
    what was committed.
    """
    lost = doubled = 0
    expected = set(ids)
    for stream, skipped in zip(streams[: load.watching], before, strict=False):
        lost += len(expected - set(stream.ids[skipped:]))
        doubled += sum(Counter(stream.ids).values()) - len(set(stream.ids))
    by_path: dict[str, list[set[int]]] = {}
    for stream in streams[load.watching :]:
        doubled += len(stream.ids) - len(set(stream.ids))
        by_path.setdefault(stream.path, []).append(set(stream.ids) & expected)
    together: set[int] = set()
    for received in by_path.values():
        union = set().union(*received)
        lost += sum(len(union - each) for each in received)
        together |= union
    if len(by_path) == load.runs:
        lost += len(expected - together)
    return lost, doubled


def _database(folder: Path) -> str:
    return f"sqlite:///{folder / uuid4().hex}.db"


def measure(folder: Path, *, load: Load = MOST_FOLLOW_ONE_RUN, rounds: int = 4) -> Result:
    """Many streams at once; the connections break at random, except those of the bare app, which
    could not resume."""
    with server("countersign", _database(folder), str(load.runs)) as ours:
        outcome = run(ours, load, rounds=rounds)
    with server("starlette", _database(folder), str(load.runs)) as bare:
        reference = run(bare, load, rounds=rounds, resumes=False)
    return Result(
        name="events" if load.watching < load.streams else "events-all",
        about=f"{load.streams} streams, {load.watching} of all events; "
        f"{load.decisions:.0f} decisions a second, from commit to client",
        samples=outcome.received,
        figures=(
            *spread("commit to event", outcome.latencies),
            *spread("bare Starlette app", reference.latencies),
            ratio(
                "commit to event, p99, of the bare app",
                percentile(outcome.latencies, 99),
                percentile(reference.latencies, 99),
            ),
            Figure("events lost", outcome.lost, ""),
            Figure("events doubled", outcome.doubled, ""),
            Figure("processor", outcome.cpu, "x"),
            Figure("processor of the bare app", reference.cpu, "x"),
            ratio("memory at the end, of the start", outcome.memory[-1], outcome.memory[0]),
            Figure("megabytes", outcome.memory[-1] / 1e6, ""),
        ),
    )
