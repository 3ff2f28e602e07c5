"""Connects a Bolt app to the workspace, and disconnects it without a wait."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler

from tests.support.workspace import Workspace


@contextmanager
def connected(app: App, workspace: Workspace) -> Iterator[SocketModeHandler]:
    """Connect this app over a socket.

    Closing a Socket Mode client waits for the next message to read (3 s) and to process (1 s), so
    at the end the workspace cuts the socket, and a message is put into the queue.
    """
    handler = SocketModeHandler(app, workspace.env()["SLACK_APP_TOKEN"])
    handler.connect()  # type: ignore[no-untyped-call] # Bolt leaves it untyped
    workspace.wait_until_connected()
    try:
        yield handler
    finally:
        handler.client.auto_reconnect_enabled = False
        handler.client.closed = True
        handler.client.message_queue.put("")
        workspace.disconnect(abrupt=True)
        with suppress(AttributeError):  # the client's own thread may be closing the same socket
            handler.close()  # type: ignore[no-untyped-call] # Bolt leaves it untyped
