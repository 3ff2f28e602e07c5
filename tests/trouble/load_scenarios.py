"""Scenarios of a bot under load: its processes, database or disk fail while people use it."""

from __future__ import annotations

import os
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from typing import Final

from tests.support.postgres import Server
from tests.support.prefork_server import PreforkServer
from tests.support.workspace import Mode
from tests.trouble.db import ENDED, Execution, new_database, with_password
from tests.trouble.faults.calls import OF_A_FILE, OF_A_SERVER, Calls
from tests.trouble.faults.disk import DiskFaults, small_disk
from tests.trouble.faults.failpoints import POINTS, RECOVERIES
from tests.trouble.faults.kills import BotKills, Kills
from tests.trouble.faults.points import PointSweep
from tests.trouble.faults.server import CONNECTIONS, POOL, ServerFaults
from tests.trouble.faults.strace import strace
from tests.trouble.faults.workers import WorkerKills, workers
from tests.trouble.load.load import Load, Report
from tests.trouble.load.plans import (
    KINDS,
    STEPS,
    Kind,
    plans_of_all_kinds,
    scripted_plan,
)
from tests.trouble.load.processes import Interpreter
from tests.trouble.result import Options, Result

LAG_OF_SUSPENDED: Final = 12.0
"""How long the program of a suspended worker may continue after another took its phase."""

ONE_PROCESS: Final = (("serve", "--workers", "2"),)
MAX_KILLS_PER_EXECUTION: Final = 5
CHANNELS: Final = 40
AT_ONCE_OF_ALL_KINDS: Final = 24
SLOTS: Final = 3


def kills(options: Options) -> Result:
    with _load(options) as load:
        return _result(load.run(Kills(options.size)))


def worker_kills(options: Options) -> Result:
    with _load(options, commands=workers(4, slots=2), lag=LAG_OF_SUSPENDED) as load:
        result = _result(load.run(WorkerKills(options.size, stops=True)))
        if not load.counts["refused by the fence"]:
            result.wrong.append("no write of a suspended worker was refused")
    return result


def server(options: Options) -> Result:
    with (
        Server(durable=True, max_connections=CONNECTIONS) as postgres,
        _load(options, url=with_password(postgres.database()), mode="http", env=POOL) as load,
    ):
        return _result(load.run(ServerFaults(postgres, options.size)))


def disk(options: Options) -> Result:
    assert os.geteuid() == 0, "this scenario mounts a disk, which needs root"
    assert strace() is not None, "strace is not installed: apt-get install strace"
    with (
        tempfile.TemporaryDirectory(prefix="disk-") as folder,
        small_disk(Path(folder) / "disk") as small,
    ):
        file = small / "countersign.db"
        with _load(options, url=f"sqlite:///{file}", mode="http") as load:
            return _result(load.run(DiskFaults(file, options.size)))


def calls(options: Options) -> Result:
    assert strace() is not None, "strace is not installed: apt-get install strace"
    with _load(options) as load:
        ns = range(1, options.size + 1)
        if options.database == "postgresql":
            return _result(load.run(Calls(OF_A_SERVER, ns=ns)))
        file = Path(load.url.removeprefix("sqlite:///"))
        files = (file, file.with_name(f"{file.name}-wal"))
        return _result(load.run(Calls(OF_A_FILE, ns=ns, files=files)))


