"""The HTTP server, in a thread of its own, on a socket that is already bound."""

from __future__ import annotations

import asyncio
import socket
import threading
from datetime import timedelta

import uvicorn
from starlette.types import ASGIApp

_POLL_INTERVAL = 0.01


class HttpServer:
    """Serves `app` on the socket `listening`. `stop` gives open requests `grace` to finish."""

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
        """Start serving. Returns when requests are answered."""
        self._thread.start()
        while not self._server.started:
            self._thread.join(_POLL_INTERVAL)
            if not self._thread.is_alive():
                raise RuntimeError("the HTTP server stopped while it started")

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        """Finish open requests and accept no new ones. Returns when done or after `grace`."""
        self._server.should_exit = True
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._listening]))
