"""Builds the payloads that Slack sends to an app: commands, interactions and events."""

from __future__ import annotations

from practice.state import serializers
from practice.state.records import Channel, Enterprise, Json, Message, View
from practice.state.workspace import Workspace


def _person(workspace: Workspace, user: str) -> Json:
    person = workspace.users[user]
    return {
        "id": person.id,
        "username": person.name,
        "name": person.name,
        "team_id": person.team_id or workspace.team_id,
    }


def _conversation(channel: Channel) -> Json:
    """Slack does not tell the name of a private channel."""
    if channel.is_im:
        return {"id": channel.id, "name": "directmessage"}
    is_secret = channel.is_private and not channel.is_mpim
    return {"id": channel.id, "name": "privategroup" if is_secret else channel.name}


def _team(workspace: Workspace) -> Json:
    team: Json = {"id": workspace.team_id, "domain": workspace.team_name.lower()}
    if workspace.enterprise is not None:
        team["enterprise_id"] = workspace.enterprise.id
        team["enterprise_name"] = workspace.enterprise.name
    return team


def _is_org_install(workspace: Workspace) -> bool:
    return workspace.enterprise is not None and workspace.enterprise.installs_app


def command(
    workspace: Workspace,
    *,
    user: str,
    channel: Channel,
    name: str,
    text: str,
    trigger_id: str,
    response_url: str,
) -> Json:
    enterprise = workspace.enterprise
    grid = {} if enterprise is None else _enterprise_fields(enterprise)
    return grid | {
        "token": workspace.app.verification_token,
        "team_id": workspace.team_id,
        "team_domain": workspace.team_name.lower(),
        "channel_id": channel.id,
        "channel_name": _conversation(channel)["name"],
        "user_id": user,
        "user_name": workspace.users[user].name,
        "command": name,
        "text": text,
        "api_app_id": workspace.app.app_id,
        "is_enterprise_install": "true" if _is_org_install(workspace) else "false",
        "response_url": response_url,
        "trigger_id": trigger_id,
    }


def _enterprise_fields(enterprise: Enterprise) -> Json:
    return {"enterprise_id": enterprise.id, "enterprise_name": enterprise.name}


def _interaction(workspace: Workspace, kind: str, user: str) -> Json:
    enterprise = workspace.enterprise
    return {
        "type": kind,
        "user": _person(workspace, user),
        "api_app_id": workspace.app.app_id,
        "token": workspace.app.verification_token,
        "team": _team(workspace),
        "enterprise": enterprise and {"id": enterprise.id, "name": enterprise.name},
        "is_enterprise_install": _is_org_install(workspace),
    }


def message_action(
    workspace: Workspace,
    *,
    user: str,
    channel: Channel,
    message: Message,
    action: Json,
    state: Json,
    trigger_id: str,
    response_url: str,
    base_url: str,
) -> Json:
    """`block_actions` from a message. The content of an ephemeral message is not included."""
    container: Json = {
        "type": "message",
        "message_ts": message.ts,
        "channel_id": channel.id,
        "is_ephemeral": message.ephemeral_to is not None,
    }
    if message.thread_ts is not None:
        container["thread_ts"] = message.thread_ts
    payload = _interaction(workspace, "block_actions", user) | {
        "container": container,
        "trigger_id": trigger_id,
        "channel": _conversation(channel),
        "state": state,
        "response_url": response_url,
        "actions": [action],
    }
    if message.ephemeral_to is None:
        payload["message"] = serializers.message(workspace, message, base_url, metadata=True)
    return payload


def message_shortcut(
    workspace: Workspace,
    *,
    user: str,
    channel: Channel,
    message: Message,
    callback_id: str,
    trigger_id: str,
    response_url: str,
    base_url: str,
) -> Json:
    """`message_action`: the person chose a shortcut in the menu of a message."""
    return _shortcut(workspace, "message_action", user, callback_id, trigger_id) | {
        "response_url": response_url,
        "message_ts": message.ts,
        "channel": _conversation(channel),
        "message": serializers.message(workspace, message, base_url),
    }


def global_shortcut(workspace: Workspace, *, user: str, callback_id: str, trigger_id: str) -> Json:
    """`shortcut`: the person chose a shortcut that belongs to no message or channel."""
    return _shortcut(workspace, "shortcut", user, callback_id, trigger_id)


