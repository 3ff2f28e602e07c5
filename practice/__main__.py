"""`python -m practice`: serves a workspace for an app that runs elsewhere."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
from pathlib import Path

from practice.manifest import BadManifest, installed
from practice.practice import Practice
from practice.seed import practice_app, practice_team
from practice.server import NotLoopback, bound_socket, web_server
from practice.state.records import App
from practice.state.store import Store

MANIFEST = Path("manifest.yml")


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        app = installed(options.manifest) if options.manifest else practice_app()
    except BadManifest as error:
        return _failed(f"The app cannot be installed: {error}")
    practice = Practice(practice_team(app=app))
    store = Store(options.state) if options.state else None
    if store is not None:
        store.attach(practice.workspace)
    practice.reach_by_http(options.push)
    try:
        listening = bound_socket(options.host, options.port)
    except (NotLoopback, OSError) as error:
        return _failed(f"The workspace cannot be served: {error}")
    server = web_server(practice, listening)
    sys.stdout.write(_banner(practice.base_url, app))
    sys.stdout.flush()
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises it again after Ctrl-C
        asyncio.run(server.serve(sockets=[listening]))
    if store is not None:
        store.close()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m practice", description="A local Slack workspace for any Bolt app."
    )
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address")
    parser.add_argument(
        "--port", type=int, default=0, help="the port; 0, the default, picks a free one"
    )
    parser.add_argument("--state", type=Path, help="keep the workspace in this file")
    parser.add_argument(
        "--push", metavar="URL", help="deliver by signed HTTP to this URL, not by Socket Mode"
    )
    parser.add_argument(
        "--manifest",
        type=Path,
        default=MANIFEST if MANIFEST.exists() else None,
        help=f"install the app from this Slack manifest; default: {MANIFEST}, if it exists",
    )
    return parser


def _banner(url: str, app: App) -> str:
    return (
        f"The workspace is at {url}\n"
        f"Start the app with SLACK_API_URL={url}/api/"
        f" SLACK_BOT_TOKEN={app.bot_token} SLACK_SIGNING_SECRET={app.signing_secret}"
        f" SLACK_APP_TOKEN={app.app_token}\n"
    )


def _failed(message: str) -> int:
    sys.stderr.write(f"{message}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main())
