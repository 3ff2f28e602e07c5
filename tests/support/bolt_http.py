"""A Bolt app behind a small web server, for deliveries over signed HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from slack_bolt import App, BoltRequest

from tests.support.workspace import Workspace


@contextmanager
def reached_by_http(app: App, workspace: Workspace) -> Iterator[str]:
    """Serve this app on a free port and let the workspace deliver there. Yields its URL."""

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            request = BoltRequest(body=body, headers=dict(self.headers.items()))
            answer = app.dispatch(request)
            content = (answer.body or "").encode()
            self.send_response(answer.status)
            for name, values in answer.headers.items():
                self.send_header(name, values[0])
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *_arguments: object) -> None:
            del format

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}/slack/events"
    workspace.reach_by_http(url)
    try:
        yield url
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