def points(options: Options) -> Result:
    """Die at about `size` points and sequences of points, evenly spread."""
    sequences = [*((point,) for point in POINTS), *RECOVERIES]
    selected = sequences[:: -(-len(sequences) // options.size)]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="points-")))
        prefork_server = stack.enter_context(PreforkServer())
        new_database = None
        if options.database == "postgresql":
            new_database = stack.enter_context(Server()).database
        single = [deaths[0] for deaths in selected if deaths not in RECOVERIES]
        stories = [deaths for deaths in selected if deaths in RECOVERIES]
        sweep = stack.enter_context(
            PointSweep(
                prefork_server, folder, single, stories, new_database=new_database, at_once=2
            )
        )
        result = Result([f"died at {len(selected)} points and sequences of points"])
        for deaths in selected:
            outcome = sweep.outcome(*deaths)
            name = " then ".join(deaths)
            if missing := [point for point in deaths if point not in outcome.reached]:
                result.wrong.append(f"{name}: the execution never reached {missing}")
            result.wrong += [f"{name}: {wrong}" for wrong in outcome.wrong]
    return result


def bots(
    *, kind: Kind = STEPS, count: int = 1, mode: Mode = "socket", start: float = 3.0
) -> Callable[[Options], Result]:
    """A scenario in which whole bots die; each execution must still go exactly as planned."""

    def run(options: Options) -> Result:
        random, result = Random(options.seed), Result()
        seconds, number = {"check": 1.3}, 0
        with _load(
            options,
            prefork_server=Interpreter(),
            commands=ONE_PROCESS * count,
            kinds=(kind,),
            mode=mode,
            seconds=seconds,
            lag=0.0,
            may_die=False,
        ) as load:
            while (remaining := options.size - load.counts["kills"]) > 0 and not result.wrong:
                number += 1
                fault = BotKills(min(remaining, random.randint(1, MAX_KILLS_PER_EXECUTION)), start)
                plan = scripted_plan(number, random, kind=kind, slowly=True)
                report = load.run(fault, [plan], at_once=1)
                options.say(f"execution {number}: {report.seconds:.1f} s, {fault.moments}")
                result.wrong += report.wrong
            result.lines += report.lines()
        return result

    return run


def storm(options: Options) -> Result:
    """Executions of every kind of crew while a worker dies every few seconds."""
    with (
        tempfile.TemporaryDirectory(prefix="storm-") as folder,
        Interpreter() as prefork_server,
        storm_report(prefork_server, Path(folder), options.size, options.seed, every=5.0) as report,
    ):
        return Result([*report.lines(), *table(report)], report.wrong)


@contextmanager
def storm_report(
    prefork_server: PreforkServer,
    folder: Path,
    executions: int,
    seed: int,
    *,
    every: float,
    kills: int | None = None,
    count: int = 3,
    worth: int = 2 * SLOTS,
) -> Iterator[Report]:
    """Run executions of all kinds while workers die.

    Each of `count` workers is spared until it has ended `worth` phases: its start takes seconds.
    """
    channels = [f"C00STORM{number:03}" for number in range(min(CHANNELS, executions))]
    plans = plans_of_all_kinds(executions, channels, Random(seed))
    with Load(
        prefork_server,
        folder,
        url=f"sqlite:///{folder / 'countersign.db'}",
        seed=seed,
        commands=workers(count, slots=SLOTS),
        kinds=KINDS,
        channels=channels,
        seconds={},
        lease=3.0,
        recorded_within=15.0,
        model=True,
        may_die=False,
        stop=True,
        standstill_allowed=120.0,
    ) as load:
        fault = WorkerKills(kills, every=every, worth=worth)
        yield load.run(fault, plans, at_once=AT_ONCE_OF_ALL_KINDS)


_COLUMNS = ("executions", "ended", "waiting", "revisions", "kills met", "hashes", "seconds")


def table(report: Report) -> list[str]:
    """One line per kind; `seconds` is the median duration of its executions."""
    scene = report.scene
    plans, executions = scene.crowd.plans, scene.database.executions()
    lines = [f"{'kind':15}" + "".join(f"{name:>12}" for name in _COLUMNS)]
    for kind in dict.fromkeys(plan.kind.name for plan in plans.values()):
        own = [e for e in executions if e.token in plans and plans[e.token].kind.name == kind]
        lines.append(_line(kind, own, report))
    return lines


def _line(name: str, executions: Sequence[Execution], report: Report) -> str:
    ended = [e.ended_at - e.created_at for e in executions if e.state in ENDED]
    tokens = {execution.token for execution in executions}
    readings = [reading for reading in report.scene.crowd.readings if reading.token in tokens]
    plans = report.scene.crowd.plans
    figures = (
        len(executions),
        len(ended),
        sum(execution.state == "waiting_feedback" for execution in executions),
        sum(reading.move in plans[reading.token].kind.revising for reading in readings),
        sum(execution.losses for execution in executions),
        sum(report.scene.compared[token] for token in tokens),
        round(statistics.median(ended)) if ended else 0,
    )
    return f"{name:15}" + "".join(f"{figure:12}" for figure in figures)


def _result(report: Report) -> Result:
    return Result(report.lines(), report.wrong)


@contextmanager
def _load(
    options: Options,
    *,
    url: str | None = None,
    prefork_server: PreforkServer | None = None,
    **more: object,
) -> Iterator[Load]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="load-")))
        fork_server = stack.enter_context(prefork_server or PreforkServer())
        if url is None:
            url = stack.enter_context(new_database(options.database, tables=False))
            url = with_password(url)
        load = Load(fork_server, folder, url=url, seed=options.seed, **more)  # type: ignore[arg-type] # Load checks them
        yield stack.enter_context(load)
