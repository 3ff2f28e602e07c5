"""Serves a test's workspace, connects to it, and waits for conditions in it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, TypeVar

from practice.manifest import installed
from practice.practice import Practice
from practice.seed import practice_team
from practice.server import Running, serve
from practice.state.changes import Change, NoticeShown
from tests.support.faults import PlannedFaults
from tests.support.transcript import transcript

T = TypeVar("T")
Mode = Literal["socket", "http"]


class ServedWorkspace:
    """The served workspace; `tests.support.workspace` says how to use it."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.time,
        manifest: Path | None = None,
        practice: Practice | None = None,
    ) -> None:
        app = installed(manifest) if manifest else None
        self.practice = practice or Practice(practice_team(app=app, clock=clock), clock=clock)
        self._stack = ExitStack()
        self._running: Running | None = None
        self._notices: list[NoticeShown] = []
        self.practice.workspace.listeners.append(self._on_change)
        self.faults = PlannedFaults(self.practice, self.call)

    def __enter__(self) -> Self:
        self._running = self._stack.enter_context(serve(self.practice))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    @property
    def url(self) -> str:
        """The URL of the page; `url + "/api/"` is the Web API."""
        return self._live.url

    def env(self, mode: Mode = "socket") -> dict[str, str]:
        """The environment that points a bot at this workspace.

        For "http" also call `reach_by_http` with the address of the bot's own server.
        """
        app = self.practice.workspace.app
        environment = {
            "SLACK_API_URL": f"{self.url}/api/",
            "SLACK_BOT_TOKEN": app.bot_token,
            "SLACK_SIGNING_SECRET": app.signing_secret,
        }
        if mode == "socket":
            environment["SLACK_APP_TOKEN"] = app.app_token
        return environment

    def reach_by_http(self, request_url: str | None) -> None:
        """Deliver by signed POST to this URL from now on; None goes back to sockets."""
        self.call(lambda: self.practice.reach_by_http(request_url))

    def verify_request_url(self) -> bool:
        """Whether the bot answers Slack's handshake for its request URL."""
        return self._live.wait(self.practice.push.verify())

    def wait_until_connected(self, timeout: float = 15.0) -> None:
        """Wait until the bot has an open socket (or, over HTTP, an address)."""
        self.wait_for(
            lambda: self.practice.deliveries.transport.connected,
            timeout,
            what="the bot to connect",
        )

    def call(self, act: Callable[[], T]) -> T:
        """Run a function in the server's event loop, where its state may be changed."""
        return self._live.call(act)

    def wait_for(
        self, condition: Callable[[], T | bool | None], timeout: float = 10.0, *, what: str = ""
    ) -> T:
        """Poll until the condition returns something true, and return that."""
        deadline = time.monotonic() + timeout
        while not (value := condition()):
            if time.monotonic() > deadline:
                waited = f"waited {timeout:g} s for {what or 'something that did not come'}"
                raise AssertionError(f"{waited}\n\n{self.transcript()}")
            time.sleep(0.01)
        return value  # type: ignore[return-value] # what is true is no bool where T is wanted

    def transcript(self) -> str:
        """All conversations so far, as text."""
        return self.call(lambda: transcript(self.practice))

    @property
    def _live(self) -> Running:
        assert self._running is not None, "open the workspace with `with` first"
        return self._running

    def _on_change(self, change: Change) -> None:
        if isinstance(change, NoticeShown):
            self._notices.append(change)
