"""The kinds of sieges, each with all that it needs around it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.chaos.siege.calls import OF_A_FILE, OF_A_SERVER, Calls
from tests.chaos.siege.disk import DiskTrouble, small_disk
from tests.chaos.siege.injection import strace
from tests.chaos.siege.kills import Kills
from tests.chaos.siege.server import CONNECTIONS, POOL, ServerTrouble
from tests.chaos.siege.shifts import COMMANDS, Shifts
from tests.chaos.siege.siege import Report, Siege
from tests.support.postgres import Server
from tests.support.prefork_server import PreforkServer as Launchpad

DATABASES: Final = ("sqlite", "postgresql")
PASSWORD: Final = "a-password-that-no-log-may-show"
LATE: Final = 12.0
"""How long the program of a worker that stood still may go on when its phase is another's."""


@contextmanager
def _database(name: str, folder: Path, *, durable: bool = False) -> Iterator[str]:
    """A new one, and its URL."""
    if name == "sqlite":
        yield f"sqlite:///{folder / 'countersign.db'}"
        return
    with Server(durable=durable) as server:
        yield with_password(server.database())


def with_password(url: str) -> str:
    """The tests' servers ask for none; a log that shows it shows anybody's."""
    return url.replace("postgres@", f"postgres:{PASSWORD}@")


def kills(launchpad: Launchpad, folder: Path, *, database: str, times: int, seed: int) -> Report:
    """Random kills of random processes."""
    with (
        _database(database, folder) as url,
        Siege(launchpad, folder, database=url, seed=seed) as siege,
    ):
        return siege.endure(Kills(times))


def workers(launchpad: Launchpad, folder: Path, *, database: str, times: int, seed: int) -> Report:
    """Four workers, one killed every two seconds, some stopped past their lease and continued."""
    with (
        _database(database, folder) as url,
        Siege(launchpad, folder, database=url, commands=COMMANDS, seed=seed, lag=LATE) as siege,
    ):
        report = siege.endure(Shifts(times))
    if not siege.counts["refused by the fence"]:
        report.wrong.append("no write of a worker that had stood still was refused by the fence")
    return report


def server(launchpad: Launchpad, folder: Path, *, database: str, times: int, seed: int) -> Report:
    """PostgreSQL restarted, crashed, cut off, used up, locked."""
    assert database == "postgresql", "there is no server to trouble"
    with Server(durable=True, max_connections=CONNECTIONS) as postgres:
        url = with_password(postgres.database())
        with Siege(launchpad, folder, database=url, seed=seed, mode="http", env=POOL) as siege:
            return siege.endure(ServerTrouble(postgres, times))


def disk(launchpad: Launchpad, folder: Path, *, database: str, times: int, seed: int) -> Report:
    """SQLite's file locked, its disk full, its disk failing."""
    assert database == "sqlite", "PostgreSQL has its own disk"
    assert os.geteuid() == 0, "a disk is mounted for it: only root may"
    assert strace() is not None, "strace is not installed: apt-get install strace"
    with small_disk(folder / "disk") as small:
        file = small / "countersign.db"
        with Siege(
            launchpad, folder, database=f"sqlite:///{file}", seed=seed, mode="http"
        ) as siege:
            return siege.endure(DiskTrouble(file, times))


def calls(
    launchpad: Launchpad,
    folder: Path,
    *,
    database: str,
    times: int,
    seed: int,
    ns: Sequence[int] | None = None,
) -> Report:
    """Ended at the Nth fsync, write and send, for every N up to `times`, or for these."""
    assert strace() is not None, "strace is not installed: apt-get install strace"
    with (
        _database(database, folder) as url,
        Siege(launchpad, folder, database=url, seed=seed) as siege,
    ):
        file = folder / "countersign.db"
        on_file = database == "sqlite"
        return siege.endure(
            Calls(
                OF_A_FILE if on_file else OF_A_SERVER,
                ns=ns or range(1, times + 1),
                files=(file, file.with_name(f"{file.name}-wal")) if on_file else (),
            )
        )


Besiege = Callable[..., Report]

SIEGES: Final[dict[str, tuple[Besiege, tuple[str, ...]]]] = {
    "kills": (kills, DATABASES),
    "workers": (workers, ("postgresql",)),
    "server": (server, ("postgresql",)),
    "disk": (disk, ("sqlite",)),
    "calls": (calls, DATABASES),
}
"""With the databases that each is made for."""
