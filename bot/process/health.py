"""Whether a process lives and works, for Kubernetes, load balancers and whoever watches over it.

GET /health says whether the process moves: 503 means that only a new start helps. GET /ready says
whether it can do its work now: 503 while it starts or ends, and while the database is away. There
is nothing else here, so the port may be seen from other machines.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from bot.process.listening import CannotBindError

_PATIENCE: Final = 5.0
_LOOK: Final = 0.1

Check = Callable[[], bool]


class HealthServer:
    """Listens as soon as it is made; raises CannotBindError. `port` 0 picks a free one."""

    def __init__(self, role: str, *, port: int, alive: Check, ready: Check) -> None:
        class Handler(BaseHTTPRequestHandler):
            timeout = _PATIENCE

            def do_GET(self) -> None:
                checks = {"/health": ("healthy", alive), "/ready": ("ready", ready)}
                word, holds = checks.get(self.path, ("", None))
                if holds is None:
                    self._answer(404, {"detail": "there are /health and /ready"})
                elif holds():
                    self._answer(200, {"status": word, "role": role})
                else:
                    self._answer(503, {"status": f"not {word}", "role": role})

            def _answer(self, code: int, said: dict[str, str]) -> None:
                body = json.dumps(said).encode()
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # its name there
                """A probe every few seconds is no news."""

        try:
            listening = _listen(port)
        except OSError as error:
            raise CannotBindError("all addresses", port, error.strerror or str(error)) from error
        self.port: int = listening.getsockname()[1]
        self._server = ThreadingHTTPServer(("", port), Handler, bind_and_activate=False)
        self._server.socket.close()
        self._server.socket = listening
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_LOOK,), name="health", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _listen(port: int) -> socket.socket:
    """On all addresses, of both families where the machine has them."""
    if socket.has_dualstack_ipv6():
        return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server(("", port))
