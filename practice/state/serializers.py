"""Converts records to the JSON of Slack's Web API, its events and the page."""

from __future__ import annotations

from practice.state.records import Channel, Enterprise, File, Json, Message, User, UserGroup, View
from practice.state.workspace import Workspace

TZ_OFFSETS = {"Europe/Berlin": 3600, "Asia/Jakarta": 25200, "America/New_York": -18000}


def user(person: User, enterprise: Enterprise | None = None) -> Json:
    """A person as `users.info` returns them; on Grid perhaps without a `team_id`."""
    shape = _user(person)
    if not person.team_id:
        del shape["team_id"]
        del shape["profile"]["team"]
    if enterprise is not None and person.enterprise_teams:
        shape["enterprise_user"] = {
            "id": person.id,
            "enterprise_id": enterprise.id,
            "enterprise_name": enterprise.name,
            "is_admin": False,
            "is_owner": False,
            "is_primary_owner": False,
            "teams": list(person.enterprise_teams),
        }
    return shape


def _user(person: User) -> Json:
    return {
        "id": person.id,
        "team_id": person.team_id,
        "name": person.name,
        "deleted": person.deleted,
        "color": person.color,
        "real_name": person.real_name,
        "tz": person.tz,
        "tz_label": person.tz,
        "tz_offset": TZ_OFFSETS.get(person.tz, 0),
        "profile": {
            "real_name": person.real_name,
            "display_name": person.name,
            "real_name_normalized": person.real_name,
            "display_name_normalized": person.name,
            "email": person.email,
            "team": person.team_id,
        },
        "is_admin": False,
        "is_owner": False,
        "is_primary_owner": False,
        "is_restricted": person.is_restricted,
        "is_ultra_restricted": person.is_ultra_restricted,
        "is_bot": person.is_bot,
        "is_app_user": False,
        "is_stranger": person.is_stranger,
        "updated": 0,
    }


def channel(conversation: Channel, *, member: bool, team_id: str) -> Json:
    if conversation.is_im:
        return {
            "id": conversation.id,
            "created": conversation.created,
            "is_im": True,
            "is_org_shared": False,
            "user": conversation.im_user,
            "is_archived": conversation.is_archived,
            "is_open": True,
            "context_team_id": team_id,
        }
    return {
        "id": conversation.id,
        "name": conversation.name,
        "name_normalized": conversation.name,
        "is_channel": not conversation.is_private,
        "is_group": conversation.is_private,
        "is_im": False,
        "is_mpim": conversation.is_mpim,
        "is_private": conversation.is_private,
        "is_archived": conversation.is_archived,
        "is_general": conversation.name == "general",
        "is_shared": False,
        "is_ext_shared": False,
        "is_member": member,
        "created": conversation.created,
        "num_members": len(conversation.members),
        "topic": {"value": conversation.topic, "creator": "", "last_set": 0},
        "purpose": {"value": "", "creator": "", "last_set": 0},
        "context_team_id": team_id,
    }


def group(record: UserGroup, team_id: str) -> Json:
    return {
        "id": record.id,
        "team_id": team_id,
        "is_usergroup": True,
        "name": record.name,
        "handle": record.handle,
        "description": "",
        "is_external": False,
        "date_delete": 0,
        "user_count": len(record.users),
        "users": list(record.users),
        "prefs": {"channels": [], "groups": []},
    }


def file(upload: File, base_url: str) -> Json:
    private = f"{base_url}/files/{upload.id}/{upload.name}"
    try:
        text = upload.content.decode()
    except UnicodeDecodeError:
        text = ""
    return {
        "id": upload.id,
        "name": upload.name,
        "title": upload.title,
        "mimetype": upload.mimetype,
        "filetype": upload.name.rpartition(".")[2] or "text",
        "size": upload.size,
        "user": upload.user,
        "created": upload.created,
        "timestamp": upload.created,
        "mode": "snippet" if upload.mimetype.startswith("text/") else "hosted",
        "is_external": False,
        "is_public": False,
        "url_private": private,
        "url_private_download": f"{private}?download=1",
        "permalink": f"{base_url}/page/files/{upload.id}/{upload.name}",
        "channels": list(upload.channels),
        "preview": text[:700],
        "lines": text.count("\n") + 1,
        "lines_more": max(0, text.count("\n") + 1 - text[:700].count("\n") - 1),
        "preview_is_truncated": len(text) > 700,
    }


