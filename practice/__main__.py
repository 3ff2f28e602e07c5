"""`python -m practice`: the workspace alone, for a bot that is started elsewhere."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
from pathlib import Path

from practice.manifest import installed
from practice.practice import Practice
from practice.seed import practice_app, practice_team
from practice.server import NotLoopback, bound_socket, web_server
from practice.store import Store

MANIFEST = Path("manifest.yml")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m practice", description="A local Slack workspace to practise in."
    )
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address")
    parser.add_argument("--port", type=int, default=0, help="0 (the default) takes a free one")
    parser.add_argument("--state", type=Path, help="keep the workspace in this file")
    parser.add_argument("--push", metavar="URL", help="deliver by signed HTTP to this URL")
    parser.add_argument(
        "--manifest",
        type=Path,
        default=MANIFEST if MANIFEST.exists() else None,
        help=f"install the app from this manifest ({MANIFEST} where there is one)",
    )
    given = parser.parse_args(arguments)
    app = installed(given.manifest) if given.manifest else practice_app()
    practice = Practice(practice_team(app=app))
    store = Store(given.state) if given.state else None
    if store is not None:
        store.attach(practice.workspace)
    practice.reach_by_http(given.push)
    try:
        listening = bound_socket(given.host, given.port)
    except (NotLoopback, OSError) as wrong:
        sys.stderr.write(f"The workspace cannot be served: {wrong}\n")
        return 2
    server = web_server(practice, listening)
    sys.stdout.write(
        f"The workspace is at {practice.base_url}\n"
        f"Point a bot at it with SLACK_API_URL={practice.base_url}/api/"
        f" SLACK_BOT_TOKEN={app.bot_token} SLACK_SIGNING_SECRET={app.signing_secret}"
        f" SLACK_APP_TOKEN={app.app_token}\n"
    )
    sys.stdout.flush()
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn hands Ctrl-C on when it is done
        asyncio.run(server.serve(sockets=[listening]))
    if store is not None:
        store.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
