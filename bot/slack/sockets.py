"""Socket Mode that comes up when Slack does: the first connection is tried until it stands."""

from __future__ import annotations

import logging
from contextlib import suppress
from http.client import HTTPException
from socket import SHUT_RDWR
from threading import Event, Thread
from typing import Final

from slack_bolt import App
from slack_bolt.adapter.socket_mode.builtin import SocketModeHandler
from slack_sdk import WebClient
from slack_sdk.errors import SlackClientError

log = logging.getLogger(__name__)

FIRST_WAIT: Final = 0.5
MOST_WAIT: Final = 30.0
WATCH_SECONDS: Final = 5.0


class Sockets:
    """One connection at a time. The client renews it; this begins it, and begins it again where
    the client gave up."""

    def __init__(
        self, app: App, *, client: WebClient, app_token: str, logger: logging.Logger
    ) -> None:
        self._handler = SocketModeHandler(
            app,
            app_token,
            logger=logger,
            web_client=client,
            ping_interval=5,
            receive_buffer_size=64 * 1024,
            concurrency=16,
        )
        self._stopping = Event()
        self._thread = Thread(target=self._keep, name="slack-socket", daemon=True)

    @property
    def connected(self) -> bool:
        return self._handler.client.is_connected()

    def start(self) -> None:
        """Returns at once; connects in the background."""
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """Take nothing new, acknowledge what was begun, then close."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(seconds)
        client = self._handler.client
        client.auto_reconnect_enabled = False
        client.current_session_state.terminated = True
        client.message_workers.shutdown(wait=True, cancel_futures=True)
        self._end_waiting_read()
        client.close()

    def _end_waiting_read(self) -> None:
        """Closing waits for a read to end, which takes seconds unless the socket is shut down."""
        session = self._handler.client.current_session
        open_socket = session.sock if session is not None else None
        if open_socket is not None:
            with suppress(OSError):
                open_socket.shutdown(SHUT_RDWR)

    def _keep(self) -> None:
        wait = FIRST_WAIT
        while not self._stopping.is_set():
            try:
                self._handler.client.wss_uri = None
                self._handler.client.connect()
            except (SlackClientError, HTTPException, OSError, ValueError) as trouble:
                log.warning("slack.not_connected", extra={"error": type(trouble).__name__})
                self._stopping.wait(wait)
                wait = min(MOST_WAIT, wait * 2)
            else:
                log.info("slack.connected")
                return
