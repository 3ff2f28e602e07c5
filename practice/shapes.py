"""Records as the JSON that Slack's Web API, events and page show."""

from __future__ import annotations

from practice.records import Channel, File, Json, Message, User, UserGroup, View
from practice.workspace import Workspace

TZ_OFFSETS = {"Europe/Berlin": 3600, "Asia/Jakarta": 25200, "America/New_York": -18000}


def user(person: User) -> Json:
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


def channel(place: Channel, *, member: bool, team_id: str) -> Json:
    if place.is_im:
        return {
            "id": place.id,
            "created": place.created,
            "is_im": True,
            "is_org_shared": False,
            "user": place.im_user,
            "is_archived": place.is_archived,
            "is_open": True,
            "context_team_id": team_id,
        }
    return {
        "id": place.id,
        "name": place.name,
        "name_normalized": place.name,
        "is_channel": not place.is_private,
        "is_group": place.is_private,
        "is_im": False,
        "is_mpim": False,
        "is_private": place.is_private,
        "is_archived": place.is_archived,
        "is_general": place.name == "general",
        "is_shared": False,
        "is_ext_shared": False,
        "is_member": member,
        "created": place.created,
        "num_members": len(place.members),
        "topic": {"value": place.topic, "creator": "", "last_set": 0},
        "purpose": {"value": "", "creator": "", "last_set": 0},
        "context_team_id": team_id,
    }


def group(people: UserGroup, team_id: str) -> Json:
    return {
        "id": people.id,
        "team_id": team_id,
        "is_usergroup": True,
        "name": people.name,
        "handle": people.handle,
        "description": "",
        "is_external": False,
        "date_delete": 0,
        "user_count": len(people.users),
        "users": list(people.users),
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
        "permalink": private,
        "channels": list(upload.channels),
        "preview": text[:700],
        "lines": text.count("\n") + 1,
        "lines_more": max(0, text.count("\n") + 1 - text[:700].count("\n") - 1),
        "preview_is_truncated": len(text) > 700,
    }


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


def message(workspace: Workspace, said: Message, base_url: str, *, metadata: bool = False) -> Json:
    """A message as `conversations.history` lists it; metadata only when asked for."""
    shape: Json = {"type": "message", "user": said.user, "ts": said.ts, "text": said.text}
    shape["team"] = said.team_id
    if said.subtype is not None:
        shape["subtype"] = said.subtype
    elif said.files:
        shape["subtype"] = "file_share"
    elif said.broadcast:
        shape["subtype"] = "thread_broadcast"
    if said.bot_id is not None:
        shape |= {
            "bot_id": said.bot_id,
            "app_id": workspace.app.app_id,
            "bot_profile": bot_profile(workspace),
        }
    if said.client_msg_id is not None:
        shape["client_msg_id"] = said.client_msg_id
    if said.blocks is not None:
        shape["blocks"] = said.blocks
    if said.files:
        shape |= {
            "files": [file(workspace.files[name], base_url) for name in said.files],
            "upload": True,
        }
    if said.edited is not None:
        shape["edited"] = said.edited
    if said.reactions:
        shape["reactions"] = said.reactions
    if metadata and said.metadata is not None:
        shape["metadata"] = said.metadata
    return shape | _thread(workspace, said)


def _thread(workspace: Workspace, said: Message) -> Json:
    if said.is_reply:
        root = workspace.find(said.channel, said.thread_ts or "")
        return {
            "thread_ts": said.thread_ts,
            "parent_user_id": root.user if root is not None else "USLACKBOT",
        }
    if said.ephemeral_to is not None:
        return {}
    replies = workspace.replies(said.channel, said.ts)
    if not replies:
        return {}
    people = list(dict.fromkeys(reply.user for reply in replies))
    return {
        "thread_ts": said.ts,
        "reply_count": len(replies),
        "reply_users_count": len(people),
        "latest_reply": replies[-1].ts,
        "reply_users": people[:5],
        "is_locked": False,
        "subscribed": True,
    }


def page_message(workspace: Workspace, said: Message, base_url: str) -> Json:
    """A message for the page: as the API lists it, plus where it stands and for whom."""
    shape = message(workspace, said, base_url, metadata=True) | {"channel": said.channel}
    if said.bot_id is not None:
        shape["username"] = workspace.app.name
    if said.ephemeral_to is not None:
        shape["ephemeral"] = True
    if said.broadcast:
        shape["broadcast"] = True
    return shape


def view(workspace: Workspace, shown: View) -> Json:
    given = shown.definition
    return {
        "id": shown.id,
        "team_id": workspace.team_id,
        "type": shown.kind,
        "blocks": given.get("blocks", []),
        "private_metadata": given.get("private_metadata") or "",
        "callback_id": given.get("callback_id") or "",
        "state": shown.state,
        "hash": shown.hash,
        "title": given.get("title") or {"type": "plain_text", "text": "View Title", "emoji": True},
        "clear_on_close": bool(given.get("clear_on_close", False)),
        "notify_on_close": bool(given.get("notify_on_close", False)),
        "close": given.get("close"),
        "submit": given.get("submit"),
        "previous_view_id": shown.previous_view_id,
        "root_view_id": shown.root_view_id or shown.id,
        "app_id": workspace.app.app_id,
        "external_id": shown.external_id,
        "app_installed_team_id": workspace.team_id,
        "bot_id": workspace.app.bot_id,
    }
