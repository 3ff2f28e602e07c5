"""The page's own endpoints: what it reads, and what the acting person does."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute

from practice import shapes
from practice.errors import SlackError
from practice.hub import may_see
from practice.interactions import BUILT_IN
from practice.practice import Practice
from practice.records import Channel, Json, Message, User

WORDS = {
    "not_in_channel": "You are not in this channel. Join it to take part.",
    "channel_not_found": "This channel does not exist, or you cannot see it.",
    "is_archived": "This channel is archived.",
    "message_not_found": "This message is gone.",
    "thread_not_found": "This thread is gone.",
    "no_text": "There is nothing to send.",
    "not_found": "This is not there any more.",
    "user_not_found": "There is no such user here.",
}


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
            Route("/page/message", _doing(self._message), methods=["POST"]),
            Route("/page/command", _doing(self._command), methods=["POST"]),
            Route("/page/interact", _doing(self._interact), methods=["POST"]),
            Route("/page/view/submit", _doing(self._submit), methods=["POST"]),
            Route("/page/view/close", _doing(self._close), methods=["POST"]),
            Route("/page/invite", _doing(self._invite), methods=["POST"]),
            Route("/page/join", _doing(self._join), methods=["POST"]),
            Route("/page/dismiss", _doing(self._dismiss), methods=["POST"]),
            Route("/files/{file_id}/{name}", self._file),
            WebSocketRoute("/page/events", self._practice.hub.endpoint),
        ]

    # -- reading --------------------------------------------------------------------------

    async def _state(self, request: Request) -> Response:
        workspace, user = self._workspace, self._user(request)
        places = [place for place in workspace.channels.values() if may_see(place, user)]
        return JSONResponse(
            {
                "team": {"id": workspace.team_id, "name": workspace.team_name},
                "me": user,
                "users": [_person(person) for person in workspace.users.values()],
                "channels": [self._practice.hub.channel_shape(place, user) for place in places],
                "usergroups": [
                    {"id": group.id, "handle": group.handle, "name": group.name}
                    | {"users": list(group.users)}
                    for group in workspace.groups.values()
                ],
                "commands": [
                    {key: known.get(key, "") for key in ("command", "description", "usage_hint")}
                    for known in [
                        *workspace.app.commands,
                        *(
                            {"command": name, "description": words, "usage_hint": "@app"}
                            for name, words in BUILT_IN.items()
                        ),
                    ]
                ],
                "bot": self._practice.app_shape(),
            }
        )

    async def _history(self, request: Request) -> Response:
        user, place = self._user(request), self._channel(request)
        shown = [
            message
            for message in self._workspace.messages[place.id].values()
            if not message.is_reply or message.broadcast
        ] + [message for message in self._ephemerals(user, place) if message.thread_ts is None]
        if user in place.members:
            self._workspace.mark_read(user, place.id)
        return JSONResponse({"messages": self._shown(shown)})

    async def _thread(self, request: Request) -> Response:
        user, place = self._user(request), self._channel(request)
        ts = request.query_params.get("ts", "")
        root = self._workspace.find(place.id, ts)
        if root is None:
            raise HTTPException(404, "thread_not_found")
        own = [message for message in self._ephemerals(user, place) if message.thread_ts == ts]
        replies = sorted([*self._workspace.replies(place.id, ts), *own], key=_by_ts)
        return JSONResponse({"messages": self._shown([root, *replies], sort=False)})

    async def _home(self, request: Request) -> Response:
        home = self._practice.interactions.open_home(self._user(request))
        return JSONResponse({"view": shapes.view(self._workspace, home) if home else None})

    async def _traffic(self, request: Request) -> Response:
        after = request.query_params.get("after", "0")
        entries = self._practice.traffic.after(int(after) if after.isdigit() else 0)
        last = entries[-1].seq if entries else (int(after) if after.isdigit() else 0)
        return JSONResponse({"entries": [entry.line() for entry in entries], "next": last})

    async def _traffic_entry(self, request: Request) -> Response:
        entry = self._practice.traffic.entry(request.path_params["seq"])
        if entry is None:
            raise HTTPException(404, "not_found")
        return JSONResponse(entry.line() | {"sent": entry.sent, "answered": entry.answered})

    async def _file(self, request: Request) -> Response:
        upload = self._workspace.files.get(request.path_params["file_id"])
        if upload is None or not upload.uploaded:
            raise HTTPException(404, "file_not_found")
        way = "attachment" if request.query_params.get("download") == "1" else "inline"
        disposition = f"{way}; filename*=UTF-8''{quote(upload.name)}"
        return Response(
            upload.content,
            media_type="text/plain; charset=utf-8",
            headers={"Content-Disposition": disposition},
        )

    # -- doing ----------------------------------------------------------------------------

    async def _message(self, body: Json) -> Json:
        message = self._practice.interactions.say(
            user=_word(body, "user"),
            channel=_word(body, "channel"),
            text=_word(body, "text"),
            thread_ts=_word(body, "thread_ts") or None,
        )
        self._workspace.mark_read(message.user, message.channel)
        shape = shapes.page_message(self._workspace, message, self._practice.base_url)
        return {"ok": True, "message": shape}

    async def _command(self, body: Json) -> Json:
        return await self._practice.interactions.command(
            user=_word(body, "user"), channel=_word(body, "channel"), text=_word(body, "text")
        )

    async def _interact(self, body: Json) -> Json:
        user = _word(body, "user")
        block_id, action_id = _word(body, "block_id"), _word(body, "action_id")
        if body.get("container") in ("view", "home"):
            return await self._practice.interactions.act_on_view(
                user=user,
                view_id=_word(body, "view_id"),
                block_id=block_id,
                action_id=action_id,
                said=body,
            )
        return await self._practice.interactions.act_on_message(
            user=user,
            channel=_word(body, "channel"),
            message_ts=_word(body, "message_ts"),
            block_id=block_id,
            action_id=action_id,
            said=body,
        )

    async def _submit(self, body: Json) -> Json:
        values = body.get("values")
        return await self._practice.interactions.submit(
            user=_word(body, "user"),
            view_id=_word(body, "view_id"),
            values=values if isinstance(values, dict) else {},
        )

    async def _close(self, body: Json) -> Json:
        await self._practice.interactions.close_view(
            user=_word(body, "user"),
            view_id=_word(body, "view_id"),
            is_cleared=bool(body.get("is_cleared")),
        )
        return {"ok": True}

    async def _invite(self, body: Json) -> Json:
        self._practice.interactions.invite(user=_word(body, "user"), channel=_word(body, "channel"))
        return {"ok": True}

    async def _join(self, body: Json) -> Json:
        self._practice.interactions.join(user=_word(body, "user"), channel=_word(body, "channel"))
        return {"ok": True}

    async def _dismiss(self, body: Json) -> Json:
        """Take an ephemeral message off one's own screen."""
        message = self._workspace.ephemerals.get(_word(body, "message_ts"))
        if message is None or message.ephemeral_to != _word(body, "user"):
            raise SlackError("message_not_found")
        self._workspace.drop_ephemeral(message)
        return {"ok": True}

    # -- inside ---------------------------------------------------------------------------

    def _user(self, request: Request) -> str:
        user = request.query_params.get("user", "")
        person = self._workspace.users.get(user)
        if person is None or person.is_bot:
            raise HTTPException(404, "user_not_found")
        return user

    def _channel(self, request: Request) -> Channel:
        place = self._workspace.channels.get(request.query_params.get("channel", ""))
        if place is None or not may_see(place, request.query_params.get("user", "")):
            raise HTTPException(404, "channel_not_found")
        return place

    def _ephemerals(self, user: str, place: Channel) -> list[Message]:
        return [
            message
            for message in self._workspace.ephemerals.values()
            if message.ephemeral_to == user and message.channel == place.id
        ]

    def _shown(self, messages: list[Message], *, sort: bool = True) -> list[Json]:
        ordered = sorted(messages, key=_by_ts) if sort else messages
        url = self._practice.base_url
        return [shapes.page_message(self._workspace, message, url) for message in ordered]


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


def _word(body: Json, key: str) -> str:
    value = body.get(key)
    return value if isinstance(value, str) else ""


def _doing(act: Callable[[Json], Awaitable[Json]]) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint that reads one JSON object, acts, and puts refusals into words."""

    async def endpoint(request: Request) -> Response:
        try:
            body = json.loads(await request.body())
        except ValueError:
            raise HTTPException(400, "invalid_json") from None
        if not isinstance(body, dict):
            raise HTTPException(400, "invalid_json")
        try:
            return JSONResponse(await act(body))
        except SlackError as refused:
            notice = WORDS.get(refused.name, refused.name.replace("_", " "))
            return JSONResponse({"ok": False, "error": refused.name, "notice": notice})

    return endpoint
