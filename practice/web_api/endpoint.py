"""The HTTP endpoint of the Web API: tokens, scopes, faults and the response format."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from practice.faults import injection
from practice.faults.plan import Fault, Faults
from practice.faults.rate_limit import PostingRateLimit, TierLimits
from practice.state.errors import SlackError
from practice.state.records import App, Json
from practice.traffic import Traffic
from practice.web_api import assistant, chat, conversations, files, modals, people, validation
from practice.web_api.call import Call, Method

METHODS: dict[str, Method] = (
    assistant.METHODS
    | chat.METHODS
    | conversations.METHODS
    | people.METHODS
    | modals.METHODS
    | files.METHODS
    | validation.METHODS
)
SECRET_ARGUMENTS = {"token"}
RATE_LIMITED = {"chat.postMessage", "chat.postEphemeral"}


class WebApi:
    """Serves `/api/{method}`."""

    def __init__(
        self,
        *,
        app: App,
        faults: Faults,
        rate_limit: PostingRateLimit,
        tiers: TierLimits,
        traffic: Traffic,
        new_call: Callable[[str, Json], Call],
    ) -> None:
        self._app = app
        self._faults = faults
        self._rate_limit = rate_limit
        self._tiers = tiers
        self._traffic = traffic
        self._new_call = new_call

    async def endpoint(self, request: Request) -> Response:
        started = time.monotonic()
        method = request.path_params["method"]
        arguments = await _arguments(request)
        channel = str(arguments.get("channel") or arguments.get("channel_id") or "") or None
        fault = self._faults.next(method, channel)
        response = await self._answer(request, method, arguments, fault)
        answer = _body(response)
        self._traffic.record(
            direction="from_bot",
            kind="web_api",
            name=method,
            status=response.status_code,
            seconds=time.monotonic() - started,
            note=fault.kind if fault else _error(answer),
            sent={key: value for key, value in arguments.items() if key not in SECRET_ARGUMENTS},
            answered=answer,
        )
        return await injection.after_call(request, fault, response)

    async def _answer(
        self, request: Request, method: str, arguments: Json, fault: Fault | None
    ) -> Response:
        fault_response = await injection.before_call(request, fault)
        if fault_response is not None:
            return fault_response
        seconds = self._tiers.retry_after(method)
        if not seconds and method in RATE_LIMITED:
            seconds = self._rate_limit.retry_after(str(arguments.get("channel")))
        if seconds:
            return injection.rate_limited(seconds)
        accepted_scopes = METHODS[method].scopes if method in METHODS else ()
        return JSONResponse(
            self._run(request, method, arguments),
            headers={
                "x-oauth-scopes": ",".join(self._app.scopes),
                "x-accepted-oauth-scopes": ",".join(accepted_scopes),
                "x-slack-req-id": f"{time.monotonic_ns():x}",
            },
        )

    def _run(self, request: Request, name: str, arguments: Json) -> Json:
        try:
            method = METHODS.get(name)
            if method is None:
                raise SlackError("unknown_method", req_method=name)
            self._authorize(request, method, arguments)
            call = self._new_call(name, arguments)
            if method.scopes:
                call.require_scope(*method.scopes)
            return {"ok": True, **method.run(call)}
        except SlackError as error:
            return {"ok": False, "error": error.name, **error.details}

    def _authorize(self, request: Request, method: Method, arguments: Json) -> None:
        if method.needs_no_token:
            return
        header = request.headers.get("authorization", "")
        token = header[7:] if header.lower().startswith("bearer ") else arguments.get("token")
        if not token:
            raise SlackError("not_authed")
        expected = self._app.app_token if method.uses_app_token else self._app.bot_token
        if token != expected:
            own_tokens = (self._app.app_token, self._app.bot_token)
            raise SlackError("not_allowed_token_type" if token in own_tokens else "invalid_auth")


def _body(response: Response) -> object:
    body = bytes(response.body)
    return json.loads(body) if body.startswith(b"{") else body.decode()


def _error(answer: object) -> str:
    return str(answer.get("error", "")) if isinstance(answer, dict) else ""


async def _arguments(request: Request) -> Json:
    """The arguments of a call from its query, form or JSON body."""
    arguments: Json = dict(request.query_params)
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if kind == "application/json":
        try:
            body = json.loads(await request.body() or b"{}")
        except ValueError:
            return arguments
        return arguments | body if isinstance(body, dict) else arguments
    if kind == "multipart/form-data":
        form = await request.form()
        return arguments | {key: value for key, value in form.items() if isinstance(value, str)}
    text = (await request.body()).decode("utf-8", "replace")
    return arguments | dict(parse_qsl(text, keep_blank_values=True))
