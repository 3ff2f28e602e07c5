"""Binds the address to listen on."""

from __future__ import annotations

import socket


class CannotBindError(Exception):
    """The address is in use, or this process may not use it."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(f"cannot listen on {host} port {port}: {reason}")


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 picks a free one. Raises CannotBindError."""
    bare = host.strip("[]")
    family = socket.AF_INET6 if ":" in bare else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((bare, port))
    except OSError as error:
        listening.close()
        raise CannotBindError(host, port, error.strerror or str(error)) from error
    return listening
