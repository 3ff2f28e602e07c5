"""Maps the operator's model settings to the variables that CrewAI reads.

CrewAI takes its default model from MODEL and ignores OPENAI_MODEL; OPENROUTER_API_KEY counts only
together with MODEL=openrouter/…, and OPENAI_BASE_URL applies to the default model of every
provider. A model name with a slash is read as `provider/model`. All of that is resolved here, once,
before a crew is built.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, assert_never
from urllib.parse import urlsplit

from crew_runner.child.environment import OFFLINE_MODEL, OVERLAY_VARIABLE
from crew_runner.models.providers import Route, provider_of
from storage.definitions import ModelSettings

__all__ = [
    "DEFAULT_MODEL",
    "GEMINI_ADDRESS",
    "NO_KEY",
    "OVERLAY_PROVIDER",
    "ModelChoice",
    "Route",
    "choose",
    "settings_to_env",
]

OVERLAY_PROVIDER: Final = "hosted_vllm"
"""CrewAI's name for servers that take any model: see `_overlay`."""

DEFAULT_MODEL: Final = "gpt-4.1-mini"
DEFAULT_MODELS: Final = {
    Route.ANTHROPIC: "claude-sonnet-4-6",
    Route.GEMINI: "gemini-2.5-flash",
}
NO_KEY: Final = "no-key"
"""Sent to the operator's own server if no key is set for it."""

_OPENAI_HOST = "api.openai.com"
_OPENROUTER_HOST = "openrouter.ai"
GEMINI_ADDRESS: Final = "https://generativelanguage.googleapis.com"
_GEMINI_PATH = "/v1beta/openai"
"""Google's endpoint for OpenAI's protocol, which needs no additional package."""


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """The resolved model: `model` as it is sent; `base_url` unless it is the route's default."""

    route: Route
    model: str
    base_url: str | None = None


def choose(settings: ModelSettings, crew_model: str | None = None) -> ModelChoice:
    """Resolve which model to use. `crew_model` is the crew's `model` in crews.yml.

    If nothing is set, it is the offline drafter. OPENAI_BASE_URL receives the name unchanged,
    unless it is a crew's own model whose provider has a key. Otherwise the name decides the
    provider or, if it names none, the first key that is set: OpenAI's, OpenRouter's, Anthropic's,
    Gemini's. The provider's key may be missing: see `preflight`.
    """
    name = (crew_model or settings.openai_model or "").strip()
    provider, rest = provider_of(name)
    base_url = (settings.openai_base_url or "").strip() or None
    host = urlsplit(base_url).hostname if base_url else None
    has_server = base_url is not None and host not in (_OPENAI_HOST, _OPENROUTER_HOST)
    if _nothing_set(settings, provider, has_server=has_server):
        return ModelChoice(Route.OFFLINE, OFFLINE_MODEL)
    if crew_model or not has_server:
        direct = _direct(settings, provider, rest)
        if direct is not None:
            return direct
    wants_openrouter = host == _OPENROUTER_HOST or provider is Route.OPENROUTER
    if settings.openrouter_api_key and (wants_openrouter or not settings.openai_api_key):
        return ModelChoice(Route.OPENROUTER, _openrouter_model(name), settings.openrouter_base_url)
    if base_url and host != _OPENAI_HOST:
        fallback = f"openai/{DEFAULT_MODEL}" if host == _OPENROUTER_HOST else DEFAULT_MODEL
        return ModelChoice(Route.COMPATIBLE, name or fallback, base_url)
    if not name and not settings.openai_api_key:
        return _first_key(settings)
    return _named_provider(settings, provider, rest, base_url)


def _nothing_set(settings: ModelSettings, provider: Route | None, *, has_server: bool) -> bool:
    keys = (
        settings.openai_api_key,
        settings.openrouter_api_key,
        settings.anthropic_api_key,
        settings.gemini_api_key,
    )
    needs_no_key = provider in (Route.OLLAMA, Route.OTHER) or (
        provider is Route.GEMINI and settings.google_api_key
    )
    return not (any(keys) or has_server or needs_no_key)


def _direct(settings: ModelSettings, provider: Route | None, rest: str) -> ModelChoice | None:
    """The provider in the name, if it can be called directly."""
    match provider:
        case Route.ANTHROPIC if settings.anthropic_api_key:
            return ModelChoice(Route.ANTHROPIC, rest, settings.anthropic_base_url)
        case Route.GEMINI if settings.gemini_key:
            return ModelChoice(Route.GEMINI, rest, settings.gemini_base_url)
        case Route.OLLAMA:
            return ModelChoice(Route.OLLAMA, rest, settings.ollama_host)
        case Route.OTHER if not settings.openrouter_api_key or settings.openai_api_key:
            return ModelChoice(Route.OTHER, rest, settings.other_base_url)
        case _:
            return None


def _first_key(settings: ModelSettings) -> ModelChoice:
    if settings.anthropic_api_key:
        model = DEFAULT_MODELS[Route.ANTHROPIC]
        return ModelChoice(Route.ANTHROPIC, model, settings.anthropic_base_url)
    return ModelChoice(Route.GEMINI, DEFAULT_MODELS[Route.GEMINI], settings.gemini_base_url)


