"""A Redis of the tests' own, in a folder, on a socket in it and on no port."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.processes import wait_until


class Broker:
    """It keeps nothing over a stop."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="redis-"))
        self._socket = self._folder / "socket"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """As Celery takes it."""
        return f"redis+socket://{self._socket}"

    def start(self) -> None:
        assert redis_server(), "Redis is not installed: apt-get install redis-server"
        words = ["redis-server", "--port", "0", "--unixsocket", str(self._socket), "--save", ""]
        log = self._folder / "log"
        with log.open("wb") as told:
            self._process = subprocess.Popen(
                [*words, "--dir", str(self._folder)], stdout=told, stderr=told
            )
        wait_until(self._socket.exists, within=20, what="Redis is there", shown=log.read_text)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._socket.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        shutil.rmtree(self._folder)


def redis_server() -> str | None:
    """Where the program is, if it is there."""
    return shutil.which("redis-server")
