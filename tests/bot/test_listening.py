"""Taking an address to listen on, or saying why it cannot be had."""

from __future__ import annotations

import socket

import pytest

from bot.process.listening import CannotBindError, bind


def test_port_0_is_a_free_port_that_takes_connections() -> None:
    with bind("127.0.0.1", 0) as listening:
        listening.listen()
        with socket.create_connection(listening.getsockname(), timeout=5):
            pass


@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_an_ipv6_address_is_taken_with_brackets_or_without(host: str) -> None:
    with bind(host, 0) as listening:
        assert listening.getsockname()[0] == "::1"


def test_a_taken_port_is_named_with_the_reason() -> None:
    with bind("127.0.0.1", 0) as listening:
        listening.listen()
        port = listening.getsockname()[1]

        with pytest.raises(CannotBindError, match=f"127.0.0.1 port {port}: Address already in use"):
            bind("127.0.0.1", port)
