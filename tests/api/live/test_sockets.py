"""The same events over a WebSocket."""

from __future__ import annotations

import io
import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from bot.api.live import audience
from bot.process import logs
from storage.tokens import Scope, TokenKind
from tests.api.live.conftest import Clients, Served
from tests.support.factories import ANA


@contextmanager
def opened(bot: Served, path: str, **headers: str) -> Iterator[ClientConnection]:
    url = f"ws://127.0.0.1:{bot.port}{path}"
    with connect(url, additional_headers=headers, proxy=None, close_timeout=2) as connection:
        yield connection


def received(connection: ClientConnection, count: int) -> list[Any]:
    return [json.loads(connection.recv(timeout=10)) for _ in range(count)]


def code_of(connection: ClientConnection) -> int | None:
    """The code with which the server closes."""
    with pytest.raises(ConnectionClosed) as closed:
        connection.recv(timeout=10)
    return None if closed.value.rcvd is None else closed.value.rcvd.code


def token_of(bot: Served, *scopes: Scope) -> dict[str, str]:
    _, secret = bot.tokens.create(TokenKind.TOKEN, scopes=scopes, lifetime=None)
    return {"Authorization": f"Bearer {secret}"}


def test_messages_are_the_data_of_the_stream(bot: Served, clients: Clients) -> None:
    execution_id = bot.start()
    path = f"/api/executions/{execution_id}/events"
    with opened(bot, f"{path}/ws") as socket, opened(bot, "/api/events/ws") as everything:
        first = received(socket, 1)
        bot.run_phase()
        bot.state.cancel(execution_id, actor=ANA)
        events = first + received(socket, 3)

        assert events == clients.listen(bot, path).rest()
        assert code_of(socket) == 1000
        assert received(everything, 3) == events[1:]

    with opened(bot, f"/api/events/ws?last_event_id={events[1]['id']}") as resumed:
        assert received(resumed, 2) == events[2:]
    with opened(bot, f"{path}/ws?last_event_id={events[-1]['id']}") as over:
        assert code_of(over) == 1000


def test_close_codes_name_what_is_refused(bot: Served) -> None:
    with opened(bot, "/api/executions/no-such/events/ws") as unknown:
        assert code_of(unknown) == 4404
    with opened(bot, "/api/events/ws?last_event_id=x") as wrong:
        assert code_of(wrong) == 4400


def test_a_token_is_needed_that_may_read(bot: Served) -> None:
    decider = token_of(bot, Scope.DECIDE)
    with opened(bot, "/api/events/ws", **decider) as without_scope:
        assert code_of(without_scope) == 4403
    with pytest.raises(InvalidStatus) as refused, opened(bot, "/api/events/ws"):
        pass
    assert refused.value.response.status_code == 401


def test_a_socket_is_closed_when_its_token_is_revoked(
    bot: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audience, "REREAD_SECONDS", 0.05)
    reader = token_of(bot, Scope.READ)
    with opened(bot, "/api/events/ws", **reader) as socket:
        bot.tokens.revoke(bot.tokens.made()[0].prefix)
        time.sleep(0.1)
        bot.start()
        assert code_of(socket) == 4401


def test_pages_of_another_origin_cannot_listen(bot: Served) -> None:
    evil = {"Origin": "https://evil.example"}
    with pytest.raises(InvalidStatus) as refused, opened(bot, "/api/events/ws", **evil):
        pass
    assert refused.value.response.status_code == 403


def test_a_socket_that_the_client_closes_is_freed_and_shutdown_closes_the_others(
    bot: Served,
) -> None:
    with opened(bot, "/api/events/ws") as socket:
        socket.send("anything: it is ignored")
        bot.start()
        received(socket, 1)
    bot.until_free()

    with opened(bot, "/api/events/ws") as socket:
        bot.start()
        received(socket, 1)
        bot.server.stop()
        assert code_of(socket) == 1012


def test_tickets_open_sockets_and_are_in_no_log(bot: Served) -> None:
    token_of(bot, Scope.READ)
    secret = bot.tokens.create_ticket(bot.tokens.made()[0].prefix)
    log = io.StringIO()
    root = logging.getLogger()
    before = root.handlers, root.level
    logs.configure("text", "debug", log)
    try:
        with opened(bot, f"/api/events/ws?ticket={secret}") as socket:
            bot.start()
            received(socket, 1)
        bot.until_free()
    finally:
        root.handlers, root.level = before
    assert secret not in log.getvalue()
    assert "/api/events" not in log.getvalue()
