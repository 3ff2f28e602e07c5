"""Failpoints: places at which a bot can be made to die, put around the product from outside.

There is one before and after each commit that changed something, each call that changes something
in Slack, and each acknowledgement. Names say what is done to what:
"before commit phase_done draft", "after call chat.postMessage checkpoint", "before ack command".

`tests.support.failpoint_files` names the files through which a test controls this.
"""

from __future__ import annotations

import functools
import os
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, NoReturn

import psutil
import psycopg
from slack_bolt import App
from slack_sdk import WebClient
from slack_sdk.webhook import WebhookClient
from sqlalchemy import Connection, event
from sqlalchemy.pool import Pool
from websockets.sync.client import ClientConnection

import bot.bootstrap
from storage.db.database import upgrade
from storage.decisions import Decision
from storage.messages import OutboxRow
from storage.outbox.outbox import Outbox
from storage.records import Claim
from storage.state_manager import StateManager
from tests.support.failpoint_files import ARMED, KILLED, PASSED

READING: Final = frozenset(
    {
        "api.test",
        "apps.connections.open",
        "auth.test",
        "bots.info",
        "conversations.history",
        "conversations.info",
        "conversations.list",
        "conversations.members",
        "conversations.open",
        "conversations.replies",
        "files.info",
        "usergroups.list",
        "usergroups.users.list",
        "users.conversations",
        "users.info",
        "users.list",
    }
)
"""Methods that change nothing that people see."""

TIMED: Final = frozenset({"heartbeat", "progress", "release"})
"""Use cases whose subject depends on timing, so that their failpoints do not name it."""

DEFINING: Final = frozenset({"ALTER", "CREATE", "DROP"})
CHANGING: Final = frozenset({"DELETE", "INSERT", "UPDATE"})
"""PostgreSQL's command tags of statements after which there may be something to commit."""

Method = Callable[..., Any]

Describe = Callable[[Any], str]
"""Describes what a use case is about to commit, given the connection that it writes to."""


class Failpoints:
    """Records each failpoint that is passed, and dies at the armed one."""

    def __init__(self, folder: Path) -> None:
        flags = os.O_APPEND | os.O_CREAT | os.O_WRONLY
        self._passed = os.open(folder / PASSED, flags)
        self._armed = folder / ARMED

    def pass_by(self, point: str) -> None:
        os.write(self._passed, f"{threading.get_ident()} {point}\n".encode())
        with suppress(FileNotFoundError):
            if self._armed.read_text() == point:
                self._armed.rename(self._armed.with_name(KILLED))
                kill_everything()

    @contextmanager
    def around(self, what: str) -> Iterator[None]:
        self.pass_by(f"before {what}")
        yield
        self.pass_by(f"after {what}")


def kill_everything() -> NoReturn:
    """Send SIGKILL to all descendants of this process and to itself."""
    family = [process.pid for process in psutil.Process().children(recursive=True)]
    for pid in [*family, os.getpid()]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    while True:
        signal.pause()


class _Doing(threading.local):
    """What this thread is doing."""

    description: Describe | None = None
    changes = 0
    changes_of_servers = 0
    delivery = ""


def install(folder: Path) -> None:
    """Put failpoints around this process's commits, calls and acknowledgements."""
    failpoints, doing = Failpoints(folder), _Doing()
    for kind in (StateManager, Outbox):
        for name, method in vars(kind).items():
            if callable(method) and not name.startswith("_"):
                setattr(kind, name, _named(method, doing))
    setattr(bot.bootstrap, "upgrade", _named(upgrade, doing))  # noqa: B010  # imported there
    _watch_commits(failpoints, doing)
    _watch_calls(failpoints)
    _watch_acks(failpoints, doing)


# --- commits ------------------------------------------------------------------------------------


def _named(use_case: Callable[..., Any], doing: _Doing) -> Callable[..., Any]:
    """Record the use case while it runs; one inside another is not recorded."""

    @functools.wraps(use_case)
    def run_named(*arguments: Any, **named: Any) -> Any:
        if doing.description is not None:
            return use_case(*arguments, **named)
        doing.description = _what(use_case.__name__, arguments[1:], named)
        try:
            return use_case(*arguments, **named)
        finally:
            doing.description = None

    return run_named


def _what(name: str, arguments: tuple[object, ...], named: Mapping[str, object]) -> Describe:
    about = arguments[0] if arguments and name not in TIMED else None
    match about:
        case Claim():
            return lambda _: f"{name} {about.run.phase}"
        case Decision():
            return lambda _: f"{name} {about.action}"
        case OutboxRow():
            return lambda _: f"{name} {about.kind}"
    if name == "take":
        return lambda connection: f"take {_newest_hold(connection, str(named['owner']))}"
    return lambda _: name


