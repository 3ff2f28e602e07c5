"""The OpenAPI document as pages: Swagger UI and ReDoc. All that they load comes from here."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from fastapi import APIRouter, HTTPException, Request, Response

from bot.api.services import Services

_PACKAGE: Final = "fastapi_offline"
"""Brings Swagger UI and ReDoc. It is not imported: it would change FastAPI."""

_START: Final = """\
window.addEventListener("load", () => {
  const at = document.getElementById("swagger-ui");
  SwaggerUIBundle({
    url: at.dataset.document,
    domNode: at,
    deepLinking: true,
    docExpansion: "list",
    defaultModelsExpandDepth: 0,
    displayRequestDuration: true,
    tryItOutEnabled: false,
    validatorUrl: null,
    presets: [SwaggerUIBundle.presets.apis],
  });
});
"""

_STYLES: Final = """\
body { margin: 0; background: #fff; }
.swagger-ui .wrapper { box-sizing: border-box; }
.swagger-ui .opblock-summary-path { word-break: break-word; }
.swagger-ui .responses-inner { overflow-x: auto; }
.swagger-ui table.parameters, .swagger-ui .responses-table { table-layout: fixed; }
@media (max-width: 640px) {
  .swagger-ui .wrapper { padding: 0 12px; }
  .swagger-ui .scheme-container { padding: 16px 0; }
  .swagger-ui .opblock .opblock-summary { flex-wrap: wrap; }
  .swagger-ui .opblock-summary-description { flex: 1 0 100%; padding: 4px 10px; }
  .swagger-ui .parameters-col_name { width: 110px; }
}
"""

_SWAGGER: Final = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Countersign: the API</title>
<link rel="icon" href="{assets}/favicon.png">
<link rel="stylesheet" href="{assets}/swagger-ui.css">
<link rel="stylesheet" href="{assets}/page.css">
<script src="{assets}/swagger-ui-bundle.js" defer></script>
<script src="{assets}/start.js" defer></script>
</head>
<body>
<div id="swagger-ui" data-document="{root}/openapi.json"></div>
<noscript>This page needs JavaScript. <a href="{root}/openapi.json">The document</a></noscript>
</body>
</html>
"""

_REDOC: Final = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Countersign: the API</title>
<link rel="icon" href="{assets}/favicon.png">
<link rel="stylesheet" href="{assets}/page.css">
</head>
<body>
<redoc spec-url="{root}/openapi.json" disable-search native-scrollbars hide-loading
 theme='{{"typography": {{"fontFamily": "system-ui, sans-serif",
 "headings": {{"fontFamily": "system-ui, sans-serif"}}}}}}'></redoc>
<script src="{assets}/redoc.standalone.js"></script>
<noscript>This page needs JavaScript. <a href="{root}/openapi.json">The document</a></noscript>
</body>
</html>
"""

_LOGO: Final = b"https://cdn.redoc.ly/redoc/logo-mini.svg"
_NO_LOGO: Final = b"data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg'/%3E"
"""ReDoc would load its maker's logo from elsewhere."""

_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",  # both write styles into the page as they draw it
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)

_HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

_ASSET_HEADERS: Final = {
    "Cache-Control": "private, max-age=86400",
    "Vary": "Accept-Encoding",
    "X-Content-Type-Options": "nosniff",
}

_TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".png": "image/png"}
_OWN: Final = {"start.js": _START, "page.css": _STYLES}


@dataclass(frozen=True, slots=True)
class _Asset:
    content: bytes
    compressed: bytes
    media_type: str
    etag: str


def router(services: Services) -> APIRouter:
    routes = APIRouter(include_in_schema=False)
    root = services.config.root_path
    places = {"root": root, "assets": f"{root}/docs/assets"}

    @routes.get("/docs")
    def swagger() -> Response:
        return _page(_SWAGGER.format(**places))

    @routes.get("/redoc")
    def redoc() -> Response:
        return _page(_REDOC.format(**places))

    @routes.get("/docs/assets/{name}")
    def docs_asset(name: str, request: Request) -> Response:
        asset = _assets().get(name)
        if asset is None:
            raise HTTPException(404, "there is no such file")
        headers = {**_ASSET_HEADERS, "ETag": asset.etag}
        if request.headers.get("if-none-match") == asset.etag:
            return Response(status_code=304, headers=headers)
        content = asset.content
        if "gzip" in request.headers.get("accept-encoding", ""):
            content, headers["Content-Encoding"] = asset.compressed, "gzip"
        return Response(content, headers=headers, media_type=asset.media_type)

    return routes


def _page(html: str) -> Response:
    return Response(html, headers=_HEADERS, media_type="text/html")


@cache
def _assets() -> Mapping[str, _Asset]:
    """The files by name, read when the first one is asked for."""
    contents = {name: text.encode() for name, text in _OWN.items()}
    for path in _folder().iterdir():
        if path.suffix in _TYPES:
            contents[path.name] = path.read_bytes().replace(_LOGO, _NO_LOGO)
    return {
        name: _Asset(
            content,
            gzip.compress(content, mtime=0),
            _TYPES[Path(name).suffix],
            f'"{hashlib.sha256(content).hexdigest()[:16]}"',
        )
        for name, content in contents.items()
    }


def _folder() -> Path:
    spec = find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise HTTPException(404, f"the package {_PACKAGE} is not installed")
    return Path(spec.submodule_search_locations[0], "static")
