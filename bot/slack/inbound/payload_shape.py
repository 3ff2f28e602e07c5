"""Checks the shape of Slack's payloads before anything relies on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Body = Mapping[str, Any]


class PayloadError(ValueError):
    """A body without the shape that Slack documents. The message names the wrong part."""


def mapping(body: Body, name: str) -> Mapping[str, Any]:
    part = body.get(name) if isinstance(body, Mapping) else None
    if not isinstance(part, Mapping):
        raise PayloadError(name)
    return part


def first(body: Body, name: str) -> Mapping[str, Any]:
    parts = body.get(name)
    if not isinstance(parts, list) or not parts or not isinstance(parts[0], Mapping):
        raise PayloadError(name)
    return parts[0]


def text(body: Body, name: str, *, default: str | None = None) -> str:
    part = body.get(name, default) if isinstance(body, Mapping) else None
    if part is None and default is not None:
        return default
    if not isinstance(part, str):
        raise PayloadError(name)
    return part


_KINDS = (
    "block_actions",
    "view_submission",
    "view_closed",
    "message_action",
    "shortcut",
    "event_callback",
    "url_verification",
)
_SCALARS = ("token", "team_id", "user_id", "channel_id", "api_app_id", "trigger_id", "event_id")


def check(body: Body) -> None:
    """Raises PayloadError unless the body has the shape that Slack documents.

    Checked before Bolt sees a body, because Bolt relies on these parts.
    """
    for name in (*_SCALARS, "enterprise_id", "command", "text", "challenge", "response_url"):
        if not isinstance(body.get(name, ""), str | None):
            raise PayloadError(name)
    for name in ("team", "user", "enterprise", "channel", "view", "container", "message"):
        _check_part(body, name)
    _check_lists(body)
    kind = body.get("type")
    if kind is None:
        _check_form(body)
        return
    if kind not in _KINDS:
        raise PayloadError("type")
    if kind == "url_verification":
        text(body, "challenge")
    elif kind == "event_callback":
        _check_event(mapping(body, "event"))
    else:
        text(mapping(body, "user"), "id")
    if kind == "block_actions":
        action = first(body, "actions")
        text(action, "action_id")
        text(action, "type")
        text(action, "block_id", default="")
    elif kind in ("view_submission", "view_closed"):
        text(mapping(body, "view"), "callback_id")
    elif kind in ("message_action", "shortcut"):
        text(body, "callback_id")


def _check_form(body: Body) -> None:
    """A slash command, or Slack's own check of the certificate."""
    if body.get("ssl_check") == "1":
        return
    if not text(body, "command").startswith("/"):
        raise PayloadError("command")
    for name in ("channel_id", "user_id", "trigger_id"):
        text(body, name)


def _check_event(event: Body) -> None:
    text(event, "type")
    for name in ("subtype", "user", "channel", "ts", "thread_ts", "bot_id", "text", "team"):
        _check_part(event, name)
    for name in ("message", "previous_message", "item"):
        _check_part(event, name)


def _check_part(body: Body, name: str) -> None:
    """The part is absent, a string, or an object whose ids are strings."""
    part = body.get(name)
    if part is None or isinstance(part, str):
        return
    if not isinstance(part, Mapping):
        raise PayloadError(name)
    for inner in ("id", "team_id", "enterprise_id", "user", "channel", "ts", "thread_ts"):
        if not isinstance(part.get(inner), str | None):
            raise PayloadError(f"{name}.{inner}")


def _check_lists(body: Body) -> None:
    """`authorizations` of events and `response_urls` of forms: absent, or lists of objects."""
    for name in ("authorizations", "response_urls"):
        items = body.get(name)
        if items is None:
            continue
        if not isinstance(items, list):
            raise PayloadError(name)
        for item in items:
            if not isinstance(item, Mapping):
                raise PayloadError(name)
            for inner in ("team_id", "enterprise_id", "user_id", "response_url", "channel_id"):
                if not isinstance(item.get(inner), str | None):
                    raise PayloadError(f"{name}.{inner}")
