"""Sends the bot what Slack sends when people use shortcuts, and commands in group messages."""

from __future__ import annotations

from typing import Any

from practice.state import serializers
from tests.support.message_snapshot import MessageSnapshot
from tests.support.workspace import ANA, Workspace


def use_on_message(
    workspace: Workspace, callback_id: str, message: MessageSnapshot, *, by: str = ANA
) -> bool:
    """A person chooses a shortcut in the menu of a message; returns whether the bot took it."""
    practice = workspace.practice

    def payload() -> dict[str, Any]:
        record = practice.workspace.find(message.channel, message.ts)
        assert record is not None
        channel = practice.workspace.channels[message.channel]
        return _shortcut(workspace, "message_action", callback_id, by) | {
            "message_ts": message.ts,
            "channel": {"id": channel.id, "name": channel.name},
            "message": serializers.message(practice.workspace, record, ""),
            "response_url": practice.interactions._response_url(user=by, channel=channel.id),
        }

    return _deliver(workspace, "message_action", workspace.call(payload))


def use_anywhere(workspace: Workspace, callback_id: str, *, by: str = ANA) -> bool:
    payload = workspace.call(lambda: _shortcut(workspace, "shortcut", callback_id, by))
    return _deliver(workspace, "shortcut", payload)


def command_in_group(workspace: Workspace, text: str, *, by: str = ANA) -> bool:
    """Type `/crew` in a message with several people, which the app cannot see."""
    practice = workspace.practice

    def payload() -> dict[str, Any]:
        return {
            "command": "/crew",
            "text": text,
            "team_id": practice.workspace.team_id,
            "channel_id": "C00GROUPDM1",
            "channel_name": "mpdm-ana--ben--gus-1",
            "user_id": by,
            "user_name": practice.workspace.users[by].name,
            "api_app_id": practice.workspace.app.app_id,
            "response_url": practice.interactions._response_url(user=by, channel="C00GENERAL1"),
            "trigger_id": practice.interactions._triggers.issue(by),
        }

    deliver = practice.deliveries.deliver("slash_commands", "/crew", workspace.call(payload))
    return bool(workspace._live.wait(deliver).ok)


def _shortcut(workspace: Workspace, kind: str, callback_id: str, by: str) -> dict[str, Any]:
    practice = workspace.practice
    return {
        "type": kind,
        "callback_id": callback_id,
        "user": {"id": by, "username": practice.workspace.users[by].name},
        "team": {"id": practice.workspace.team_id, "domain": "practice"},
        "trigger_id": practice.interactions._triggers.issue(by),
        "action_ts": practice.workspace.next_ts(),
        "token": "practice",
        "enterprise": None,
        "is_enterprise_install": False,
    }


def _deliver(workspace: Workspace, kind: str, payload: dict[str, Any]) -> bool:
    deliver = workspace.practice.deliveries.deliver("interactive", kind, payload)
    return bool(workspace._live.wait(deliver).ok)
