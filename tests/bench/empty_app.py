"""A Bolt app that only acknowledges: `python -m tests.bench.empty_app`.

It reads Slack's variables from the environment as the bot does: with SLACK_APP_TOKEN it opens a
socket; without it, it serves on a free port and prints its request URL.
"""

from __future__ import annotations

import logging
import os
import re
import socket
import sys
import threading

import uvicorn
from slack_bolt import Ack, App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_bolt.adapter.starlette import SlackRequestHandler
from slack_sdk import WebClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


def main() -> None:
    quiet = logging.getLogger("empty_app")
    quiet.setLevel(logging.ERROR)
    app = App(
        client=WebClient(os.environ["SLACK_BOT_TOKEN"], base_url=os.environ["SLACK_API_URL"]),
        signing_secret=os.environ["SLACK_SIGNING_SECRET"],
        token_verification_enabled=False,
        logger=quiet,
    )
    app.command("/crew")(_acknowledge)
    app.action(re.compile(".*"))(_acknowledge)
    if "SLACK_APP_TOKEN" in os.environ:
        handler = SocketModeHandler(app, os.environ["SLACK_APP_TOKEN"])
        handler.connect()  # type: ignore[no-untyped-call] # Bolt leaves it untyped
        threading.Event().wait()
    else:
        _serve(app)


def _acknowledge(ack: Ack) -> None:
    ack()


def _serve(app: App) -> None:
    handler = SlackRequestHandler(app)

    async def events(request: Request) -> Response:
        return await handler.handle(request)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        sys.stdout.write(f"http://127.0.0.1:{listening.getsockname()[1]}/slack/events\n")
        sys.stdout.flush()
        routes = [Route("/slack/events", events, methods=["POST"])]
        config = uvicorn.Config(Starlette(routes=routes), log_config=None, access_log=False)
        uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
