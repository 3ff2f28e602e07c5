"""A PostgreSQL server for tests, in its own folder, on a socket in it and on no port.

with Server(folder) as server:
    engine = open_engine(server.database())     # a new, empty database each time
    server.stop(); server.start()               # a restart
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from sqlalchemy import create_engine, text

OWNER: Final = "postgres"
"""PostgreSQL refuses to run as root; Debian's package creates this user."""

_FAST: Final = ("fsync=off", "full_page_writes=off", "synchronous_commit=off")


class Server:
    """`durable`: flush commits, as in production. Tests rarely need it."""

    def __init__(self, *, durable: bool = False, **settings: object) -> None:
        folder = programs()
        assert folder is not None, "PostgreSQL is not installed: apt-get install postgresql"
        self._programs = folder
        self._folder = Path(tempfile.mkdtemp(prefix="pg-"))
        self._settings = [f"{name}={value}" for name, value in settings.items()]
        self._settings += [] if durable else _FAST
        self._names = count(1)

    def __enter__(self) -> Self:
        self._folder.chmod(0o755)
        if os.geteuid() == 0:
            owner = pwd.getpwnam(OWNER)
            os.chown(self._folder, owner.pw_uid, owner.pw_gid)
        self._run("initdb", "-D", self._data, "-U", OWNER, "-A", "trust", "-E", "UTF8", "-N")
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop(mode="immediate")
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self) -> None:
        settings = [f"unix_socket_directories={self._folder}", "listen_addresses="]
        options = " ".join(f"-c {setting}" for setting in [*settings, *self._settings])
        log = str(self._folder / "log")
        self._run("pg_ctl", "-D", self._data, "-l", log, "-o", options, "-w", "-t", "60", "start")

    def stop(self, *, mode: str = "fast") -> None:
        """`immediate` is a crash: the server recovers from its log at the next start."""
        self._run("pg_ctl", "-D", self._data, "-m", mode, "-w", "-t", "60", "stop")

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://{OWNER}@/{database}?host={self._folder}"

    def database(self, *, like: str = "template1") -> str:
        """The URL of a new database, a copy of the one named."""
        name = f"test_{next(self._names)}"
        self.tell(f'CREATE DATABASE "{name}" TEMPLATE "{like}"')
        return self.url(name)

    def tell(self, statement: str) -> None:
        """Run a statement that concerns the whole server."""
        engine = create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                connection.execute(text(statement))
        finally:
            engine.dispose()

    @property
    def _data(self) -> str:
        return str(self._folder / "data")

    def _run(self, program: str, *arguments: str) -> None:
        ran = subprocess.run(
            [str(self._programs / program), *arguments],
            cwd=self._folder,
            user=OWNER if os.geteuid() == 0 else None,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if program == "initdb" else subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            check=False,
        )
        log = self._folder / "log"
        report = (ran.stdout or b"").decode() + (log.read_text() if log.exists() else "")
        assert ran.returncode == 0, f"{program} failed:\n{report}"


def programs() -> Path | None:
    """The folder of PostgreSQL's programs: Debian has one per version, outside the PATH."""
    initdbs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=_version)
    on_path = shutil.which("initdb")
    if initdbs:
        return initdbs[-1].parent
    return None if on_path is None else Path(on_path).parent


def _version(program: Path) -> int:
    return int(program.parts[-3])
