"""What the routes have in common in the OpenAPI document."""

from __future__ import annotations

from typing import Any

from bot.api.problems import MEDIA_TYPE, ProblemBody


def problems(*codes: int) -> dict[int | str, dict[str, Any]]:
    """The error responses of a route, in addition to those that each may give."""
    schema = {"schema": {"$ref": f"#/components/schemas/{ProblemBody.__name__}"}}
    return {code: {"model": ProblemBody, "content": {MEDIA_TYPE: schema}} for code in (*codes, 503)}