def _newest_hold(connection: Any, owner: str) -> str:
    """`connection` is the pool's, for either database."""
    value = "?" if isinstance(connection.dbapi_connection, sqlite3.Connection) else "%s"
    query = f"SELECT kind, state FROM outbox WHERE lease_owner = {value} ORDER BY lease_until"
    kind, state = connection.execute(query, (owner,)).fetchall()[-1]
    return f"{kind} to update" if state == "posted" else str(kind)


def _watch_commits(failpoints: Failpoints, doing: _Doing) -> None:
    """Count only commits that changed something: taking a lock changes nothing."""

    def checked_out(connection: Any, *_others: object) -> None:
        doing.changes = _changes(connection, doing)

    _count_changes_of_servers(doing)
    event.listen(Pool, "checkout", checked_out)
    commit = Connection.commit

    def watched(connection: Connection) -> None:
        below: Any = connection.connection
        if _changes(below.dbapi_connection, doing) == doing.changes:
            commit(connection)
            return
        with failpoints.around(
            f"commit {doing.description(below) if doing.description else 'of no use case'}"
        ):
            commit(connection)

    setattr(Connection, "commit", watched)  # noqa: B010  # mypy: a method is assigned


def _changes(connection: Any, doing: _Doing) -> int:
    """How many rows and tables were changed so far."""
    if isinstance(connection, sqlite3.Connection):
        return connection.total_changes
    return doing.changes_of_servers


def _count_changes_of_servers(doing: _Doing) -> None:
    """Count changes on PostgreSQL by each statement's result; SQLite counts by itself.

    Within a pipeline there is no result yet, so every changing statement counts.
    """

    def counted(method: Method) -> Method:
        @functools.wraps(method)
        def run(cursor: Any, *arguments: Any, **named: Any) -> Any:
            result = method(cursor, *arguments, **named)
            answered = cursor.statusmessage
            first = (answered or str(arguments[0])).partition(" ")[0]
            doing.changes_of_servers += first in DEFINING or (
                first in CHANGING and (answered is None or cursor.rowcount > 0)
            )
            return result

        return run

    for name in ("execute", "executemany"):
        setattr(psycopg.Cursor, name, counted(vars(psycopg.Cursor)[name]))


# --- calls and acknowledgements -----------------------------------------------------------------


def _watch_calls(failpoints: Failpoints) -> None:
    call: Method = WebClient.api_call
    upload: Method = WebClient._upload_file
    respond: Method = WebhookClient.send_dict

    def api_call(client: WebClient, api_method: str, **sent: Any) -> Any:
        if api_method in READING:
            return call(client, api_method, **sent)
        with failpoints.around(f"call {_called(api_method, sent)}"):
            return call(client, api_method, **sent)

    def upload_file(client: WebClient, **sent: Any) -> Any:
        with failpoints.around("call upload"):
            return upload(client, **sent)

    def send_dict(client: WebhookClient, *arguments: Any, **sent: Any) -> Any:
        with failpoints.around("call response_url"):
            return respond(client, *arguments, **sent)

    for kind, watched in (
        (WebClient, {"api_call": api_call, "_upload_file": upload_file}),
        (WebhookClient, {"send_dict": send_dict}),
    ):
        for name, method in watched.items():
            setattr(kind, name, method)


def _called(method: str, sent: Mapping[str, Any]) -> str:
    body = sent.get("json") or sent.get("params") or sent.get("data") or {}
    key = (body.get("metadata") or {}).get("event_payload", {}).get("key")
    if key is None:
        return method
    what = f"{method} {key.partition(':')[0]}"
    if method != "chat.update":
        return what
    armed = any(block.get("type") == "actions" for block in body.get("blocks") or [])
    return f"{what} {'with' if armed else 'without'} buttons"


def _watch_acks(failpoints: Failpoints, doing: _Doing) -> None:
    dispatch, send = App.dispatch, ClientConnection.send

    def dispatch_named(app: App, req: Any) -> Any:
        doing.delivery = _delivery(req.body)
        return dispatch(app, req)

    def send_named(connection: ClientConnection, message: Any, **how: Any) -> None:
        with failpoints.around(f"ack {doing.delivery}"):
            send(connection, message, **how)

    for kind, name, method in (
        (App, "dispatch", dispatch_named),
        (ClientConnection, "send", send_named),
    ):
        setattr(kind, name, method)


def _delivery(payload: Mapping[str, Any]) -> str:
    if "command" in payload:
        return "command"
    actions = payload.get("actions") or [{}]
    return str(actions[0].get("action_id") or payload.get("type"))
