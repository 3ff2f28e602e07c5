"""What must hold in Slack: its own record of every version of every message."""

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
OURS: Final = frozenset(
    {"actions", "context", "divider", "header", "markdown", "plan", "rich_text", "section"}
)
"""The kinds of blocks that the bot has a use for: none of them shows a picture of others."""

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
            yield from _foreign(version)
    yield from _crossed(workspace)
    shown = defaultdict(list)
    for message in workspace.call(lambda: _of_the_bot(workspace)):
        if set(message.pings.users) - MAY or message.pings.broadcasts or message.pings.groups:
            yield f"a message called {message.pings}: {message.text[:60]}"
        if not message.metadata and not message.files:
            yield f"nobody expects this message: {message.text[:80]}"
        if key := key_of(message):
            shown[key].append(message)
    for execution in executions:
        if execution.token in plans and execution.token not in by_rest:
            yield from _shown_once(execution, shown, workspace)


def key_of(shown: MessageSnapshot) -> str:
    """What a message of the bot's shows, by its metadata, without its generation."""
    payload = (shown.metadata or {}).get("event_payload", {})
    return str(payload.get("key", "")).rpartition(":")[0]


def _of_the_bot(workspace: Workspace) -> list[MessageSnapshot]:
    return [
        MessageSnapshot.of(message)
        for messages in workspace.practice.workspace.messages.values()
        for message in messages.values()
        if message.user == BOT
    ]


def live_at_once(journal: list[Version]) -> Counter[str]:
    """Over the whole history: in how many messages at once each checkpoint could be decided."""
    held: dict[tuple[str, str], set[str]] = defaultdict(set)
    live: Counter[str] = Counter()
    most: Counter[str] = Counter()
    for version in journal:
        if version.ephemeral_to is not None:
            continue
        now = {
            str(button.value).partition(":")[0]
            for button in buttons(version.blocks)
            if button.value and button.label.startswith(DECIDING)
        }
        place = (version.channel, version.ts)
        live.subtract(held[place])
        live.update(now)
        held[place] = now
        most.update({name: 1 for name in now if live[name] > most[name]})
    return most


def actionable(journal: list[Version]) -> Iterator[str]:
    """At most one message at once in which a checkpoint can be decided."""
    for name, count in live_at_once(journal).items():
        if count > 1:
            yield f"checkpoint {name} can be decided in {count} messages at once"


def _foreign(version: Version) -> Iterator[str]:
    kinds = {str(block.get("type")) for block in version.blocks or []}
    if not kinds <= OURS:
        yield f"foreign blocks {kinds - OURS} in {version.text[:60]}"
    read = "\n".join([version.text, *_leaves(version.blocks)])
    for live in LIVE:
        if live in read:
            yield f"{live} is live in {version.text[:60]!r}"
    for block in version.blocks or []:
        if block.get("type") == "markdown" and LIVE_MARKDOWN in block["text"]:
            yield f"a link of the crew's is live in {version.text[:60]!r}"


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


def _crossed(workspace: Workspace) -> Iterator[str]:
    """No version of any message, and no file, holds the words of two executions."""
    practice = workspace.practice.workspace
    tokens: dict[tuple[str, str], set[str]] = defaultdict(set)
    for version in workspace.journal:
        if version.user == BOT and version.ephemeral_to is None:
            words = TOKEN.findall(f"{version.text} {version.blocks}")
            tokens[version.channel, version.thread_ts or version.ts].update(words)
    for message in workspace.call(lambda: _of_the_bot(workspace)):
        for file in message.files:
            text = practice.files[file].content.decode()
            tokens[message.channel, message.root_ts].update(TOKEN.findall(text))
    for of_thread in tokens.values():
        if len(of_thread) > 1:
            yield f"a thread holds words of {sorted(of_thread)}"


def _shown_once(
    execution: Execution, shown: dict[str, list[MessageSnapshot]], workspace: Workspace
) -> Iterator[str]:
    for row in execution.checkpoints:
        messages = shown[f"checkpoint:{row.id}"]
        live = sum(bool(m.button("Continue") or m.button("good")) for m in messages)
        if live != (row.state == "pending"):
            yield f"{row.id} is {row.state}, and {live} messages have buttons"
        if row.state != "cancelled" and len(messages) != 1:
            yield f"{row.id} is shown {len(messages)} times"
    roots = shown[f"root:{execution.id}"]
    if len(roots) != 1:
        yield f"{execution.token} has {len(roots)} first messages"
        return
    finals = len(shown[f"final:{execution.id}"])
    if finals != (execution.state == "completed"):
        yield f"{execution.token} is {execution.state}, and its end is shown {finals} times"
    thread = workspace.thread(roots[0])
    known = workspace.practice.workspace.files
    names = Counter(known[file].name for message in thread for file in message.files)
    for name, times in names.items():
        if times > 1:
            yield f"the file {name} is there {times} times"
    if execution.state == "completed":
        if not names:
            yield f"{execution.token} is completed, and no file has its result"
        if any(message.buttons for message in thread):
            yield f"{execution.token} is completed, and a message of it still has buttons"
