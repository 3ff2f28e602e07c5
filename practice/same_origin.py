"""Rejects requests from other hosts and sites, and adds security headers to every response."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK_NAMES = {"127.0.0.1", "localhost", "::1"}
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
JSON_ONLY_PATHS = ("/page/", "/control/")
UPLOAD_PATH, UPLOAD_TYPE = "/page/attach", "application/octet-stream"


class SameOriginMiddleware:
    """Accepts requests to a loopback name that do not come from another site.

    Browsers send an Origin, which must be this server's own; apps and tests send none.
    Changes through the page and control APIs must be JSON, and an attached file must be
    `application/octet-stream`: neither can another site's page send without a CORS preflight.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        refusal = _refusal(scope)
        if refusal is None:
            await self._app(scope, receive, _with_headers(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 4003, "reason": refusal})
        else:
            body = json.dumps({"ok": False, "error": "forbidden", "notice": refusal})
            answer = PlainTextResponse(body, status_code=403, media_type="application/json")
            await answer(scope, receive, _with_headers(send))


def _refusal(scope: Scope) -> str | None:
    headers = Headers(scope=scope)
    if _host(headers.get("host", "")) not in LOOPBACK_NAMES:
        return "this workspace only answers to loopback names"
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != headers.get("host"):
        return "the request comes from another site"
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        top_level = headers.get("sec-fetch-mode") == "navigate" and scope.get("method") == "GET"
        if not top_level:
            return "the request comes from another site"
    changes = scope["type"] == "http" and scope["method"] not in ("GET", "HEAD")
    if changes and scope["path"].startswith(JSON_ONLY_PATHS):
        kind = headers.get("content-type", "").partition(";")[0].strip()
        expected = UPLOAD_TYPE if scope["path"] == UPLOAD_PATH else "application/json"
        if kind != expected:
            return f"the content type must be {expected}"
    return None


def _host(header: str) -> str:
    try:
        return urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return ""


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
            headers.setdefault("X-Content-Type-Options", "nosniff")
            headers.setdefault("Referrer-Policy", "no-referrer")
            headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
            headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return send_with_headers
