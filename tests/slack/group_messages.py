"""Sends the bot the command of somebody in a message with several people."""

from __future__ import annotations

from typing import Any

from tests.support.workspace import ANA, Workspace


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
