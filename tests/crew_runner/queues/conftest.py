"""For each engine: its database, a harness that queues work, and worker processes."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from bot.bootstrap import install_queue
from bot.scheduler import Scheduler, Tick
from crew_runner.queues.port import Queue
from storage.db.database import SystemClock, upgrade
from storage.db.engines import open_engine
from storage.definitions import CheckpointDefinition, CrewDefinition, CrewKind, PhaseDefinition
from storage.ports import NoSignal
from storage.reads import Reads
from storage.state_manager import StateManager
from tests.crew_runner.harness import RULE, Harness
from tests.crew_runner.queues.transports import ENGINES, Transport, transport
from tests.support.postgres import Server
from tests.support.prefork_server import Forked, PreforkServer
from tests.support.processes import ROOT, clean_environment, wait_until

LEASE = timedelta(seconds=3)


@pytest.fixture(scope="module", params=ENGINES)
def engine_name(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


class QueueHarness(Harness):
    """Queues through an engine's Dispatch; the crew is a program that records its starts."""

    def __init__(self, url: str, queue: Queue, folder: Path) -> None:
        self.url, self.lease, self.folder = url, LEASE, folder
        engine = open_engine(url)
        upgrade(engine, install_queue)
        self.reads = Reads(engine)
        self.state = StateManager(
            engine,
            clock=SystemClock(),
            dispatch=queue,
            signal=NoSignal(),
            lease=LEASE,
            backoff=timedelta(seconds=0.1),
        )

    def program(self, *phases: str, gates: tuple[str, ...] = ()) -> CrewDefinition:
        """`gates`: the phases that end at a checkpoint."""
        return CrewDefinition(
            name="program",
            kind=CrewKind.COMMAND,
            command=("python", str(Path(__file__).with_name("program.py"))),
            env={"STARTED": str(self.folder / "started"), "GO": str(self.folder / "go")},
            phases=tuple(PhaseDefinition(name) for name in phases or ("run",)),
            checkpoints=tuple(
                CheckpointDefinition(f"after_{name}", RULE, after=name) for name in gates
            ),
            rule=RULE,
        )

    def phases_started(self, subject: str) -> list[str]:
        """The started phases of a subject, in order, including repetitions."""
        record = self.folder / "started"
        lines = record.read_text().splitlines() if record.exists() else []
        return [line.split()[1] for line in lines if line.split()[0] == subject]

    def running(self, execution_id: str, subject: str, *, fence: int = 1) -> psutil.Process:
        """The worker with the lease of this fence, once the program has started there."""

        def has_started() -> bool:
            run = self.runs(execution_id)[-1]
            return run.fence == fence and len(self.phases_started(subject)) == fence

        wait_until(
            has_started,
            within=30,
            what="the program starts",
            shown=lambda: self.story(execution_id),
        )
        run = self.runs(execution_id)[-1]
        assert run.lease_owner is not None, self.story(execution_id)
        return psutil.Process(int(run.lease_owner.rsplit("/")[-2]))


class Workers:
    """Processes of tests.crew_runner.queues.worker_process on one database."""

    def __init__(
        self,
        prefork_server: PreforkServer,
        name: str,
        url: str,
        folder: Path,
        *,
        poll: float = 600,
    ) -> None:
        self._launchpad = prefork_server
        self._arguments = [name, url]
        self._poll = poll
        self._folder = folder
        self._started: list[Forked] = []

    def start(self, *, grace: float = 2, poll: float | None = None, slots: int = 4) -> Forked:
        log = self._folder / f"worker{len(self._started)}.log"
        numbers = (LEASE.total_seconds(), grace, poll or self._poll, slots)
        log.touch()
        process = self._launchpad.fork(
            [*self._arguments, *map(str, numbers)],
            program="tests.crew_runner.queues.worker_process",
            environment=clean_environment(),
            folder=ROOT,
            log=log,
        )
        self._started.append(process)
        wait_until(
            lambda: "ready" in log.read_text(), within=60, what="it is ready", shown=log.read_text
        )
        return process

    def two(self) -> list[Forked]:
        """Two running workers, started as needed."""
        while len(self._alive()) < 2:
            self.start()
        return self._alive()

    def none(self) -> None:
        for process in self._alive():
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()

    def logs(self) -> str:
        return "\n".join(log.read_text() for log in sorted(self._folder.glob("worker*.log")))

    def _alive(self) -> list[Forked]:
        return [process for process in self._started if process.poll() is None]


@pytest.fixture(scope="module")
def url(engine_name: str, request: pytest.FixtureRequest, folder_of_engine: Path) -> str:
    if engine_name.endswith("SQLite"):
        return f"sqlite:///{folder_of_engine / 'countersign.db'}"
    server: Server = request.getfixturevalue("server")
    return server.database()


@pytest.fixture(scope="module")
def folder_of_engine(engine_name: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp(engine_name.replace(" ", "-"))


@pytest.fixture(scope="module")
def transported(engine_name: str, url: str) -> Transport:
    return transport(engine_name, url)


@pytest.fixture(scope="module")
def workers(
    prefork_server: PreforkServer,
    engine_name: str,
    url: str,
    transported: Transport,
    folder_of_engine: Path,
) -> Iterator[Workers]:
    workers = Workers(prefork_server, engine_name, url, folder_of_engine, poll=transported.poll)
    yield workers
    workers.none()


@pytest.fixture
def harness(url: str, transported: Transport, tmp_path: Path) -> QueueHarness:
    return QueueHarness(url, transported.queue(), tmp_path)


@pytest.fixture
def ticking(harness: QueueHarness) -> Iterator[None]:
    """The recovery tick, as `serve` runs it."""
    scheduler = Scheduler([Tick("recover", timedelta(seconds=0.5), harness.state.recover)])
    scheduler.start()
    yield
    scheduler.stop()