def installed_team(workspace: Workspace) -> str:
    """The organization if the app is installed for all of it, else the workspace."""
    enterprise = workspace.enterprise
    return enterprise.id if enterprise and enterprise.installs_app else workspace.team_id


def bot_profile(workspace: Workspace) -> Json:
    app = workspace.app
    return {
        "id": app.bot_id,
        "app_id": app.app_id,
        "user_id": app.bot_user,
        "name": app.name,
        "deleted": False,
        "updated": 0,
        "team_id": workspace.team_id,
    }


def message(
    workspace: Workspace, record: Message, base_url: str, *, metadata: bool = False
) -> Json:
    """A message as `conversations.history` returns it, with metadata only on request."""
    shape: Json = {"type": "message", "user": record.user, "ts": record.ts, "text": record.text}
    shape["team"] = record.team_id
    if record.subtype is not None:
        shape["subtype"] = record.subtype
    elif record.files:
        shape["subtype"] = "file_share"
    elif record.broadcast:
        shape["subtype"] = "thread_broadcast"
    if record.bot_id is not None:
        shape |= {
            "bot_id": record.bot_id,
            "app_id": workspace.app.app_id,
            "bot_profile": bot_profile(workspace),
        }
    if record.client_msg_id is not None:
        shape["client_msg_id"] = record.client_msg_id
    if record.blocks is not None:
        shape["blocks"] = record.blocks
    if record.files:
        shape |= {
            "files": [file(workspace.files[name], base_url) for name in record.files],
            "upload": True,
        }
    if record.edited is not None:
        shape["edited"] = record.edited
    if record.reactions:
        shape["reactions"] = record.reactions
    if metadata and record.metadata is not None:
        shape["metadata"] = record.metadata
    return shape | _thread(workspace, record)


def _thread(workspace: Workspace, record: Message) -> Json:
    if record.is_reply:
        root = workspace.find(record.channel, record.thread_ts or "")
        return {
            "thread_ts": record.thread_ts,
            "parent_user_id": root.user if root is not None else "USLACKBOT",
        }
    if record.ephemeral_to is not None:
        return {}
    replies = workspace.replies(record.channel, record.ts)
    if not replies:
        return {}
    people = list(dict.fromkeys(reply.user for reply in replies))
    return {
        "thread_ts": record.ts,
        "reply_count": len(replies),
        "reply_users_count": len(people),
        "latest_reply": replies[-1].ts,
        "reply_users": people[:5],
        "is_locked": False,
        "subscribed": True,
    }


def page_message(workspace: Workspace, record: Message, base_url: str) -> Json:
    """A message for the page: the API's JSON plus its channel, author name and flags."""
    shape = message(workspace, record, base_url, metadata=True) | {"channel": record.channel}
    if record.bot_id is not None:
        shape["username"] = workspace.app.name
    if record.ephemeral_to is not None:
        shape["ephemeral"] = True
    if record.broadcast:
        shape["broadcast"] = True
    return shape


def view(workspace: Workspace, record: View) -> Json:
    definition = record.definition
    return {
        "id": record.id,
        "team_id": workspace.team_id,
        "type": record.kind,
        "blocks": definition.get("blocks", []),
        "private_metadata": definition.get("private_metadata") or "",
        "callback_id": definition.get("callback_id") or "",
        "state": record.state,
        "hash": record.hash,
        "title": definition.get("title")
        or {"type": "plain_text", "text": "View Title", "emoji": True},
        "clear_on_close": bool(definition.get("clear_on_close", False)),
        "notify_on_close": bool(definition.get("notify_on_close", False)),
        "close": definition.get("close"),
        "submit": definition.get("submit"),
        "previous_view_id": record.previous_view_id,
        "root_view_id": record.root_view_id or record.id,
        "app_id": workspace.app.app_id,
        "external_id": record.external_id,
        "app_installed_team_id": installed_team(workspace),
        "bot_id": workspace.app.bot_id,
    }
