"""What comes before a body has an end, and what is not HTTP gets an error in the API's shape."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from datetime import timedelta

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from bot.process.http_protocol import HEAD_BYTES
from bot.process.http_server import HttpServer
from bot.process.listening import bind


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    body = await Request(scope, receive).body()
    await PlainTextResponse(f"{len(body)} bytes")(scope, receive, send)


@pytest.fixture
def connection() -> Iterator[socket.socket]:
    listening = bind("127.0.0.1", 0)
    server = HttpServer(app, listening, grace=timedelta(seconds=1))
    server.start()
    with socket.create_connection(listening.getsockname(), timeout=10) as opened:
        yield opened
    server.stop()


def answer(connection: socket.socket) -> bytes:
    """Everything until the server closes the connection."""
    received = b""
    while data := connection.recv(65536):
        received += data
    return received


def test_headers_without_an_end_are_refused(connection: socket.socket) -> None:
    connection.sendall(b"GET / HTTP/1.1\r\n")
    with pytest.raises(OSError, match=r"reset|pipe"):  # noqa: PT012  # when it closes is its choice
        for _ in range(4096):
            connection.sendall(b"x-long: " + b"y" * 4000 + b"\r\n")


def test_one_header_without_an_end_is_refused(connection: socket.socket) -> None:
    connection.sendall(b"GET / HTTP/1.1\r\nx: " + b"y" * (HEAD_BYTES // 2))
    connection.sendall(b"y" * HEAD_BYTES)
    with pytest.raises(OSError, match=r"reset|pipe"):  # noqa: PT012
        for _ in range(4096):
            connection.sendall(b"y" * 4000)


def test_a_request_whose_headers_come_in_pieces_before_a_large_body_is_served(
    connection: socket.socket,
) -> None:
    head = b"POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 500000\r\n"
    for piece in (head, b"x: y\r\n", b"\r\n" + b"z" * 500_000):
        connection.sendall(piece)

    assert answer(connection).endswith(b"500000 bytes")


def test_what_is_not_http_is_a_problem(connection: socket.socket) -> None:
    connection.sendall(b"\x16\x03\x01 hello\r\n\r\n")

    head, _, body = answer(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"content-type: application/problem+json" in head
    assert json.loads(body)["status"] == 400