def _shortcut(
    workspace: Workspace, kind: str, user: str, callback_id: str, trigger_id: str
) -> Json:
    """Slack sends no `api_app_id` with shortcuts."""
    payload = _interaction(workspace, kind, user)
    del payload["api_app_id"]
    return payload | {
        "action_ts": workspace.next_ts(),
        "callback_id": callback_id,
        "trigger_id": trigger_id,
    }


def view_action(
    workspace: Workspace, *, user: str, view: View, action: Json, trigger_id: str
) -> Json:
    return _interaction(workspace, "block_actions", user) | {
        "container": {"type": "view", "view_id": view.id},
        "trigger_id": trigger_id,
        "view": serializers.view(workspace, view),
        "actions": [action],
    }


def view_submission(workspace: Workspace, *, user: str, view: View, trigger_id: str) -> Json:
    return _interaction(workspace, "view_submission", user) | {
        "trigger_id": trigger_id,
        "view": serializers.view(workspace, view),
        "response_urls": [],
    }


def view_closed(workspace: Workspace, *, user: str, view: View, is_cleared: bool) -> Json:
    return _interaction(workspace, "view_closed", user) | {
        "view": serializers.view(workspace, view),
        "is_cleared": is_cleared,
    }


def event(workspace: Workspace, inner: Json) -> Json:
    """The Events API envelope of one event."""
    app = workspace.app
    enterprise_id = workspace.enterprise.id if workspace.enterprise else None
    is_org_install = _is_org_install(workspace)
    grid = {} if enterprise_id is None else {"enterprise_id": enterprise_id}
    return grid | {
        "token": app.verification_token,
        "team_id": workspace.team_id,
        "context_team_id": workspace.team_id,
        "context_enterprise_id": enterprise_id,
        "api_app_id": app.app_id,
        "event": inner,
        "type": "event_callback",
        "event_id": workspace.next_id("Ev"),
        "event_time": int(workspace.clock()),
        "authorizations": [
            {
                "enterprise_id": enterprise_id,
                "team_id": None if is_org_install else workspace.team_id,
                "user_id": app.bot_user,
                "is_bot": True,
                "is_enterprise_install": is_org_install,
            }
        ],
        "is_ext_shared_channel": False,
    }


def message_posted(workspace: Workspace, message: Message, base_url: str) -> Json:
    channel = workspace.channels[message.channel]
    return serializers.message(workspace, message, base_url) | {
        "channel": channel.id,
        "channel_type": channel.kind,
        "event_ts": message.ts,
    }


def message_changed(workspace: Workspace, message: Message, before: Message, base_url: str) -> Json:
    channel = workspace.channels[message.channel]
    ts = workspace.next_ts()
    return {
        "type": "message",
        "subtype": "message_changed",
        "hidden": True,
        "message": serializers.message(workspace, message, base_url),
        "previous_message": serializers.message(workspace, before, base_url),
        "channel": channel.id,
        "channel_type": channel.kind,
        "ts": ts,
        "event_ts": ts,
    }


def message_deleted(workspace: Workspace, message: Message, base_url: str) -> Json:
    channel = workspace.channels[message.channel]
    ts = workspace.next_ts()
    return {
        "type": "message",
        "subtype": "message_deleted",
        "hidden": True,
        "deleted_ts": message.ts,
        "previous_message": serializers.message(workspace, message, base_url),
        "channel": channel.id,
        "channel_type": channel.kind,
        "ts": ts,
        "event_ts": ts,
    }


def app_mention(workspace: Workspace, message: Message, base_url: str) -> Json:
    inner = serializers.message(workspace, message, base_url) | {"type": "app_mention"}
    return inner | {"channel": message.channel, "event_ts": message.ts}


def membership(
    workspace: Workspace, kind: str, channel: Channel, user: str, by: str | None
) -> Json:
    inner: Json = {
        "type": kind,
        "user": user,
        "channel": channel.id,
        "channel_type": "G" if channel.is_private else "C",
        "team": workspace.team_id,
        "event_ts": workspace.next_ts(),
    }
    if by is not None:
        inner["inviter"] = by
    return inner


def app_home_opened(
    workspace: Workspace, *, user: str, channel: Channel, view: View | None
) -> Json:
    inner: Json = {
        "type": "app_home_opened",
        "user": user,
        "channel": channel.id,
        "tab": "home",
        "event_ts": workspace.next_ts(),
    }
    if view is not None:
        inner["view"] = serializers.view(workspace, view)
    return inner
