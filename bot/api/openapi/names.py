"""What the operations of the OpenAPI document are called."""

from __future__ import annotations

from typing import Final

from fastapi.routing import APIRoute

_AMP: Final = "amp"


def operation_id(route: APIRoute) -> str:
    """The route's name; what CrewAI AMP has, too, begins with `amp_`."""
    return f"{_AMP}_{route.name}" if _AMP in route.tags else route.name