def _named_provider(
    settings: ModelSettings, provider: Route | None, rest: str, base_url: str | None
) -> ModelChoice:
    """The provider in the name, although its key may be missing. A bare name is OpenAI's."""
    if provider in (Route.ANTHROPIC, Route.GEMINI):
        return ModelChoice(provider, rest)
    if provider is Route.OPENROUTER:
        return ModelChoice(Route.OPENROUTER, rest, settings.openrouter_base_url)
    return ModelChoice(Route.OPENAI, rest or DEFAULT_MODEL, base_url)


def settings_to_env(
    settings: ModelSettings, crew_model: str | None = None, *, over_the_crews: bool = False
) -> dict[str, str]:
    """The variables to set in a child's environment, after removing `MODEL_VARIABLES` from it.

    With `crew_model` or `over_the_crews`, the model replaces every model that the crew's code
    names. Empty for the offline drafter: pass its own settings (`OfflineDrafter.settings()`)
    instead.
    """
    choice = choose(settings, crew_model)
    if choice.route is Route.OFFLINE:
        return {}
    variables = {**_of_other_providers(settings), **_of_choice(settings, choice)}
    if crew_model or over_the_crews:
        variables |= _overlay(choice, variables)
    return variables


def _of_choice(settings: ModelSettings, choice: ModelChoice) -> dict[str, str]:
    match choice.route:
        case Route.OPENAI:
            return {**_model(choice.model), **_openai(settings.openai_api_key, choice.base_url)}
        case Route.COMPATIBLE:
            # CrewAI removes the first `openai/` and sends the rest unchanged to the base URL.
            # Without it, a name such as `anthropic/claude` would go to another provider.
            key = settings.openai_api_key or NO_KEY
            return {**_model(f"openai/{choice.model}"), **_openai(key, choice.base_url)}
        case Route.GEMINI:
            base_url = (choice.base_url or GEMINI_ADDRESS).rstrip("/") + _GEMINI_PATH
            return {
                **_model(f"openai/{choice.model}"),
                **_openai(settings.gemini_key or "", base_url),
            }
        case Route.OPENROUTER | Route.ANTHROPIC | Route.OLLAMA:
            return _model(f"{choice.route}/{choice.model}")
        case Route.OTHER:
            address = {"BASE_URL": choice.base_url} if choice.base_url else {}
            return {**_model(choice.model), **address}
        case Route.OFFLINE:
            return _model(choice.model)
        case _:
            assert_never(choice.route)


def _model(name: str) -> dict[str, str]:
    return {"MODEL": name, "OPENAI_MODEL_NAME": name}


def _openai(key: str | None, base_url: str | None) -> dict[str, str]:
    variables = {"OPENAI_API_KEY": key or ""}
    if base_url:
        variables |= {"OPENAI_BASE_URL": base_url, "OPENAI_API_BASE": base_url}
    return variables


def _of_other_providers(settings: ModelSettings) -> dict[str, str]:
    """Keys and addresses for the models that a crew's code names itself.

    OPENAI_API_KEY is included only if it is OpenAI's own. CrewAI would apply OPENAI_BASE_URL to
    every provider, so it is left out; without it, another server's key would be sent to OpenAI.
    """
    variables = {
        "OPENAI_API_KEY": None if settings.openai_base_url else settings.openai_api_key,
        "OPENROUTER_API_KEY": settings.openrouter_api_key,
        "OPENROUTER_BASE_URL": settings.openrouter_base_url,
        "ANTHROPIC_API_KEY": settings.anthropic_api_key,
        "ANTHROPIC_BASE_URL": settings.anthropic_base_url,
        "GEMINI_API_KEY": settings.gemini_api_key,
        "GOOGLE_GEMINI_BASE_URL": settings.gemini_base_url,
        "OLLAMA_HOST": settings.ollama_host,
    }
    return {name: value for name, value in variables.items() if value}


def _overlay(choice: ModelChoice, variables: dict[str, str]) -> dict[str, str]:
    """The same model in a form that works without an address in the crew's code.

    CrewAI accepts `openai/` with an unknown name only together with an address. It accepts any
    name for a vLLM server, which speaks the same protocol.
    """
    if choice.route not in (Route.COMPATIBLE, Route.GEMINI):
        return {OVERLAY_VARIABLE: variables["MODEL"]}
    return {
        OVERLAY_VARIABLE: f"{OVERLAY_PROVIDER}/{choice.model}",
        "VLLM_API_KEY": variables["OPENAI_API_KEY"],
        "VLLM_BASE_URL": variables["OPENAI_BASE_URL"],
    }


def _openrouter_model(name: str) -> str:
    """OpenRouter's name for a model: `vendor/model`. A bare name is OpenAI's."""
    if not name:
        return f"openai/{DEFAULT_MODEL}"
    if name.count("/") > 1:
        name = name.removeprefix("openrouter/")
    return name if "/" in name else f"openai/{name}"
