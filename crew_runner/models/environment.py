"""From the operator's model settings to the variables that CrewAI really reads.

CrewAI takes its default model from MODEL and never looks at OPENAI_MODEL; an OPENROUTER_API_KEY
counts only together with MODEL=openrouter/…, and then any OPENAI_BASE_URL would be applied to it
as well. A model name with a slash is read as `provider/model`. All of that is settled here, once,
before a crew is built.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, assert_never
from urllib.parse import urlsplit

from storage.definitions import ModelSettings

DEFAULT_MODEL: Final = "gpt-4.1-mini"
OFFLINE_MODEL: Final = "offline-drafter"
MODEL_VARIABLES: Final = frozenset(
    {
        "MODEL",
        "MODEL_NAME",
        "OPENAI_MODEL_NAME",
        "OPENAI_MODEL",
        "OPENAI_API_KEY",
        "OPENAI_BASE_URL",
        "OPENAI_API_BASE",
        "BASE_URL",
        "API_BASE",
        "OPENROUTER_API_KEY",
        "OPENROUTER_BASE_URL",
    }
)
"""Every variable that picks a model. Take them all out of an environment before updating it with
`settings_to_env`: what is left over from elsewhere would otherwise win."""

_OPENAI_HOST = "api.openai.com"
_OPENROUTER_HOST = "openrouter.ai"


class Route(StrEnum):
    """Where the crews' questions go."""

    OPENAI = "openai"
    COMPATIBLE = "compatible"
    OPENROUTER = "openrouter"
    OFFLINE = "offline"


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """What the settings come to: `model` as it is sent, `base_url` if it is not the route's own."""

    route: Route
    model: str
    base_url: str | None = None


def choose(settings: ModelSettings) -> ModelChoice:
    """Which model is meant.

    No key: the offline drafter. An OpenRouter key decides where it is the only one, or where the
    base URL or the model's name says OpenRouter. Elsewhere the OpenAI key goes to the base URL,
    and the model's name is sent as it was written.
    """
    model = (settings.openai_model or "").strip()
    base_url = (settings.openai_base_url or "").strip() or None
    host = urlsplit(base_url).hostname if base_url else None
    says_openrouter = host == _OPENROUTER_HOST or model.startswith("openrouter/")
    if settings.openrouter_api_key and (says_openrouter or not settings.openai_api_key):
        return ModelChoice(Route.OPENROUTER, _openrouter_model(model))
    if not settings.openai_api_key:
        return ModelChoice(Route.OFFLINE, OFFLINE_MODEL)
    if base_url and host != _OPENAI_HOST:
        fallback = f"openai/{DEFAULT_MODEL}" if host == _OPENROUTER_HOST else DEFAULT_MODEL
        return ModelChoice(Route.COMPATIBLE, model or fallback, base_url)
    return ModelChoice(Route.OPENAI, model.removeprefix("openai/") or DEFAULT_MODEL, base_url)


def settings_to_env(settings: ModelSettings) -> dict[str, str]:
    """The variables to set in a child's environment, after removing `MODEL_VARIABLES` from it.

    Empty for the offline drafter: hand its own settings (`OfflineDrafter.settings()`) over instead.
    """
    choice = choose(settings)
    match choice.route:
        case Route.OFFLINE:
            return {}
        case Route.OPENROUTER:
            return {
                "MODEL": f"openrouter/{choice.model}",
                "OPENAI_MODEL_NAME": f"openrouter/{choice.model}",
                "OPENROUTER_API_KEY": settings.openrouter_api_key or "",
            }
        case Route.OPENAI | Route.COMPATIBLE:
            # CrewAI cuts the first `openai/` off and sends the rest as it stands, to the base URL.
            # Without it a name such as `anthropic/claude` would leave for another provider.
            prefix = "openai/" if choice.route is Route.COMPATIBLE else ""
            variables = {
                "MODEL": prefix + choice.model,
                "OPENAI_MODEL_NAME": prefix + choice.model,
                "OPENAI_API_KEY": settings.openai_api_key or "",
            }
            if choice.base_url:
                variables["OPENAI_BASE_URL"] = choice.base_url
                variables["OPENAI_API_BASE"] = choice.base_url
            return variables
        case _:
            assert_never(choice.route)


def _openrouter_model(name: str) -> str:
    """OpenRouter's own name of a model: `vendor/model`. A bare name is taken for OpenAI's."""
    if not name:
        return f"openai/{DEFAULT_MODEL}"
    if name.count("/") > 1:
        name = name.removeprefix("openrouter/")
    return name if "/" in name else f"openai/{name}"
