"""`python -m tests.growth [--database sqlite|postgresql] [--scale full|small]`: what grows.

Fills a small and a large database and times every operation on both alternately. An operation may
take 1.5 times as long on the large one. Filling a million executions takes 10 to 30 minutes.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from tests.bench.figures import median
from tests.growth.base import base_of, make
from tests.growth.batches import in_batches
from tests.growth.comparing import MOST, Compared, in_turns
from tests.growth.deadlines import AtOnce, expire_at_once
from tests.growth.filling import Crowd, Filler
from tests.growth.lives import lives
from tests.growth.memory import peak_of
from tests.growth.resources import Resources, serve_on
from tests.support.postgres import Server

DATABASES: Final = ("sqlite", "postgresql")
WITHIN: Final = 30.0
"""Seconds within which many deadlines that pass at once must all be expired."""


@dataclass(frozen=True, slots=True)
class Scale:
    small: Crowd
    large: Crowd
    rounds: int
    batches: int
    deadlines: int


SCALES: Final = {
    "full": Scale(Crowd(900, 100), Crowd(900_000, 100_000), 40, 5, 10_000),
    "small": Scale(Crowd(900, 100), Crowd(9_000, 1_000), 10, 3, 500),
}


def main(arguments: Sequence[str] | None = None) -> int:
    chosen = _arguments(arguments)
    report: dict[str, Any] = {"seed": chosen.seed, "scale": chosen.scale}
    within_bounds = True
    for database in chosen.database or DATABASES:
        with _databases(database, chosen) as urls:
            if chosen.deadlines is None:
                figures, holds = _measure(database, urls, SCALES[chosen.scale], seed=chosen.seed)
            else:
                figures, holds = _measure_deadlines(urls[1], chosen.deadlines, seed=chosen.seed)
        report[database] = figures
        within_bounds = within_bounds and holds
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(report, indent=2) + "\n")
    return 0 if within_bounds else 1


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.growth", description=__doc__)
    parser.add_argument("--database", action="append", choices=DATABASES)
    parser.add_argument("--scale", choices=SCALES, default="full")
    parser.add_argument(
        "--deadlines", type=int, metavar="N", help="measure N deadlines at once, and nothing else"
    )
    parser.add_argument("--seed", type=int, default=20260302)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to FILE")
    parser.add_argument("--folder", type=Path, help="the folder for SQLite's files")
    parser.add_argument(
        "--filled", nargs=2, metavar="URL", help="a small and a large database, already filled"
    )
    return parser.parse_args(arguments)


@contextmanager
def _databases(database: str, chosen: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """The URLs of a small and a large database, filled."""
    if chosen.filled is not None:
        yield chosen.filled[0], chosen.filled[1]
        return
    scale = SCALES[chosen.scale]
    with ExitStack() as until_measured:
        if database == "sqlite":
            temporary = TemporaryDirectory(prefix="growth-", dir=chosen.folder)
            folder = Path(until_measured.enter_context(temporary))
            urls = (f"sqlite:///{folder / 'small.db'}", f"sqlite:///{folder / 'large.db'}")
        else:
            wide = Server(durable=True, shared_buffers="1GB", max_wal_size="8GB")
            server = until_measured.enter_context(wide)
            urls = (server.database(), server.database())
        led = lives()
        for url, crowd in zip(urls, (scale.small, scale.large), strict=True):
            make(url)
            began = time.monotonic()
            Filler(url, led, seed=chosen.seed).fill(crowd, now=datetime.now(UTC))
            _say(f"{database}: {crowd} filled in {time.monotonic() - began:.0f} s")
        yield urls


def _measure(
    database: str, urls: tuple[str, str], scale: Scale, *, seed: int
) -> tuple[dict[str, Any], bool]:
    """Print and return the figures of one database, and whether all are within their bounds."""
    small, large = urls
    _say(f"\n{database}, seed {seed}: {_size(small)} and {_size(large)}")
    led = lives()
    with base_of(small) as on_small, base_of(large) as on_large:
        compared = in_turns(on_small, on_large, rounds=scale.rounds, seed=seed)
        fillers = tuple(Filler(url, led, seed=seed + 1) for url in urls)
        compared += in_batches(on_small, on_large, fillers, rounds=scale.batches)
        _say("\n".join(map(_in_words, compared)))
    peaks = tuple(peak_of(url, seed=seed) for url in urls)
    _say(f"peak memory of a process: {peaks[0]:.0f} MB and {peaks[1]:.0f} MB")
    with _empty(database) as empty:
        resources = {"empty": serve_on(empty), "large": serve_on(large)}
    for name, holds in resources.items():
        _say(f"serve, {name}: {_resources_in_words(holds)}")
    at_once, in_time = _measure_deadlines(large, scale.deadlines, seed=seed)
    figures = {
        "acts": {one.name: _figures(one) for one in compared},
        "peak memory, MB": peaks,
        "serve": {name: asdict(holds) for name, holds in resources.items()},
        **at_once,
    }
    grew = [one.name for one in compared if one.ratio > MOST]
    for one in compared:
        for fault in one.work[1].faults if one.work is not None else ():
            _say(f"  {one.name} reads a whole table: {fault}")
    within = [*peaks[1:], resources["large"].memory]
    was = [*peaks[:1], resources["empty"].memory]
    within_bounds = all(now <= MOST * before for now, before in zip(within, was, strict=True))
    if grew:
        _say(f"grew by more than {MOST}: {', '.join(grew)}")
    return figures, within_bounds and not grew and in_time


def _measure_deadlines(url: str, count: int, *, seed: int) -> tuple[dict[str, Any], bool]:
    with base_of(url) as base:
        filler = Filler(url, lives(), seed=seed + 2)
        at_once = expire_at_once(base, filler, count=count, seed=seed)
    _say(_at_once_in_words(at_once))
    return {"deadlines": asdict(at_once)}, at_once.took <= WITHIN


@contextmanager
def _empty(database: str) -> Iterator[str]:
    with TemporaryDirectory(prefix="growth-") as folder, ExitStack() as until_measured:
        if database == "sqlite":
            yield f"sqlite:///{Path(folder) / 'empty.db'}"
        else:
            yield until_measured.enter_context(Server(durable=True)).database()


def _size(url: str) -> str:
    with base_of(url) as base, base.engine.connect() as connection:
        if base.engine.dialect.name == "postgresql":
            query = "SELECT pg_database_size(current_database())"
            size = connection.exec_driver_sql(query).scalar_one()
        else:
            size = Path(str(base.engine.url.database)).stat().st_size
        rows = connection.exec_driver_sql("SELECT count(*) FROM executions").scalar_one()
        pending = "SELECT count(*) FROM checkpoints WHERE state = 'pending'"
        waiting = connection.exec_driver_sql(pending).scalar_one()
    return f"{rows:,} executions, {waiting:,} waiting, {size / 1e6:,.0f} MB"


def _in_words(one: Compared) -> str:
    small, large = (1000 * median(samples) for samples in (one.small, one.large))
    mark = "" if one.ratio <= MOST else "  <-- grows"
    work = "" if one.work is None else f"; work {one.work_ratio:.2f} x"
    return (
        f"  {one.name:<48} {small:9.2f} ms {large:9.2f} ms {one.ratio:6.2f} x"
        f" (fastest tenth {one.undisturbed:.2f} x{work}){mark}"
    )


def _figures(one: Compared) -> dict[str, float]:
    return {
        "small, ms": 1000 * median(one.small),
        "large, ms": 1000 * median(one.large),
        "ratio": one.ratio,
        "ratio of the fastest tenth": one.undisturbed,
        "samples": len(one.large),
    }


def _resources_in_words(holds: Resources) -> str:
    return (
        f"/health after {holds.start:.2f} s, {holds.pending:,} waiting, {holds.processes}"
        f" processes, {holds.threads} threads, {holds.handles} file handles,"
        f" {holds.memory:.0f} MB"
    )


def _at_once_in_words(at_once: AtOnce) -> str:
    def spread(samples: Sequence[float]) -> str:
        return f"{1000 * median(samples):.1f} ms, at most {1000 * max(samples):.0f} ms"

    return (
        f"{at_once.deadlines:,} deadlines at once: {at_once.took:.1f} s,"
        f" {at_once.cpu:.1f} s of processor time\n"
        f"  a click during that time {spread(at_once.clicks)} ({len(at_once.clicks)};"
        f" {at_once.busy} found the database busy); before {spread(at_once.calm)}\n"
        f"  left to deliver: {at_once.posts:,} posts and {at_once.updates:,} updates;"
        f" taking one {spread(at_once.takes)}, while none may be sent {spread(at_once.in_vain)}"
    )


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
