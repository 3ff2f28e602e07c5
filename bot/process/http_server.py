"""The HTTP server in a thread of its own, on a socket that is bound before anything starts."""

from __future__ import annotations

import asyncio
import socket
import threading
from datetime import timedelta

import uvicorn
from starlette.types import ASGIApp

_LOOK = 0.01


class HttpServer:
    """Serves `app` on `listening` from `start` to `stop`, which lets requests end for `grace`."""

    def __init__(self, app: ASGIApp, listening: socket.socket, *, grace: timedelta) -> None:
        self._listening = listening
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                lifespan="off",
                ws="none",
                proxy_headers=False,
                timeout_graceful_shutdown=max(1, round(grace.total_seconds())),
            )
        )
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)

    def start(self) -> None:
        """Returns when requests are answered."""
        self._thread.start()
        while not self._server.started:
            self._thread.join(_LOOK)
            if not self._thread.is_alive():
                raise RuntimeError("the HTTP server ended while it started")

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        """Answers what was begun, takes nothing new, returns when that is done or time is up."""
        self._server.should_exit = True
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._listening]))
