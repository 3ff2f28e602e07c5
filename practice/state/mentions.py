"""Finds whom a message notifies, and converts text that a person typed to Slack's format.

Slack notifies people for control sequences (`<@U…>`, `<!channel>`, `<!subteam^S…>`) in
the top-level text and in mrkdwn and rich_text leaves of blocks. In mrkdwn without
`verbatim`, and in text sent with `link_names` or `parse=full`, a bare `@channel` or
`@name` notifies too. Headers, button labels and other plain text never do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from practice.state.records import Channel, Json, Pings, User, UserGroup

CONTROL = re.compile(r"<(@|!subteam\^|!)([A-Za-z0-9]+)(?:[|^][^>]*)?>")
BARE = re.compile(r"(?<![\w<@.])@([a-z0-9][a-z0-9._-]*)", re.IGNORECASE)
BROADCASTS = ("channel", "here", "everyone")
TYPED_TOKEN = re.compile(
    r"<@[UW][A-Z0-9]+>|<#C[A-Z0-9]+(?:\|[^<>]*)?>|<!subteam\^S[A-Z0-9]+(?:\|[^<>]*)?>"
    r"|<!(?:channel|here|everyone)>"
)
TYPED_LINK = re.compile(r"https?://[^\s<>|]+[^\s<>|.,;:!?)\]}'\"]")


def escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def escape_typed(text: str) -> str:
    """Escape typed text as Slack does: keep mentions and put links in angle brackets."""
    parts: list[str] = []
    last = 0
    for token in TYPED_TOKEN.finditer(text):
        parts += [_escaped_with_links(text[last : token.start()]), token.group()]
        last = token.end()
    parts.append(_escaped_with_links(text[last:]))
    return "".join(parts)


def command_text(text: str, users: Mapping[str, User], *, keep_mentions: bool) -> str:
    """The text of a slash command: escaped, with mentions as `@name`.

    With `keep_mentions`, which is `should_escape` in the manifest, mentions are tokens and
    addresses are in angle brackets.
    """
    escaped = _escaped_with_links if keep_mentions else escape
    parts: list[str] = []
    last = 0
    for token in TYPED_TOKEN.finditer(text):
        parts.append(escaped(text[last : token.start()]))
        person = users.get(token.group()[2:-1]) if token.group().startswith("<@") else None
        if person is None:
            parts.append(token.group())
        else:
            parts.append(f"<@{person.id}|{person.name}>" if keep_mentions else f"@{person.name}")
        last = token.end()
    parts.append(escaped(text[last:]))
    return "".join(parts)


def _escaped_with_links(text: str) -> str:
    parts: list[str] = []
    last = 0
    for link in TYPED_LINK.finditer(text):
        parts += [escape(text[last : link.start()]), f"<{escape(link.group())}>"]
        last = link.end()
    parts.append(escape(text[last:]))
    return "".join(parts)


def rich_text_blocks(text: str, block_id: str) -> list[Json]:
    """The rich_text block that Slack's composer adds to a typed message."""
    elements: list[Json] = []
    last = 0
    for token in CONTROL.finditer(text):
        if text[last : token.start()]:
            elements.append({"type": "text", "text": text[last : token.start()]})
        kind, name = token.group(1), token.group(2)
        if kind == "@":
            elements.append({"type": "user", "user_id": name})
        elif kind == "!subteam^":
            elements.append({"type": "usergroup", "usergroup_id": name})
        elif name in BROADCASTS:
            elements.append({"type": "broadcast", "range": name})
        else:
            elements.append({"type": "text", "text": token.group()})
        last = token.end()
    if text[last:] or not elements:
        elements.append({"type": "text", "text": text[last:]})
    section = {"type": "rich_text_section", "elements": elements}
    return [{"type": "rich_text", "block_id": block_id, "elements": [section]}]


def pings(
    *,
    text: str,
    blocks: list[Json] | None,
    link_names: bool,
    channel: Channel,
    users: Mapping[str, User],
    groups: Mapping[str, UserGroup],
    author: str,
) -> Pings:
    """Everyone who is notified when this message is posted, except its author."""
    collector = _MentionCollector(channel, users, groups)
    collector.mrkdwn(text, bare=link_names)
    for leaf in _leaves(blocks or []):
        collector.leaf(leaf)
    if channel.is_im and channel.im_user is not None:
        collector.users.append(channel.im_user)
    return Pings(
        users=sorted({user for user in collector.users if user != author}),
        broadcasts=sorted(set(collector.broadcasts)),
        groups=sorted(set(collector.groups)),
    )


class _MentionCollector:
    def __init__(
        self, channel: Channel, users: Mapping[str, User], groups: Mapping[str, UserGroup]
    ) -> None:
        self._channel, self._users, self._groups = channel, users, groups
        self.users: list[str] = []
        self.broadcasts: list[str] = []
        self.groups: list[str] = []

    def leaf(self, leaf: Json) -> None:
        match leaf:
            case {"type": "mrkdwn", "text": str(text)}:
                self.mrkdwn(text, bare=not leaf.get("verbatim", False))
            case {"type": "user", "user_id": str(user)}:
                self._user(user)
            case {"type": "usergroup", "usergroup_id": str(group)}:
                self._group(group)
            case {"type": "broadcast", "range": str(audience)}:
                self._broadcast(audience)
            case _:
                pass

    def mrkdwn(self, text: str, *, bare: bool) -> None:
        for kind, name in CONTROL.findall(text):
            if kind == "@":
                self._user(name)
            elif kind == "!subteam^":
                self._group(name)
            else:
                self._broadcast(name)
        if bare:
            for name in BARE.findall(CONTROL.sub(" ", text)):
                self._bare_name(name.lower().rstrip("."))

    def _bare_name(self, name: str) -> None:
        self._broadcast(name)
        self.users += [user.id for user in self._users.values() if user.name == name]
        for group in self._groups.values():
            if group.handle == name:
                self._group(group.id)

    def _user(self, user: str) -> None:
        if user in self._users:
            self.users.append(user)

    def _group(self, group: str) -> None:
        if group in self._groups:
            self.groups.append(group)
            self.users += self._groups[group].users

    def _broadcast(self, audience: str) -> None:
        if audience in BROADCASTS:
            self.broadcasts.append(audience)
            self.users += [u for u in self._channel.members if not self._users[u].is_bot]


def _leaves(node: object) -> Iterator[Json]:
    if isinstance(node, list):
        for item in node:
            yield from _leaves(item)
    elif isinstance(node, dict):
        if node.get("type") == "markdown":
            yield {"type": "mrkdwn", "text": node.get("text", ""), "verbatim": True}
            return
        yield node
        for key, item in node.items():
            if key not in ("confirm", "state"):
                yield from _leaves(item)
