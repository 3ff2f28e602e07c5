"""The middleware that finds out who calls, before anything else is read of a request.

As long as no token was made, everybody on this machine is LOOPBACK. From then on a request has a
token in its Authorization header, a session in its cookie or, for an event stream, a ticket in its
query; any other is answered 401, whether its path exists or not.
"""

from __future__ import annotations

import ipaddress
from typing import Final
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from bot.api import paths
from bot.api.access import ANONYMOUS, LOOPBACK, Caller
from bot.api.problems import problem
from bot.api.rate_limiter import RateLimiter, group_of
from bot.api.token_cache import TokenCache
from storage.db.database import is_outage
from storage.tokens import Scope as TokenScope
from storage.tokens import Token, TokenKind, expand

SESSION_COOKIE: Final = "countersign_session"
_READ_ONLY: Final = frozenset({TokenScope.READ})


class Authentication:
    """Sets `request.state.caller`, and `request.state.closed`: whether tokens are needed.

    `loopback`: only programs on this machine reach the server, so it may be open.
    """

    def __init__(
        self, app: ASGIApp, *, tokens: TokenCache, limiter: RateLimiter, loopback: bool
    ) -> None:
        self._app = app
        self._tokens = tokens
        self._limiter = limiter
        self._loopback = loopback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = await self._identify(scope)
        if refusal is None:
            await self._app(scope, receive, send)
        else:
            await refuse(refusal, scope, receive, send)

    async def _identify(self, scope: Scope) -> Response | None:
        """Set the caller. Returns the answer if the request may not go on."""
        state = scope.setdefault("state", {})
        try:
            local = self._loopback and not _is_from_elsewhere(scope)
            closed = await self._tokens.any_made() or not local
            caller = await self._caller(scope)
        except Exception as error:
            if not is_outage(error):
                raise
            if not paths.is_open(scope):
                return problem(503, "the database does not answer: try again", {"Retry-After": "1"})
            closed, caller = True, None
        state["closed"] = closed
        state["caller"] = caller or (ANONYMOUS if closed else LOOPBACK)
        if not closed or paths.route_path(scope) in paths.UNLIMITED:
            return None
        wait = await self._limiter.hit(_client(scope, caller))
        if wait is not None:
            return too_many(wait)
        return unauthenticated() if caller is None and not paths.is_open(scope) else None

    async def _caller(self, scope: Scope) -> Caller | None:
        credentials = _credentials(scope)
        if credentials is None:
            return None
        kind, secret = credentials
        token = await self._tokens.find(secret)
        return to_caller(token) if token is not None and token.kind is kind else None


def to_caller(token: Token) -> Caller:
    scopes = expand(token.scopes)
    return Caller(
        id=token.prefix,
        name=token.label or token.prefix,
        scopes=scopes & _READ_ONLY if token.kind is TokenKind.TICKET else scopes,
        person=token.person,
        kind=token.kind,
        subject=token.subject,
    )


def unauthenticated() -> Response:
    """The answer to every request without a valid token: it does not say what is wrong with it."""
    return problem(401, "a valid token is needed", {"WWW-Authenticate": "Bearer"})


def too_many(wait: int) -> Response:
    return problem(
        429, f"too many requests: try again in {wait} seconds", {"Retry-After": str(wait)}
    )


async def refuse(answer: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Send an error, also in place of accepting a WebSocket."""
    if scope["type"] == "websocket" and "websocket.http.response" not in scope.get(
        "extensions", {}
    ):
        await send({"type": "websocket.close", "code": 1008})
        return
    await answer(scope, receive, send)


def _credentials(scope: Scope) -> tuple[TokenKind, str] | None:
    """What the request offers: the kind of token that it must be, and its secret."""
    authorization = Headers(scope=scope).getlist("authorization")
    if len(authorization) > 1:
        return None
    if authorization:
        scheme, _, secret = authorization[0].strip().partition(" ")
        if scheme.lower() == "bearer":
            return TokenKind.TOKEN, secret.strip()
    cookie = HTTPConnection(scope).cookies.get(SESSION_COOKIE)
    if cookie:
        return TokenKind.SESSION, cookie
    if paths.takes_tickets(scope):
        tickets = _query(scope).get("ticket", [])
        return (TokenKind.TICKET, tickets[0]) if len(tickets) == 1 else None
    return None


def _query(scope: Scope) -> dict[str, list[str]]:
    try:
        return parse_qs(scope["query_string"].decode("latin-1"), max_num_fields=100)
    except ValueError:
        return {}


def _is_from_elsewhere(scope: Scope) -> bool:
    """Whether a trusted proxy says that the client is not on this machine."""
    client = scope.get("client")
    try:
        return client is not None and not ipaddress.ip_address(client[0]).is_loopback
    except ValueError:
        return False


def _client(scope: Scope, caller: Caller | None) -> str:
    """What the rate limit counts: the token, or the address."""
    if caller is not None:
        return f"token {caller.id}"
    client = scope.get("client")
    return group_of(client[0]) if client else "address"
