"""The page's endpoints: what it shows, and what the person using it does."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute

from practice.interactions import BUILT_IN
from practice.page_feed import may_see
from practice.practice import Practice
from practice.state import serializers
from practice.state.errors import SlackError
from practice.state.records import Channel, Json, Message, User

NOTICES = {
    "not_in_channel": "You are not in this channel. Join it to take part.",
    "channel_not_found": "This channel does not exist, or you cannot see it.",
    "is_archived": "This channel is archived.",
    "message_not_found": "This message no longer exists.",
    "thread_not_found": "This thread no longer exists.",
    "no_text": "There is nothing to send.",
    "not_found": "This no longer exists.",
    "user_not_found": "There is no such user in this workspace.",
}

MAX_ATTACHMENT_BYTES = 64 * 1024 * 1024
IMAGES = frozenset(("image/png", "image/jpeg", "image/gif", "image/webp"))
"""Served as what they are. Everything else is text, which no browser runs."""


class PageApi:
    """Routes under `/page`."""

    def __init__(self, practice: Practice) -> None:
        self._practice = practice
        self._workspace = practice.workspace

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/page/state", self._state),
            Route("/page/history", self._history),
            Route("/page/thread", self._thread),
            Route("/page/home", self._home),
            Route("/page/traffic", self._traffic),
            Route("/page/traffic/{seq:int}", self._traffic_entry),
            Route("/page/files/{file_id}/{name}", self._file),
            Route("/page/attach", self._attach, methods=["POST"]),
            Route("/page/shortcut", _json_action(self._shortcut), methods=["POST"]),
            Route("/page/message", _json_action(self._message), methods=["POST"]),
            Route("/page/command", _json_action(self._command), methods=["POST"]),
            Route("/page/interact", _json_action(self._interact), methods=["POST"]),
            Route("/page/view/submit", _json_action(self._submit), methods=["POST"]),
            Route("/page/view/close", _json_action(self._close), methods=["POST"]),
            Route("/page/invite", _json_action(self._invite), methods=["POST"]),
            Route("/page/join", _json_action(self._join), methods=["POST"]),
            Route("/page/dismiss", _json_action(self._dismiss), methods=["POST"]),
            Route("/files/{file_id}/{name}", self._private_file),
            Route("/signin", _sign_in),
            WebSocketRoute("/page/events", self._practice.page_feed.endpoint),
        ]

    # -- reading --------------------------------------------------------------------------

    async def _state(self, request: Request) -> Response:
        workspace, user = self._workspace, self._user(request)
        conversations = [
            conversation
            for conversation in workspace.channels.values()
            if may_see(conversation, user)
        ]
        return JSONResponse(
            {
                "team": {"id": workspace.team_id, "name": workspace.team_name},
                "me": user,
                "users": [_person(person) for person in workspace.users.values()],
                "channels": [
                    self._practice.page_feed.channel_json(conversation, user)
                    for conversation in conversations
                ],
                "usergroups": [
                    {"id": group.id, "handle": group.handle, "name": group.name}
                    | {"users": list(group.users)}
                    for group in workspace.groups.values()
                ],
                "commands": [
                    {key: command.get(key, "") for key in ("command", "description", "usage_hint")}
                    for command in [
                        *workspace.app.commands,
                        *(
                            {"command": name, "description": description, "usage_hint": "@app"}
                            for name, description in BUILT_IN.items()
                        ),
                    ]
                ],
                "bot": self._practice.app_json(),
            }
        )

    async def _history(self, request: Request) -> Response:
        user, conversation = self._user(request), self._channel(request)
        messages = [
            message
            for message in self._workspace.messages[conversation.id].values()
            if not message.is_reply or message.broadcast
        ] + [
            message for message in self._ephemerals(user, conversation) if message.thread_ts is None
        ]
        if user in conversation.members:
            self._workspace.mark_read(user, conversation.id)
        return JSONResponse({"messages": self._messages_json(messages)})

    async def _thread(self, request: Request) -> Response:
        user, conversation = self._user(request), self._channel(request)
        ts = request.query_params.get("ts", "")
        root = self._workspace.find(conversation.id, ts)
        if root is None:
            raise HTTPException(404, "thread_not_found")
        own = [
            message for message in self._ephemerals(user, conversation) if message.thread_ts == ts
        ]
        replies = sorted([*self._workspace.replies(conversation.id, ts), *own], key=_by_ts)
        return JSONResponse(
            {
                "messages": self._messages_json([root, *replies], sort=False),
                "status": self._workspace.thread_status(conversation.id, ts),
            }
        )

    async def _home(self, request: Request) -> Response:
        home = self._practice.interactions.open_home(self._user(request))
        return JSONResponse({"view": serializers.view(self._workspace, home) if home else None})

    async def _traffic(self, request: Request) -> Response:
        after = request.query_params.get("after", "0")
        entries = self._practice.traffic.after(int(after) if after.isdigit() else 0)
        last = entries[-1].seq if entries else (int(after) if after.isdigit() else 0)
        return JSONResponse({"entries": [entry.summary() for entry in entries], "next": last})

    async def _traffic_entry(self, request: Request) -> Response:
        entry = self._practice.traffic.entry(request.path_params["seq"])
        if entry is None:
            raise HTTPException(404, "not_found")
        return JSONResponse(entry.summary() | {"sent": entry.sent, "answered": entry.answered})

    async def _private_file(self, request: Request) -> Response:
        """`url_private`: with the app's token the file, without it Slack's sign-in page."""
        app = self._workspace.app
        token = request.headers.get("authorization", "")
        if token != f"Bearer {app.bot_token}" or "files:read" not in app.scopes:
            return RedirectResponse("/signin", status_code=302)
        return await self._file(request)

    async def _file(self, request: Request) -> Response:
        file = self._workspace.files.get(request.path_params["file_id"])
        if file is None or not file.uploaded:
            raise HTTPException(404, "file_not_found")
        disposition_type = "attachment" if request.query_params.get("download") == "1" else "inline"
        disposition = f"{disposition_type}; filename*=UTF-8''{quote(file.name)}"
        return Response(
            file.content,
            media_type=file.mimetype if file.mimetype in IMAGES else "text/plain; charset=utf-8",
            headers={"Content-Disposition": disposition},
        )

    # -- changing ----------------------------------------------------------------------------

    async def _message(self, body: Json) -> Json:
        message = self._practice.interactions.say(
            user=_string(body, "user"),
            channel=_string(body, "channel"),
            text=_string(body, "text"),
            thread_ts=_string(body, "thread_ts") or None,
            files=[str(name) for name in body.get("files") or []],
        )
        self._workspace.mark_read(message.user, message.channel)
        shape = serializers.page_message(self._workspace, message, self._practice.base_url)
        return {"ok": True, "message": shape}

    async def _attach(self, request: Request) -> Response:
        """Store a file that the person attaches; its id goes into their next message."""
        user, content = self._user(request), await request.body()
        if len(content) > MAX_ATTACHMENT_BYTES:
            return JSONResponse({"ok": False, "notice": "This file is too large."})
        name = request.query_params.get("name", "") or "file.txt"
        upload = self._practice.interactions.attach(user=user, name=name, content=content)
        return JSONResponse({"ok": True, "file": {"id": upload.id, "name": upload.name}})

    async def _shortcut(self, body: Json) -> Json:
        user, name = _string(body, "user"), _string(body, "callback_id")
        if not _string(body, "message_ts"):
            return await self._practice.shortcuts.anywhere(user=user, name=name)
        return await self._practice.shortcuts.on_message(
            user=user,
            channel=_string(body, "channel"),
            message_ts=_string(body, "message_ts"),
            name=name,
        )

    async def _command(self, body: Json) -> Json:
        return await self._practice.interactions.command(
            user=_string(body, "user"), channel=_string(body, "channel"), text=_string(body, "text")
        )

    async def _interact(self, body: Json) -> Json:
        user = _string(body, "user")
        block_id, action_id = _string(body, "block_id"), _string(body, "action_id")
        if body.get("container") in ("view", "home"):
            return await self._practice.interactions.act_on_view(
                user=user,
                view_id=_string(body, "view_id"),
                block_id=block_id,
                action_id=action_id,
                interaction=body,
            )
        return await self._practice.interactions.act_on_message(
            user=user,
            channel=_string(body, "channel"),
            message_ts=_string(body, "message_ts"),
            block_id=block_id,
            action_id=action_id,
            interaction=body,
        )

    async def _submit(self, body: Json) -> Json:
        values = body.get("values")
        return await self._practice.interactions.submit(
            user=_string(body, "user"),
            view_id=_string(body, "view_id"),
            values=values if isinstance(values, dict) else {},
        )

    async def _close(self, body: Json) -> Json:
        await self._practice.interactions.close_view(
            user=_string(body, "user"),
            view_id=_string(body, "view_id"),
            is_cleared=bool(body.get("is_cleared")),
        )
        return {"ok": True}

    async def _invite(self, body: Json) -> Json:
        self._practice.interactions.invite(
            user=_string(body, "user"), channel=_string(body, "channel")
        )
        return {"ok": True}

    async def _join(self, body: Json) -> Json:
        self._practice.interactions.join(
            user=_string(body, "user"), channel=_string(body, "channel")
        )
        return {"ok": True}

    async def _dismiss(self, body: Json) -> Json:
        """Dismiss an ephemeral message."""
        message = self._workspace.ephemerals.get(_string(body, "message_ts"))
        if message is None or message.ephemeral_to != _string(body, "user"):
            raise SlackError("message_not_found")
        self._workspace.drop_ephemeral(message)
        return {"ok": True}

    # -- helpers ---------------------------------------------------------------------------

    def _user(self, request: Request) -> str:
        user = request.query_params.get("user", "")
        person = self._workspace.users.get(user)
        if person is None or person.is_bot:
            raise HTTPException(404, "user_not_found")
        return user

    def _channel(self, request: Request) -> Channel:
        conversation = self._workspace.channels.get(request.query_params.get("channel", ""))
        if conversation is None or not may_see(conversation, request.query_params.get("user", "")):
            raise HTTPException(404, "channel_not_found")
        return conversation

    def _ephemerals(self, user: str, conversation: Channel) -> list[Message]:
        return [
            message
            for message in self._workspace.ephemerals.values()
            if message.ephemeral_to == user and message.channel == conversation.id
        ]

    def _messages_json(self, messages: list[Message], *, sort: bool = True) -> list[Json]:
        ordered = sorted(messages, key=_by_ts) if sort else messages
        url = self._practice.base_url
        return [serializers.page_message(self._workspace, message, url) for message in ordered]


async def _sign_in(_request: Request) -> Response:
    return HTMLResponse("<!doctype html><title>Sign in to Practice</title>")


def _by_ts(message: Message) -> str:
    return message.ts


def _person(person: User) -> Json:
    return {
        "id": person.id,
        "name": person.name,
        "real_name": person.real_name,
        "color": person.color,
        "is_bot": person.is_bot,
        "is_restricted": person.is_restricted,
        "is_stranger": person.is_stranger,
        "tz": person.tz,
    }


def _string(body: Json, key: str) -> str:
    value = body.get(key)
    return value if isinstance(value, str) else ""


def _json_action(
    act: Callable[[Json], Awaitable[Json]],
) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint that passes a JSON object to `act` and turns Slack errors into notices."""

    async def endpoint(request: Request) -> Response:
        try:
            body = json.loads(await request.body())
        except ValueError:
            raise HTTPException(400, "invalid_json") from None
        if not isinstance(body, dict):
            raise HTTPException(400, "invalid_json")
        try:
            return JSONResponse(await act(body))
        except SlackError as error:
            notice = NOTICES.get(error.name, error.name.replace("_", " "))
            return JSONResponse({"ok": False, "error": error.name, "notice": notice})

    return endpoint
