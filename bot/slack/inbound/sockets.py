"""Socket Mode: Slack's deliveries over a WebSocket that this side opens.

The SDK's own client needs about twenty seconds, at full load of one core, to notice a connection
that breaks without a close frame. This one notices at once, and if Slack announces that it will
close a connection, the next is opened before that happens.
"""

from __future__ import annotations

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock, Thread
from time import monotonic
from typing import Any, Final

from slack_bolt import App, BoltRequest, BoltResponse
from slack_sdk import WebClient
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import ClientConnection, connect

from bot.slack import slack_errors
from storage.backoff import Backoff

log = logging.getLogger(__name__)

BACKOFF: Final = Backoff(first=0.5, longest=30.0)
OPEN_SECONDS: Final = 10.0
PING_SECONDS: Final = 10.0
CLOSE_SECONDS: Final = 1.0
MAX_BYTES: Final = 16 * 1024 * 1024
HANDLERS: Final = 16
SHORT_LIFE: Final = 2.0
"""A connection that lasts fewer seconds counts as one more failure."""


class _Connection:
    """One connection. `ending` is set once it is closed, or Slack has announced that it will be."""

    def __init__(self, websocket: ClientConnection) -> None:
        self.websocket = websocket
        self.ending = Event()
        self.ready = Event()
        self.opened_at = monotonic()


class SocketClient:
    """Keeps one connection open; passes each delivery to Bolt and sends its answer back."""

    def __init__(
        self, app: App, *, client: WebClient, app_token: str, logger: logging.Logger
    ) -> None:
        """`logger` is for the WebSocket library, which would log the bodies of deliveries."""
        self._app = app
        self._client = client
        self._app_token = app_token
        self._logger = logger
        self._handlers = ThreadPoolExecutor(HANDLERS, thread_name_prefix="slack-delivery-in")
        self._stopping = Event()
        self._lock = Lock()
        self._connections: list[_Connection] = []
        self._keeper = Thread(target=self._keep, name="slack-socket", daemon=True)

    @property
    def connected(self) -> bool:
        """Whether deliveries reach this process now."""
        with self._lock:
            return any(
                connection.ready.is_set() and not connection.ending.is_set()
                for connection in self._connections
            )

    def start(self) -> None:
        """Return at once; connect in the background, and retry until it works."""
        self._keeper.start()

    def stop(self) -> None:
        """Accept no new delivery, acknowledge those in progress, then close."""
        self._stopping.set()
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            connection.ending.set()
        self._handlers.shutdown(wait=True)
        for connection in connections:
            connection.websocket.close()
        if self._keeper.ident is not None:
            self._keeper.join(CLOSE_SECONDS)

    def _keep(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            retry_after = 0.0
            try:
                connection = self._open()
            except (*slack_errors.SLACK_ERRORS, WebSocketException) as error:
                log.warning("slack.not_connected", extra={"error": _error_name(error)})
                failures += 1
                retry_after = _retry_after(error)
            else:
                log.info("slack.connected")
                connection.ending.wait()
                failures = failures + 1 if monotonic() - connection.opened_at < SHORT_LIFE else 0
            if failures:
                self._stopping.wait(max(BACKOFF.after(failures), retry_after))

    def _open(self) -> _Connection:
        answer = self._client.apps_connections_open(app_token=self._app_token)
        websocket = connect(
            str(answer["url"]),
            open_timeout=OPEN_SECONDS,
            ping_interval=PING_SECONDS,
            ping_timeout=PING_SECONDS,
            close_timeout=CLOSE_SECONDS,
            max_size=MAX_BYTES,
            logger=self._logger,
            legacy=True,
        )
        connection = _Connection(websocket)
        with self._lock:
            self._connections.append(connection)
        Thread(target=self._read, args=(connection,), name="slack-socket-read", daemon=True).start()
        return connection

    def _read(self, connection: _Connection) -> None:
        """Read until the connection closes: deliveries may arrive even after the announcement."""
        try:
            while True:
                self._handle(connection, connection.websocket.recv())
        except ConnectionClosed as error:
            log.info("slack.connection_gone", extra={"error": type(error).__name__})
        except ValueError:
            log.warning("slack.connection_gone", extra={"error": "not_json"})
            connection.websocket.close()
        finally:
            connection.ending.set()
            with self._lock:
                self._connections.remove(connection)

    def _handle(self, connection: _Connection, message: str | bytes) -> None:
        envelope = json.loads(message)
        match envelope.get("type"):
            case "hello":
                connection.ready.set()
            case "disconnect":
                log.info("slack.connection_goes", extra={"reason": str(envelope.get("reason"))})
                connection.ending.set()
            case _ if "envelope_id" in envelope and not self._stopping.is_set():
                self._handlers.submit(self._deliver, connection, envelope)
            case _:
                pass

    def _deliver(self, connection: _Connection, envelope: dict[str, Any]) -> None:
        headers = {}
        if envelope.get("retry_attempt") is not None:
            headers["x-slack-retry-num"] = str(envelope["retry_attempt"])
            headers["x-slack-retry-reason"] = str(envelope.get("retry_reason") or "")
        answer = self._app.dispatch(
            BoltRequest(
                mode="socket_mode", body=envelope.get("payload") or {}, headers=dict(headers)
            )
        )
        if answer.status != 200:
            return
        try:
            connection.websocket.send(json.dumps(_acknowledgement(envelope, answer)))
        except ConnectionClosed:
            log.warning("slack.acknowledgement_lost")


def _acknowledgement(envelope: dict[str, Any], answer: BoltResponse) -> dict[str, Any]:
    message: dict[str, Any] = {"envelope_id": envelope["envelope_id"]}
    if answer.body:
        is_json = answer.first_headers().get("content-type", "").startswith("application/json")
        message["payload"] = json.loads(answer.body) if is_json else {"text": answer.body}
    return message


def _retry_after(error: Exception) -> float:
    """Seconds that Slack asks to wait before the next call; 0 if it does not say."""
    if isinstance(error, WebSocketException):
        return 0.0
    return slack_errors.classify(error).retry_after or 0.0


def _error_name(error: Exception) -> str:
    if isinstance(error, WebSocketException):
        return type(error).__name__
    return slack_errors.classify(error).error
