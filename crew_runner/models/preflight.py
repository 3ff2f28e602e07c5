"""Whether a provider takes the key, asked before any work is begun.

Only a clear refusal counts. A provider that is slow, away or in trouble may be well again when the
crew asks it.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from crew_runner.models.environment import GEMINI_ADDRESS, NO_KEY

SECONDS: Final = 3.0
_LARGEST_ANSWER: Final = 64 * 1024
_OPENAI: Final = "https://api.openai.com/v1"
_OPENROUTER: Final = "https://openrouter.ai/api/v1"
_ANTHROPIC: Final = "https://api.anthropic.com"
_OLLAMA_PORT: Final = 11434
_ANTHROPIC_VERSION: Final = "2023-06-01"
_ADDRESSES: Final = {
    "OPENAI_API_KEY": "OPENAI_BASE_URL",
    "OPENROUTER_API_KEY": "OPENROUTER_BASE_URL",
    "ANTHROPIC_API_KEY": "ANTHROPIC_BASE_URL",
    "GEMINI_API_KEY": "GOOGLE_GEMINI_BASE_URL",
    "OLLAMA_API_KEY": "OLLAMA_HOST",
}
_MAY_NOT_LIST: Final = ("scope", "insufficient permission")
"""In the refusal of a key that is good, but not for listing models."""


@dataclass(frozen=True, slots=True)
class Provider:
    """Where a crew's default model is asked, as its variables say it."""

    model: str
    base_url: str
    key: str
    variable: str
    """Which variable holds the key."""
    headers: Mapping[str, str] = field(repr=False)

    @property
    def address_variable(self) -> str:
        """Which variable the operator sets for another address."""
        return _ADDRESSES[self.variable]

    @property
    def host(self) -> str:
        return urlsplit(self.base_url).netloc


def provider_in(variables: Mapping[str, str]) -> Provider | None:
    """The provider that the variables of `settings_to_env` lead to.

    None: nothing can be asked of it here, for it needs no key or is set up in ways of its own.
    """
    named = variables.get("MODEL", "")
    prefix, slash, model = named.partition("/")
    match prefix if slash else "openai":
        case "openrouter":
            base_url = variables.get("OPENROUTER_BASE_URL") or _OPENROUTER
            return _bearing(variables, "OPENROUTER_API_KEY", base_url, model)
        case "anthropic":
            key = variables.get("ANTHROPIC_API_KEY", "")
            headers = {"x-api-key": key, "anthropic-version": _ANTHROPIC_VERSION}
            base_url = variables.get("ANTHROPIC_BASE_URL") or _ANTHROPIC
            base_url = base_url.rstrip("/").removesuffix("/v1") + "/v1"
            return Provider(model, base_url, key, "ANTHROPIC_API_KEY", headers)
        case "ollama":
            base_url = _ollama(variables.get("OLLAMA_HOST", ""))
            return _bearing({"OLLAMA_API_KEY": "ollama"}, "OLLAMA_API_KEY", base_url, model)
        case "openai" if named:
            base_url = variables.get("OPENAI_BASE_URL") or _OPENAI
            return _bearing(variables, _variable(variables), base_url, model or named)
        case _:
            return None


def _bearing(variables: Mapping[str, str], variable: str, base_url: str, model: str) -> Provider:
    key = variables.get(variable) or variables.get("OPENAI_API_KEY", "")
    return Provider(model, base_url.rstrip("/"), key, variable, {"Authorization": f"Bearer {key}"})


def _ollama(host: str) -> str:
    """As CrewAI reads OLLAMA_HOST: a host, a host with its port, or an address."""
    parts = urlsplit(host if "://" in host else f"http://{host or 'localhost'}")
    port = f":{_OLLAMA_PORT}" if parts.scheme == "http" and parts.port is None else ""
    path = parts.path.rstrip("/").removesuffix("/v1")
    return f"{parts.scheme}://{parts.netloc}{port}{path}/v1"


def _variable(variables: Mapping[str, str]) -> str:
    """Gemini is asked in OpenAI's protocol: its key then stands under OpenAI's name as well."""
    base_url = variables.get("OPENAI_BASE_URL", "")
    gemini = variables.get("GOOGLE_GEMINI_BASE_URL") or GEMINI_ADDRESS
    return "GEMINI_API_KEY" if base_url.startswith(gemini) else "OPENAI_API_KEY"


def problem_of(variables: Mapping[str, str], *, seconds: float = SECONDS) -> str | None:
    """Why no model can be asked with these variables, in words and without the key; else None."""
    provider = provider_in(variables)
    if provider is None:
        return None
    if not provider.key:
        return (
            f"The model {provider.model} needs a key, and {provider.variable} is not set. "
            "Set it for the bot and start it again, or name another model."
        )
    try:
        status, said = ask(_listing(provider), seconds=seconds)
    except (OSError, HTTPException, ValueError):
        return None
    return verdict(provider, status, said)


def verdict(provider: Provider, status: int, said: str) -> str | None:
    """What an answer to the listing means for the key."""
    if not refuses_key(status, said):
        return None
    if provider.key == NO_KEY:
        return (
            f"The model server at {provider.host} wants a key ({status}). "
            f"Set {provider.variable} for the bot and start it again."
        )
    return (
        f"The model provider refused the key in {provider.variable} "
        f"({status} from {provider.host}). Set a key that it accepts for the bot and start it "
        "again; `countersign doctor` tests it."
    )


def refuses_key(status: int, said: str) -> bool:
    """Whether the key itself is refused, and not what it was used for."""
    said = said.lower()
    if status == 400:
        return "api key not valid" in said  # Google's way to say it
    return status in (401, 403) and not any(sign in said for sign in _MAY_NOT_LIST)


def _listing(provider: Provider) -> urllib.request.Request:
    """A question that costs nothing and needs a good key. OpenRouter lists models to anybody."""
    path = "/key" if provider.variable == "OPENROUTER_API_KEY" else "/models"
    return _request(provider, path, None)


def trial(provider: Provider) -> urllib.request.Request:
    """A question of two words to the model itself."""
    asked: dict[str, Any] = {
        "model": provider.model,
        "messages": [{"role": "user", "content": "Say ok."}],
    }
    if provider.variable == "ANTHROPIC_API_KEY":
        return _request(provider, "/messages", {**asked, "max_tokens": 16})
    return _request(provider, "/chat/completions", asked)


def _request(
    provider: Provider, path: str, body: Mapping[str, Any] | None
) -> urllib.request.Request:
    return urllib.request.Request(  # noqa: S310  # the operator's own base URL
        provider.base_url + path,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "User-Agent": "countersign"}
        | dict(provider.headers),
    )


def ask(request: urllib.request.Request, *, seconds: float) -> tuple[int, str]:
    """The answer's status and its beginning. Raises OSError, HTTPException or ValueError."""
    handlers = [urllib.request.ProxyHandler({})] if _is_here(request.host) else []
    opener = urllib.request.build_opener(*handlers)
    try:
        with opener.open(request, timeout=seconds) as answer:
            return answer.status, answer.read(_LARGEST_ANSWER).decode(errors="replace")
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.read(_LARGEST_ANSWER).decode(errors="replace")


def _is_here(host: str) -> bool:
    """Whether it is this machine, which no proxy stands before."""
    name = urlsplit(f"//{host}").hostname or ""
    try:
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False
