"""Imports what CrewAI imports late, so that it is paid once and not by every child.

CrewAI and its model clients load much at their first call. A module of these that another version
no longer has is not missed here: whoever needs it imports it.
"""

from __future__ import annotations

import importlib
import os
import ssl
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

from pydantic import BaseModel

_LATE: Final = (
    "crewai.hooks.contexts",
    "crewai.llms.cache",
    "crewai.llms.providers.openai.completion",
    "crewai.skills.tool",
    "crewai.telemetry.tracing.grants",
    "crewai.tools.memory_tools",
    "crewai.utilities.reasoning_handler",
    "anyio._backends._asyncio",
    "h11",
    "httpcore",
    "openai.pagination",
    "openai.resources",
    "openai.resources.beta.realtime",
    "openai.resources.chat.completions",
)
_TRUSTED: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR")


for name in _LATE:
    with suppress(ImportError):
        importlib.import_module(name)


def build_models() -> None:
    """Models that pydantic leaves to be built when they are first used."""
    for model in _models_below(BaseModel):
        if not model.__pydantic_complete__ and model.__module__.startswith("crewai."):
            model.model_rebuild(raise_errors=False)


def _models_below(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for below in model.__subclasses__():
        yield below
        yield from _models_below(below)


def share_trust_store() -> None:
    """Read the certificates that httpx trusts once: every client reads them anew, 40 ms each.

    A client that asks for others, or that finds others in the environment, gets those.
    """
    from httpx._transports import default

    create = default.create_ssl_context  # type: ignore[attr-defined] # not exported
    shared: dict[tuple[str | None, ...], ssl.SSLContext] = {}

    def create_or_share(
        verify: ssl.SSLContext | str | bool = True, cert: Any = None, trust_env: bool = True
    ) -> ssl.SSLContext:
        if verify is not True or cert is not None:
            return create(verify=verify, cert=cert, trust_env=trust_env)
        where = tuple(os.environ.get(name) if trust_env else None for name in _TRUSTED)
        if where not in shared:
            shared[where] = create(trust_env=trust_env)
        return shared[where]

    create_or_share()
    default.create_ssl_context = create_or_share  # type: ignore[attr-defined] # not exported


build_models()
with suppress(ImportError, AttributeError):  # another httpx: then each client reads its own
    share_trust_store()
