"""Servers for the peers' data, configured to lose nothing that was acknowledged."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.processes import wait_until


class DurableRedis:
    """A Redis in its own folder, on a socket in it and on no port, which flushes every write."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="redis-"))
        self.socket = self._folder / "socket"

    def __enter__(self) -> Self:
        words = ["redis-server", "--port", "0", "--unixsocket", str(self.socket)]
        words += ["--appendonly", "yes", "--appendfsync", "always", "--save", ""]
        log = self._folder / "log"
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [*words, "--dir", str(self._folder)], stdout=output, stderr=output
            )
        wait_until(self.socket.exists, within=20, what="Redis is there", shown=log.read_text)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)
