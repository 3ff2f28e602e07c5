"""The board: a page for browsers. `make web` builds its files from clients/board/."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from fastapi import APIRouter, HTTPException, Request, Response

from bot.api.paths import accepts_html
from bot.api.services import Services

FILES: Final = Path(__file__).parents[1] / "board"

ASSETS: Final = "/assets/"
"""Below this the page's files are found. Their names contain a hash of their content."""

_BASE: Final = '<base href="/" />'

_TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}

_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)

_PAGE_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "Vary": "Accept",
    "X-Content-Type-Options": "nosniff",
}

_ASSET_HEADERS: Final = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "Vary": "Accept-Encoding",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class Asset:
    content: bytes
    compressed: bytes
    media_type: str


def router(services: Services) -> APIRouter:
    routes = APIRouter(tags=["operations"])
    base = f'<base href="{services.config.root_path}/" />'

    @routes.get(
        "/",
        response_model=None,
        responses={200: {"content": {"text/html": {"schema": {"type": "string"}}}}},
    )
    def root(request: Request) -> Response | dict[str, object]:
        """The board for `Accept: text/html`; else what this is, and where its parts are."""
        if accepts_html(request.scope):
            page = index().replace(_BASE, base)
            return Response(page, headers=_PAGE_HEADERS, media_type="text/html")
        return {
            "name": "Countersign",
            "version": services.config.version,
            "links": {"health": "/health", "openapi": "/openapi.json", "api": "/api/crew"},
        }

    @routes.get(f"{ASSETS}{{name}}", include_in_schema=False)
    def asset(name: str, request: Request) -> Response:
        found = assets().get(name)
        if found is None:
            # A page that was loaded from an older version asks for files that are gone.
            raise HTTPException(404, "there is no such file: reload the page")
        headers = dict(_ASSET_HEADERS)
        if "gzip" not in request.headers.get("accept-encoding", ""):
            return Response(found.content, headers=headers, media_type=found.media_type)
        headers["Content-Encoding"] = "gzip"
        return Response(found.compressed, headers=headers, media_type=found.media_type)

    return routes


@cache
def index() -> str:
    return (FILES / "index.html").read_text("utf-8")


@cache
def assets() -> Mapping[str, Asset]:
    """The page's files by name, read when the first one is asked for."""
    return {
        path.name: Asset(content, gzip.compress(content, mtime=0), _TYPES[path.suffix])
        for path in (FILES / "assets").iterdir()
        if path.suffix in _TYPES
        for content in (path.read_bytes(),)
    }
