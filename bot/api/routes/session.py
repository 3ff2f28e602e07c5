"""Signing in to the board, and out: a session is a token in a cookie."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from pydantic import BaseModel, Field

from bot.api.access import ANONYMOUS, Caller, Unauthenticated
from bot.api.authentication import SESSION_COOKIE
from bot.api.routes.responses import problems
from bot.api.services import Services
from storage.tokens import Scope, Token, TokenKind

SESSION_LIFETIME: Final = timedelta(hours=12)

_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})

_SECRET: Final = Field(default=None, max_length=200)


class SignInBody(BaseModel):
    """One of both: the secret of a link from `/crew board`, which works once, or a token."""

    link: str | None = _SECRET
    token: str | None = _SECRET


class SessionBody(BaseModel):
    """Who is signed in. `person` is the Slack user for whom they act, if any; `needed` is false as
    long as no token was made, and nobody has to sign in."""

    name: str
    person: str | None
    scopes: list[Scope]
    needed: bool
    expires_at: datetime | None = None


def signed_in(request: Request) -> Caller:
    """The policy of these routes: whoever has a session or a token, whatever its scopes."""
    caller: Caller = request.state.caller
    if caller is ANONYMOUS:
        raise Unauthenticated
    return caller


SignedIn = Annotated[Caller, Depends(signed_in)]


def router(services: Services) -> APIRouter:
    routes = APIRouter(prefix="/api/session", tags=["session"])

    @routes.get("", responses=problems())
    def session(caller: SignedIn, request: Request, response: Response) -> SessionBody:
        response.headers["Cache-Control"] = "no-store"
        return SessionBody(
            name=caller.name,
            person=caller.person,
            scopes=sorted(caller.scopes),
            needed=request.state.closed,
        )

    @routes.post("", responses=problems(400, 401))
    def sign_in(body: SignInBody, request: Request, response: Response) -> SessionBody:
        """Sign in. The session is in a cookie; it ends after twelve hours, and with its token."""
        if (body.link is None) == (body.token is None):
            raise HTTPException(400, "one of link and token is needed")
        parent = _use(services, body)
        if parent is None:
            raise Unauthenticated
        session, secret = services.tokens.create(
            TokenKind.SESSION,
            scopes=parent.scopes,
            lifetime=SESSION_LIFETIME,
            label=parent.label,
            person=parent.person,
            parent=parent.id if parent.kind is TokenKind.TOKEN else None,
        )
        response.headers["Cache-Control"] = "no-store"
        response.set_cookie(
            SESSION_COOKIE,
            secret,
            max_age=int(SESSION_LIFETIME.total_seconds()),
            path=services.config.root_path or "/",
            secure=_is_secure(request),
            httponly=True,
            samesite="strict",
        )
        return SessionBody(
            name=session.label or session.prefix,
            person=session.person,
            scopes=[*session.scopes],
            needed=True,
            expires_at=session.expires_at,
        )

    @routes.delete("", status_code=204, responses=problems())
    def sign_out(caller: SignedIn, request: Request, response: Response) -> None:
        """Sign out: the session cannot be used again. A token is not revoked by this."""
        secret = request.cookies.get(SESSION_COOKIE)
        token = None if secret is None else services.tokens.find(secret)
        if token is not None and token.kind is caller.kind is TokenKind.SESSION:
            services.tokens.end(token.id)
        response.delete_cookie(
            SESSION_COOKIE,
            path=services.config.root_path or "/",
            secure=_is_secure(request),
            httponly=True,
            samesite="strict",
        )

    return routes


def _use(services: Services, body: SignInBody) -> Token | None:
    """The link, which is used up, or the token."""
    if body.link is not None:
        return services.tokens.use_once(body.link, TokenKind.LINK)
    token = services.tokens.find(body.token or "")
    return token if token is not None and token.kind is TokenKind.TOKEN else None


def _is_secure(request: Request) -> bool:
    """Whether the cookie goes over encrypted connections alone; on loopback there are none."""
    return request.url.scheme == "https" or request.url.hostname not in _LOOPBACK
