"""A workspace's conversations as text, for messages of failed tests."""

from __future__ import annotations

from practice.practice import Practice
from practice.state.records import Message
from tests.support.message_snapshot import MessageSnapshot


def transcript(practice: Practice) -> str:
    """All channels with their threads, ephemeral messages, and the latest traffic."""
    state = practice.workspace
    lines: list[str] = []
    for channel in state.channels.values():
        messages = list(state.messages[channel.id].values())
        if not messages:
            continue
        lines.append(f"#{channel.name or state.users[channel.im_user or ''].name + ' (direct)'}")
        for message in messages:
            if not message.is_reply:
                lines += _lines(practice, message, "  ")
                for reply in state.replies(channel.id, message.ts):
                    lines += _lines(practice, reply, "      ")
    for message in state.ephemerals.values():
        lines.append(f"only visible to {state.users[message.ephemeral_to or ''].name}:")
        lines += _lines(practice, message, "  ")
    lines.append("latest traffic:")
    lines += [
        f"  {entry.direction} {entry.name} {entry.status} {entry.ms} ms {entry.note}"
        for entry in practice.traffic.after(0)[-25:]
    ]
    return "\n".join(lines)


def _lines(practice: Practice, message: Message, indent: str) -> list[str]:
    view = MessageSnapshot.of(message)
    name = practice.workspace.users[message.user].name
    labels = {button.label for button in view.buttons}
    words = [line for line in view.everything.splitlines() if line and line not in labels]
    text = " / ".join(words)
    clipped = text if len(text) < 400 else f"{text[:400]}…"
    lines = [f"{indent}{name}: {clipped}{' (edited)' if view.edited else ''}"]
    if view.buttons:
        lines.append(f"{indent}  [{'] ['.join(button.label for button in view.buttons)}]")
    if view.files:
        names = [practice.workspace.files[file].name for file in view.files]
        lines.append(f"{indent}  files: {', '.join(names)}")
    return lines
