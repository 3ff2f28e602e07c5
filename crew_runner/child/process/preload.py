"""Imports what CrewAI imports lazily, once for all children.

CrewAI and its model clients load many modules at their first call. A module that another version
does not have is skipped here.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from pydantic import BaseModel

from .. import crewai_internals, hooks, target

__all__ = ["hooks", "target"]  # imported for their side effect

_LAZY_IMPORTS: Final = (
    f"{__package__.rpartition('.')[0]}.monitoring.prices",
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


for name in _LAZY_IMPORTS:
    with suppress(ImportError):
        importlib.import_module(name)


def build_models() -> None:
    """Build the models that pydantic would build when they are first used."""
    for model in _models_below(BaseModel):
        if not model.__pydantic_complete__ and model.__module__.startswith("crewai."):
            model.model_rebuild(raise_errors=False)


def _models_below(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for below in model.__subclasses__():
        yield below
        yield from _models_below(below)


with suppress(ImportError, AttributeError):  # older versions of CrewAI
    crewai_internals.share_agent_state()
build_models()
with suppress(ImportError, AttributeError):  # another version of httpx: each client loads its own
    crewai_internals.share_trust_store()
