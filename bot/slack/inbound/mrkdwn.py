"""Slack's mrkdwn, as people send it, turned into plain text. Pure."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from storage.characters import trimmed

_TOKEN: Final = re.compile(r"<([^<>]*)>")
_USER_GROUP: Final = "!subteam^"
_DATE: Final = "!date^"
_MENTIONS: Final = (("@", "@"), ("#", "#"), (_USER_GROUP, "@"))
"""How mentions of people, channels and user groups begin, and the sign that readers see."""


@dataclass(frozen=True, slots=True)
class Mentioned:
    """The ids that a text mentions without a name."""

    users: frozenset[str] = frozenset()
    channels: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.users or self.channels or self.groups)


def to_plain(
    text: str, *, without_user: str | None = None, names: Mapping[str, str] | None = None
) -> str:
    """Mentions, channels and links as readers see them, with entities decoded.

    Mentions of `without_user` (the bot itself) are removed. `names` has the names of people,
    channels and user groups by their id; an id without one stays an id. White space is kept as it
    was typed, except for empty lines before and white space after the text.
    """
    known = names or {}

    def as_read(match: re.Match[str]) -> str:
        target, _, label = match.group(1).partition("|")
        for mark, sign in _MENTIONS:
            if target.startswith(mark):
                named = target.removeprefix(mark)
                return sign + (label or known.get(named, named)).lstrip(sign)
        if target.startswith(_DATE):
            return label
        if target.startswith("!"):
            return "@" + (label or target[1:].partition("^")[0]).lstrip("@")
        if label and label not in (target, target.removeprefix("mailto:")):
            return f"{label} ({target})"
        return label or target

    without = text if without_user is None else _remove_mentions(text, without_user)
    return trimmed(html.unescape(_TOKEN.sub(as_read, without)))


def as_typed(text: str) -> str:
    """What a person typed before Slack escaped it, for typing it again."""

    def token(match: re.Match[str]) -> str:
        target, _, label = match.group(1).partition("|")
        for mark, sign in _MENTIONS:
            if target.startswith(mark):
                return sign + (label or target.removeprefix(mark)).lstrip(sign)
        if target.startswith("!"):
            return "@" + (label or target[1:]).lstrip("@")
        return label if label and label in target else target

    return html.unescape(_TOKEN.sub(token, text)).strip()


def mentions(text: str, user_id: str) -> bool:
    """Whether `text`, as Slack sends it, mentions this user."""
    return re.search(_mention_of(user_id), text) is not None


def mentioned(text: str, *, but: str | None = None) -> Mentioned:
    """Whom (except the user `but`) and what a text, as Slack sends it, mentions without a name."""
    targets = [match.group(1) for match in _TOKEN.finditer(text) if "|" not in match.group(1)]
    return Mentioned(
        users=frozenset(each[1:] for each in targets if each.startswith("@")) - {but or ""},
        channels=frozenset(each[1:] for each in targets if each.startswith("#")),
        groups=frozenset(
            each.removeprefix(_USER_GROUP) for each in targets if each.startswith(_USER_GROUP)
        ),
    )


def _mention_of(user_id: str) -> str:
    return rf"<@{re.escape(user_id)}(?:\|[^<>]*)?>"


def _remove_mentions(text: str, user_id: str) -> str:
    """Remove a person's mentions, each with the blanks, comma or colon that set it apart."""
    mention = _mention_of(user_id)
    text = re.sub(rf"^[^\S\n]*{mention}(?:[,:](?=\s|$))?[^\S\n]*", "", text, flags=re.MULTILINE)
    return re.sub(rf"[^\S\n]*{mention}", "", text)
