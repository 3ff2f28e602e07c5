"""Socket Mode: what people do, delivered over a WebSocket that this side opens.

The SDK's own client notices a connection that breaks without a word only after some twenty
seconds, in which it turns a processor core; this one notices at once, and when Slack announces
that a connection will go, it opens the next before the last has gone.
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
MOST_BYTES: Final = 16 * 1024 * 1024
HANDLERS: Final = 16
SHORT_LIFE: Final = 2.0


class _Link:
    """One connection. `over` is set when a next one is needed: announced, or closed."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.over = Event()
        self.ready = Event()
        self.opened = monotonic()


class Sockets:
    """Keeps one connection; hands each delivery to Bolt and takes its answer back."""

    def __init__(
        self, app: App, *, client: WebClient, app_token: str, logger: logging.Logger
    ) -> None:
        """`logger` is for the library, which writes whatever passes into it."""
        self._app = app
        self._client = client
        self._app_token = app_token
        self._logger = logger
        self._handlers = ThreadPoolExecutor(HANDLERS, thread_name_prefix="slack-delivery-in")
        self._stopping = Event()
        self._lock = Lock()
        self._links: list[_Link] = []
        self._keeper = Thread(target=self._keep, name="slack-socket", daemon=True)

    @property
    def connected(self) -> bool:
        """Whether a delivery would reach this process now."""
        with self._lock:
            return any(link.ready.is_set() and not link.over.is_set() for link in self._links)

    def start(self) -> None:
        """Returns at once; connects in the background, again and again until it works."""
        self._keeper.start()

    def stop(self) -> None:
        """Take nothing new, acknowledge what was begun, then close."""
        self._stopping.set()
        with self._lock:
            links = list(self._links)
        for link in links:
            link.over.set()
        self._handlers.shutdown(wait=True)
        for link in links:
            link.connection.close()
        if self._keeper.ident is not None:
            self._keeper.join(CLOSE_SECONDS)

    def _keep(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            asked_for = 0.0
            try:
                link = self._open()
            except (*slack_errors.FAULTS, WebSocketException) as trouble:
                log.warning("slack.not_connected", extra={"error": _named(trouble)})
                failures += 1
                asked_for = _rest(trouble)
            else:
                log.info("slack.connected")
                link.over.wait()
                failures = failures + 1 if monotonic() - link.opened < SHORT_LIFE else 0
            if failures:
                self._stopping.wait(max(BACKOFF.after(failures), asked_for))

    def _open(self) -> _Link:
        answer = self._client.apps_connections_open(app_token=self._app_token)
        connection = connect(
            str(answer["url"]),
            open_timeout=OPEN_SECONDS,
            ping_interval=PING_SECONDS,
            ping_timeout=PING_SECONDS,
            close_timeout=CLOSE_SECONDS,
            max_size=MOST_BYTES,
            logger=self._logger,
            legacy=True,
        )
        link = _Link(connection)
        with self._lock:
            self._links.append(link)
        Thread(target=self._read, args=(link,), name="slack-socket-read", daemon=True).start()
        return link

    def _read(self, link: _Link) -> None:
        """Until the connection closes; also after it was announced, for what is on its way."""
        try:
            while True:
                self._take(link, link.connection.recv())
        except ConnectionClosed as closed:
            log.info("slack.connection_gone", extra={"error": type(closed).__name__})
        except ValueError:
            log.warning("slack.connection_gone", extra={"error": "not_json"})
            link.connection.close()
        finally:
            link.over.set()
            with self._lock:
                self._links.remove(link)

    def _take(self, link: _Link, said: str | bytes) -> None:
        envelope = json.loads(said)
        match envelope.get("type"):
            case "hello":
                link.ready.set()
            case "disconnect":
                log.info("slack.connection_goes", extra={"reason": str(envelope.get("reason"))})
                link.over.set()
            case _ if "envelope_id" in envelope and not self._stopping.is_set():
                self._handlers.submit(self._deliver, link, envelope)
            case _:
                pass

    def _deliver(self, link: _Link, envelope: dict[str, Any]) -> None:
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
            link.connection.send(json.dumps(_acknowledgement(envelope, answer)))
        except ConnectionClosed:
            log.warning("slack.acknowledgement_lost")


def _acknowledgement(envelope: dict[str, Any], answer: BoltResponse) -> dict[str, Any]:
    said: dict[str, Any] = {"envelope_id": envelope["envelope_id"]}
    if answer.body:
        is_json = answer.first_headers().get("content-type", "").startswith("application/json")
        said["payload"] = json.loads(answer.body) if is_json else {"text": answer.body}
    return said


def _rest(trouble: Exception) -> float:
    """The seconds for which Slack wants no further call, if it says so."""
    if isinstance(trouble, WebSocketException):
        return 0.0
    return slack_errors.of(trouble).wait or 0.0


def _named(trouble: Exception) -> str:
    if isinstance(trouble, WebSocketException):
        return type(trouble).__name__
    return slack_errors.of(trouble).error
