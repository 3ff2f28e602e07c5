"""Slack's mrkdwn, as people send it, turned into plain text. Pure."""

from __future__ import annotations

import html
import re

_TOKEN = re.compile(r"<([^<>]*)>")


def to_plain(text: str, *, without_user: str | None = None) -> str:
    """Mentions, channels and links as readers see them, with entities decoded.

    Mentions of `without_user` (the bot itself) are removed.
    """

    def as_read(match: re.Match[str]) -> str:
        target, _, name = match.group(1).partition("|")
        if target.startswith("@"):
            return "" if target[1:] == without_user else "@" + (name or target[1:])
        if target.startswith("#"):
            return "#" + (name or target[1:])
        if target.startswith("!"):
            return "@" + (name or target[1:].partition("^")[0]).lstrip("@")
        if name and name not in (target, target.removeprefix("mailto:")):
            return f"{name} ({target})"
        return name or target

    lines = html.unescape(_TOKEN.sub(as_read, text)).split("\n")
    return "\n".join(line.strip() for line in lines).strip()


def mentions(text: str, user_id: str) -> bool:
    """Whether `text`, as Slack sends it, mentions this user."""
    return re.search(rf"<@{re.escape(user_id)}(?:\|[^<>]*)?>", text) is not None
