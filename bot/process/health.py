"""Liveness and readiness of a process, for Kubernetes, load balancers and monitoring.

GET /health answers 503 if the process is stuck and must be restarted. GET /ready answers 503 while
the process starts or stops, and while the database is unreachable. GET /metrics is for Prometheus.
Nothing of a run is served, so the port may be open to other machines of the operator.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from bot.metrics.exposition import METRICS_TYPE
from bot.process.listening import CannotBindError

_REQUEST_TIMEOUT: Final = 5.0
_POLL_INTERVAL: Final = 0.1

Check = Callable[[], bool]
Exposition = Callable[[], bytes]


class HealthServer:
    """Serves from construction until `stop`. `port` 0 picks a free one.

    Raises CannotBindError.
    """

    def __init__(
        self, role: str, *, port: int, alive: Check, ready: Check, metrics: Exposition
    ) -> None:
        class Handler(BaseHTTPRequestHandler):
            timeout = _REQUEST_TIMEOUT

            def do_GET(self) -> None:
                if self.path == "/metrics":
                    self._send(200, METRICS_TYPE, metrics())
                    return
                checks = {"/health": ("healthy", alive), "/ready": ("ready", ready)}
                status, check = checks.get(self.path, ("", None))
                if check is None:
                    self._respond(404, {"detail": "there are /health, /ready and /metrics"})
                elif check():
                    self._respond(200, {"status": status, "role": role})
                else:
                    self._respond(503, {"status": f"not {status}", "role": role})

            def _respond(self, code: int, fields: dict[str, str]) -> None:
                self._send(code, "application/json", json.dumps(fields).encode())

            def _send(self, code: int, content_type: str, body: bytes) -> None:
                self.send_response(code)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # the base class's name
                """Probes come every few seconds and are not worth a line."""

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
            target=self._server.serve_forever, args=(_POLL_INTERVAL,), name="health", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _listen(port: int) -> socket.socket:
    """A socket on all addresses, IPv4 and IPv6 if the machine supports both."""
    if socket.has_dualstack_ipv6():
        return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server(("", port))
