"""Checks the workspace's record of every version of every message."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Container, Iterator, Mapping
from typing import Any, Final

from practice.state.records import Version
from tests.support.message_snapshot import MessageSnapshot, buttons
from tests.support.workspace import BOT, GUS, Workspace
from tests.trouble.crews.effects import TOKEN
from tests.trouble.db import Execution
from tests.trouble.load.crowd import MAY
from tests.trouble.load.plans import Plan

DECIDING: Final = ("Continue", "Revise", "Skip", "Stop", "good", "again", "Add words")
BOT_BLOCKS: Final = frozenset(
    {"actions", "context", "divider", "header", "markdown", "plan", "rich_text", "section"}
)
"""The block types that the bot uses: none of them shows an external picture."""

LIVE: Final = ("<!channel>", "<!here>", "<!everyone>", f"<@{GUS}>", "<https://example.org")
LIVE_MARKDOWN: Final = "](https://example.org"


def in_slack(
    workspace: Workspace,
    executions: list[Execution],
    plans: Mapping[str, Plan],
    by_rest: Container[str],
) -> Iterator[str]:
    journal = workspace.journal
    yield from actionable(journal)
    for version in journal:
        if version.user == BOT:
            yield from _unsafe(version)
    yield from _mixed(workspace)
    shown = defaultdict(list)
    for message in workspace.call(lambda: _bot_messages(workspace)):
        if set(message.pings.users) - MAY or message.pings.broadcasts or message.pings.groups:
            yield f"a message pings {message.pings}: {message.text[:60]}"
        if not message.metadata and not message.files:
            yield f"unexpected message: {message.text[:80]}"
        if key := key_of(message):
            shown[key].append(message)
    for execution in executions:
        if execution.token in plans and execution.token not in by_rest:
            yield from _shown_once(execution, shown, workspace)


def key_of(message: MessageSnapshot) -> str:
    """The outbox key in a message's metadata without its generation; empty if it has none."""
    payload = (message.metadata or {}).get("event_payload", {})
    return str(payload.get("key", "")).rpartition(":")[0]


def _bot_messages(workspace: Workspace) -> list[MessageSnapshot]:
    return [
        MessageSnapshot.of(message)
        for messages in workspace.practice.workspace.messages.values()
        for message in messages.values()
        if message.user == BOT
    ]


def live_at_once(journal: list[Version]) -> Counter[str]:
    """The most messages at one time in which each checkpoint could be decided."""
    shown_in: dict[tuple[str, str], set[str]] = defaultdict(set)
    live: Counter[str] = Counter()
    peak: Counter[str] = Counter()
    for version in journal:
        if version.ephemeral_to is not None:
            continue
        now = {
            str(button.value).partition(" ")[0].partition(":")[0]
            for button in buttons(version.blocks)
            if button.value and button.label.startswith(DECIDING)
        }
        place = (version.channel, version.ts)
        live.subtract(shown_in[place])
        live.update(now)
        shown_in[place] = now
        peak.update({name: 1 for name in now if live[name] > peak[name]})
    return peak


def actionable(journal: list[Version]) -> Iterator[str]:
    """Yields checkpoints that could be decided in more than one message at a time."""
    for name, count in live_at_once(journal).items():
        if count > 1:
            yield f"checkpoint {name} can be decided in {count} messages at once"


def _unsafe(version: Version) -> Iterator[str]:
    kinds = {str(block.get("type")) for block in version.blocks or []}
    if not kinds <= BOT_BLOCKS:
        yield f"unexpected blocks {kinds - BOT_BLOCKS} in {version.text[:60]}"
    parsed = "\n".join([version.text, *_leaves(version.blocks)])
    for live in LIVE:
        if live in parsed:
            yield f"{live} is live in {version.text[:60]!r}"
    for block in version.blocks or []:
        if block.get("type") == "markdown" and LIVE_MARKDOWN in block["text"]:
            yield f"a link by the crew is live in {version.text[:60]!r}"


def _leaves(node: Any) -> Iterator[str]:
    """The texts in which Slack parses mentions and links; it parses none in code."""
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


def _mixed(workspace: Workspace) -> Iterator[str]:
    """Yields threads whose messages or files contain text of two executions."""
    practice = workspace.practice.workspace
    tokens: dict[tuple[str, str], set[str]] = defaultdict(set)
    for version in workspace.journal:
        if version.user == BOT and version.ephemeral_to is None:
            words = TOKEN.findall(f"{version.text} {version.blocks}")
            tokens[version.channel, version.thread_ts or version.ts].update(words)
    for message in workspace.call(lambda: _bot_messages(workspace)):
        for file in message.files:
            text = practice.files[file].content.decode()
            tokens[message.channel, message.root_ts].update(TOKEN.findall(text))
    for thread_tokens in tokens.values():
        if len(thread_tokens) > 1:
            yield f"a thread contains text of {sorted(thread_tokens)}"


def _shown_once(
    execution: Execution, shown: dict[str, list[MessageSnapshot]], workspace: Workspace
) -> Iterator[str]:
    for row in execution.checkpoints:
        messages = shown[f"checkpoint:{row.id}"]
        live = sum(bool(m.button("Continue") or m.button("good")) for m in messages)
        if live != (row.state == "pending"):
            yield f"{row.id} is {row.state}, but {live} messages have buttons"
        if row.state != "cancelled" and len(messages) != 1:
            yield f"{row.id} is shown in {len(messages)} messages"
    roots = shown[f"root:{execution.id}"]
    if len(roots) != 1:
        yield f"{execution.token} has {len(roots)} first messages"
        return
    finals = len(shown[f"final:{execution.id}"])
    if finals != (execution.state == "completed"):
        yield f"{execution.token} is {execution.state}, but its end is shown {finals} times"
    thread = workspace.thread(roots[0])
    files = workspace.practice.workspace.files
    names = Counter(files[file].name for message in thread for file in message.files)
    for name, times in names.items():
        if times > 1:
            yield f"the file {name} was uploaded {times} times"
    if execution.state == "completed":
        if not names:
            yield f"{execution.token} is completed, but no file has its result"
        if any(message.buttons for message in thread):
            yield f"{execution.token} is completed, but one of its messages still has buttons"
