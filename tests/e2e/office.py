"""Helpers for the examples' tests: start one, and wait for its end."""

from __future__ import annotations

from typing import Final

from tests.support.workspace import ANA, MessageSnapshot, Workspace

SECONDS: Final = 60


def start(office: Workspace, command: str) -> MessageSnapshot:
    """Type the command; return the first message of its thread."""
    earlier = {message.ts for message in office.threads()}
    assert office.command(command, by=ANA).ok
    return office.wait_for(
        lambda: next((m for m in office.threads() if m.ts not in earlier), None), SECONDS
    )


def shown(office: Workspace, *, after: MessageSnapshot, until: MessageSnapshot) -> str:
    """The texts of a checkpoint's output and card: what the thread shows after a message."""
    return "\n".join(m.everything for m in office.thread(after) if after.ts < m.ts <= until.ts)


def final(office: Workspace, root: MessageSnapshot) -> MessageSnapshot:
    return office.wait_for(
        lambda: next(
            (m for m in office.thread(root) if "complete" in m.text and m.ts != root.ts), None
        ),
        SECONDS,
        what="the final message",
    )
