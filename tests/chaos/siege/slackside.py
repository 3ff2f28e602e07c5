"""What must hold in Slack after a siege: its own record of every version of every message."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final

from practice.state.records import Version
from tests.chaos.siege.crowd import SOMEBODY, Crowd
from tests.chaos.siege.tables import Execution
from tests.support.message_snapshot import MessageSnapshot as Shown
from tests.support.message_snapshot import buttons
from tests.support.workspace import BOT, GUS, Workspace

DECIDING: Final = ("Continue", "Revise", "Skip", "Stop")
OURS: Final = frozenset(
    {"actions", "context", "divider", "header", "markdown", "plan", "rich_text", "section"}
)
"""The kinds of blocks that the bot has a use for: none of them shows a picture of others."""

LIVE: Final = ("<!channel>", "<!here>", "<!everyone>", f"<@{GUS}>", "<https://example.org")
LIVE_MARKDOWN: Final = "](https://example.org"


def in_slack(workspace: Workspace, crowd: Crowd, executions: list[Execution]) -> Iterator[str]:
    journal = workspace.journal
    yield from actionable(journal)
    for version in journal:
        if version.user == BOT:
            yield from _foreign(version)
    shown = defaultdict(list)
    for message in workspace.call(lambda: _of_the_bot(workspace)):
        if set(message.pings.users) - SOMEBODY or message.pings.broadcasts or message.pings.groups:
            yield f"a message called {message.pings}: {message.text[:60]}"
        key = str((message.metadata or {}).get("event_payload", {}).get("key", ""))
        if key:
            shown[key.rpartition(":")[0]].append(message)
    for execution in executions:
        if execution.token not in crowd.by_rest:
            yield from _shown_once(execution, shown)


def _of_the_bot(workspace: Workspace) -> list[Shown]:
    return [
        Shown.of(message)
        for messages in workspace.practice.workspace.messages.values()
        for message in messages.values()
        if message.user == BOT
    ]


def actionable(journal: list[Version]) -> Iterator[str]:
    """Over the whole history: at most one message at once in which a checkpoint can be decided."""
    holders: dict[str, set[tuple[str, str]]] = defaultdict(set)
    held: dict[tuple[str, str], set[str]] = defaultdict(set)
    for version in journal:
        if version.ephemeral_to is not None:
            continue
        place = (version.channel, version.ts)
        now = {
            str(button.value)
            for button in buttons(version.blocks)
            if button.value and button.label.startswith(DECIDING)
        }
        for name in held[place] - now:
            holders[name].discard(place)
        for name in now:
            holders[name].add(place)
            if len(holders[name]) > 1:
                yield f"checkpoint {name} can be decided in {len(holders[name])} messages at once"
        held[place] = now


def _foreign(version: Version) -> Iterator[str]:
    kinds = {str(block.get("type")) for block in version.blocks or []}
    if not kinds <= OURS:
        yield f"foreign blocks {kinds - OURS} in {version.text[:60]}"
    read = "\n".join([version.text, *_leaves(version.blocks)])
    for live in LIVE:
        if live in read:
            yield f"{live} stands live in {version.text[:60]!r}"
    for block in version.blocks or []:
        if block.get("type") == "markdown" and LIVE_MARKDOWN in block["text"]:
            yield f"a link of the crew's stands live in {version.text[:60]!r}"


def _leaves(node: Any) -> Iterator[str]:
    """The texts in which Slack reads mentions and links; in code none is read."""
    if isinstance(node, list):
        for item in node:
            yield from _leaves(item)
    elif isinstance(node, dict):
        if node.get("type") in ("mrkdwn", "markdown") and isinstance(node.get("text"), str):
            yield node["text"]
        elif node.get("type") not in ("plain_text", "text"):
            for key, item in node.items():
                if key in ("image_url", "url"):
                    yield json.dumps(item)
                yield from _leaves(item)


def _shown_once(execution: Execution, shown: dict[str, list[Shown]]) -> Iterator[str]:
    for row in execution.checkpoints:
        messages = shown[f"checkpoint:{row.id}"]
        live = sum(bool(message.button("Continue")) for message in messages)
        if live != (row.state == "pending"):
            yield f"{execution.token}: {row.id} is {row.state}, and {live} messages have buttons"
        if row.state != "cancelled" and len(messages) != 1:
            yield f"{execution.token}: {row.id} is shown {len(messages)} times"
    if len(shown[f"root:{execution.id}"]) != 1:
        yield f"{execution.token} has {len(shown[f'root:{execution.id}'])} first messages"
    finals = len(shown[f"final:{execution.id}"])
    if finals != (execution.state == "completed"):
        yield f"{execution.token} is {execution.state}, and its end is shown {finals} times"
