"""The control API: arranges the workspace and plans failures, for tests and by hand.

`POST /control/{action}` takes a JSON object. `GET /control/journal`,
`/control/deliveries` and `/control/faults` return what happened. The README lists the
actions.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict, fields, replace
from typing import Any, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from practice.practice import Practice
from practice.state.changes import AppChanged
from practice.state.errors import SlackError
from practice.state.records import Channel, Enterprise, Json, Message, User, UserGroup

R = TypeVar("R", User, Channel, UserGroup)
Action = Callable[[Json], Json | Awaitable[Json]]


class ControlApi:
    """Routes under `/control`."""

    def __init__(self, practice: Practice) -> None:
        self._practice = practice
        self._workspace = practice.workspace
        self._actions: dict[str, Action] = {
            "user": self._user,
            "channel": self._channel,
            "group": self._group,
            "archive": self._archive,
            "invite": self._invite,
            "kick": self._kick,
            "message/delete": self._delete,
            "message/edit": self._edit,
            "fault": self._fault,
            "faults/clear": self._clear_faults,
            "redeliver": self._redeliver,
            "disconnect": self._disconnect,
            "delay": self._delay,
            "duplicate": self._duplicate,
            "retries": self._retries,
            "scopes": self._scopes,
            "events": self._events,
            "rules": self._rules,
            "plan": self._plan,
            "enterprise": self._enterprise,
            "group_dm": self._group_dm,
            "refresh": self._refresh,
            "rate_limit": self._rate_limit,
            "tiers": self._tiers,
            "shortcuts": self._shortcuts,
            "shortcut": self._shortcut,
            "say": self._say,
            "request_url": self._request_url,
        }

    @property
    def actions(self) -> set[str]:
        return set(self._actions)

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/control/journal", self._journal),
            Route("/control/deliveries", self._deliveries),
            Route("/control/faults", self._faults),
            Route("/control/{action:path}", self._endpoint, methods=["POST"]),
        ]

    # -- reading --------------------------------------------------------------------------

    async def _journal(self, request: Request) -> Response:
        after = int(request.query_params.get("after", "0"))
        versions = [asdict(v) for v in self._workspace.journal if v.seq > after]
        return JSONResponse({"versions": versions})

    async def _deliveries(self, _request: Request) -> Response:
        return JSONResponse({"deliveries": [asdict(d) for d in self._practice.deliveries.sent]})

    async def _faults(self, _request: Request) -> Response:
        return JSONResponse({"faults": [asdict(f) for f in self._practice.faults.planned()]})

    # -- changing ----------------------------------------------------------------------------

    async def _endpoint(self, request: Request) -> Response:
        action = self._actions.get(request.path_params["action"])
        if action is None:
            raise HTTPException(404, f"unknown action; known actions: {', '.join(self._actions)}")
        try:
            body = json.loads(await request.body() or b"{}")
            outcome = action(body)
            result = await outcome if inspect.isawaitable(outcome) else outcome
        except (KeyError, TypeError, ValueError, StopIteration, SlackError) as error:
            raise HTTPException(400, f"{type(error).__name__}: {error}") from error
        return JSONResponse({"ok": True, **result})

    def _user(self, body: Json) -> Json:
        values = {"team_id": self._workspace.team_id} | body
        return {"user": asdict(self._workspace.add_user(_record(User, values)))}

    def _channel(self, body: Json) -> Json:
        return {"channel": asdict(self._workspace.add_channel(_record(Channel, body)))}

    def _group(self, body: Json) -> Json:
        return {"group": asdict(self._workspace.add_group(_record(UserGroup, body)))}

    def _archive(self, body: Json) -> Json:
        self._workspace.archive(self._conversation(body), archived=bool(body.get("archived", True)))
        return {}

    def _invite(self, body: Json) -> Json:
        self._workspace.join(self._conversation(body), self._member(body), inviter=body.get("by"))
        return {}

    def _kick(self, body: Json) -> Json:
        self._workspace.leave(self._conversation(body), self._member(body))
        return {}

    def _delete(self, body: Json) -> Json:
        self._workspace.delete(self._message(body))
        return {}

    def _edit(self, body: Json) -> Json:
        message = self._message(body)
        self._workspace.edit(message, by=message.user, text=str(body["text"]), blocks=None)
        return {}

    def _fault(self, body: Json) -> Json:
        return {"fault": asdict(self._practice.faults.plan(**body))}

    def _clear_faults(self, _body: Json) -> Json:
        self._practice.faults.clear()
        return {}

    async def _redeliver(self, body: Json) -> Json:
        ack = await self._practice.deliveries.redeliver(int(body["seq"]))
        return {"ack": asdict(ack)}

    async def _disconnect(self, body: Json) -> Json:
        count = await self._practice.sockets.disconnect(
            reason=str(body.get("reason", "refresh_requested")), abrupt=bool(body.get("abrupt"))
        )
        return {"disconnected": count}

    def _delay(self, body: Json) -> Json:
        self._practice.deliveries.delay[str(body["kind"])] = float(body["seconds"])
        return {}

    def _duplicate(self, body: Json) -> Json:
        self._practice.deliveries.duplicate = {str(kind) for kind in body["kinds"]}
        return {}

    def _retries(self, body: Json) -> Json:
        self._practice.deliveries.retry_after = tuple(float(delay) for delay in body["after"])
        return {}

    def _scopes(self, body: Json) -> Json:
        self._workspace.app.scopes = [str(scope) for scope in body["scopes"]]
        return {}

    def _events(self, body: Json) -> Json:
        self._workspace.app.events = [str(event) for event in body["events"]]
        return {}

    def _rate_limit(self, body: Json) -> Json:
        self._practice.rate_limit.enabled = bool(body["enabled"])
        return {}

    def _rules(self, body: Json) -> Json:
        self._workspace.rules = replace(self._workspace.rules, **body)
        return {"rules": asdict(self._workspace.rules)}

    def _plan(self, body: Json) -> Json:
        self._workspace.is_paid = bool(body["paid"])
        error = body.get("upload_error")
        self._workspace.upload_error = None if error is None else str(error)
        return {}

    def _enterprise(self, body: Json) -> Json:
        """Put the workspace into an Enterprise Grid organization; an empty object takes it out."""
        self._workspace.enterprise = Enterprise(**body) if body else None
        return {}

    def _group_dm(self, body: Json) -> Json:
        return {"channel": self._workspace.group_dm(*body["users"]).id}

    def _refresh(self, body: Json) -> Json:
        after = body["after"]
        self._practice.sockets.refresh_after = None if after is None else float(after)
        return {}

    def _tiers(self, body: Json) -> Json:
        tiers = self._practice.tiers
        tiers.enabled = bool(body["enabled"])
        tiers.per_minute |= {str(k): int(v) for k, v in body.get("per_minute", {}).items()}
        return {"per_minute": tiers.per_minute}

    def _shortcuts(self, body: Json) -> Json:
        self._workspace.app.shortcuts = [dict(shortcut) for shortcut in body["shortcuts"]]
        self._workspace.emit(AppChanged())
        return {}

    async def _shortcut(self, body: Json) -> Json:
        """A person uses a shortcut: on a message, or anywhere if there is no `ts`."""
        user, name = str(body["user"]), str(body["name"])
        shortcuts = self._practice.shortcuts
        if "ts" not in body:
            return {"result": await shortcuts.anywhere(user=user, name=name)}
        result = await shortcuts.on_message(
            user=user, channel=self._conversation(body).id, message_ts=str(body["ts"]), name=name
        )
        return {"result": result}

    def _say(self, body: Json) -> Json:
        """A person posts a message, with `files`: names and the texts in them."""
        interactions, user = self._practice.interactions, str(body["user"])
        files = [
            interactions.attach(user=user, name=str(name), content=str(text).encode()).id
            for name, text in body.get("files", {}).items()
        ]
        message = interactions.say(
            user=user,
            channel=self._conversation(body).id,
            text=str(body.get("text", "")),
            thread_ts=body.get("thread_ts"),
            files=files,
        )
        return {"ts": message.ts, "files": files}

    async def _request_url(self, body: Json) -> Json:
        url = body["request_url"]
        self._practice.reach_by_http(None if url is None else str(url))
        return {"verified": url is not None and await self._practice.push.verify()}

    # -- helpers ---------------------------------------------------------------------------

    def _conversation(self, body: Json) -> Channel:
        target = str(body["channel"])
        channels = self._workspace.channels
        return channels.get(target) or next(c for c in channels.values() if c.name == target)

    def _member(self, body: Json) -> str:
        return self._workspace.users[str(body.get("user", self._workspace.app.bot_user))].id

    def _message(self, body: Json) -> Message:
        return self._workspace.messages[self._conversation(body).id][str(body["ts"])]


def _record(kind: type[R], values: dict[str, Any]) -> R:
    unknown = set(values) - {field.name for field in fields(kind)}
    if unknown:
        raise ValueError(f"unknown fields: {', '.join(sorted(unknown))}")
    return kind(**values)
