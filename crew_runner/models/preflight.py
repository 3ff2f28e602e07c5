"""Checks that the model's provider accepts the key before a phase starts.

Only a clear refusal counts: a provider that is slow or unreachable may have recovered when the
crew calls it.
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
_MAX_ANSWER_BYTES: Final = 64 * 1024
_OPENAI: Final = "https://api.openai.com/v1"
_OPENROUTER: Final = "https://openrouter.ai/api/v1"
_ANTHROPIC: Final = "https://api.anthropic.com"
_OLLAMA_PORT: Final = 11434
_ANTHROPIC_VERSION: Final = "2023-06-01"
FOR_THE_BOT: Final = "for the bot and start it again"
_ADDRESSES: Final = {
    "OPENAI_API_KEY": "OPENAI_BASE_URL",
    "OPENROUTER_API_KEY": "OPENROUTER_BASE_URL",
    "ANTHROPIC_API_KEY": "ANTHROPIC_BASE_URL",
    "GEMINI_API_KEY": "GOOGLE_GEMINI_BASE_URL",
    "OLLAMA_API_KEY": "OLLAMA_HOST",
}
_SCOPE_ERRORS: Final = ("scope", "insufficient permission")
"""Found in the refusal of a valid key that may not list models."""


@dataclass(frozen=True, slots=True)
class Provider:
    """The endpoint of a crew's default model, from its variables."""

    model: str
    base_url: str
    key: str
    variable: str
    """The variable that holds the key."""
    headers: Mapping[str, str] = field(repr=False)

    @property
    def address_variable(self) -> str:
        """The variable that sets another address."""
        return _ADDRESSES[self.variable]

    @property
    def host(self) -> str:
        return urlsplit(self.base_url).netloc


def provider_in(variables: Mapping[str, str]) -> Provider | None:
    """The provider that the variables of `settings_to_env` point to.

    None if it cannot be checked here: it needs no key, or has variables of its own.
    """
    model_setting = variables.get("MODEL", "")
    prefix, slash, model = model_setting.partition("/")
    match prefix if slash else "openai":
        case "openrouter":
            base_url = variables.get("OPENROUTER_BASE_URL") or _OPENROUTER
            return _with_bearer_key(variables, "OPENROUTER_API_KEY", base_url, model)
        case "anthropic":
            key = variables.get("ANTHROPIC_API_KEY", "")
            headers = {"x-api-key": key, "anthropic-version": _ANTHROPIC_VERSION}
            base_url = variables.get("ANTHROPIC_BASE_URL") or _ANTHROPIC
            base_url = base_url.rstrip("/").removesuffix("/v1") + "/v1"
            return Provider(model, base_url, key, "ANTHROPIC_API_KEY", headers)
        case "ollama":
            base_url = _ollama(variables.get("OLLAMA_HOST", ""))
            return _with_bearer_key({"OLLAMA_API_KEY": "ollama"}, "OLLAMA_API_KEY", base_url, model)
        case "openai" if model_setting:
            base_url = variables.get("OPENAI_BASE_URL") or _OPENAI
            return _with_bearer_key(
                variables, _variable(variables), base_url, model or model_setting
            )
        case _:
            return None


def _with_bearer_key(
    variables: Mapping[str, str], variable: str, base_url: str, model: str
) -> Provider:
    key = variables.get(variable) or variables.get("OPENAI_API_KEY", "")
    return Provider(model, base_url.rstrip("/"), key, variable, {"Authorization": f"Bearer {key}"})


def _ollama(host: str) -> str:
    """Reads OLLAMA_HOST as CrewAI does: a host, a host with a port, or a URL."""
    parts = urlsplit(host if "://" in host else f"http://{host or 'localhost'}")
    port = f":{_OLLAMA_PORT}" if parts.scheme == "http" and parts.port is None else ""
    path = parts.path.rstrip("/").removesuffix("/v1")
    return f"{parts.scheme}://{parts.netloc}{port}{path}/v1"


def _variable(variables: Mapping[str, str]) -> str:
    """Gemini is called in OpenAI's protocol, so its key is in OpenAI's variable as well."""
    base_url = variables.get("OPENAI_BASE_URL", "")
    gemini = variables.get("GOOGLE_GEMINI_BASE_URL") or GEMINI_ADDRESS
    return "GEMINI_API_KEY" if base_url.startswith(gemini) else "OPENAI_API_KEY"


def problem_of(
    variables: Mapping[str, str], *, seconds: float = SECONDS, where: str = FOR_THE_BOT
) -> str | None:
    """Why the model cannot be used with these variables, without the key, or None.

    `where`: the place at which they are set.
    """
    provider = provider_in(variables)
    if provider is None:
        return None
    if not provider.key:
        return (
            f"The model {provider.model} needs a key, and {provider.variable} is not set. "
            f"Set it {where}, or name another model."
        )
    try:
        status, body = ask(_listing_request(provider), seconds=seconds)
    except (OSError, HTTPException, ValueError):
        return None
    return verdict(provider, status, body, where=where)


def verdict(provider: Provider, status: int, body: str, *, where: str = FOR_THE_BOT) -> str | None:
    """The problem with the key that the response to the listing shows, or None."""
    if not refuses_key(status, body):
        return None
    if provider.key == NO_KEY:
        return (
            f"The model server at {provider.host} wants a key ({status}). "
            f"Set {provider.variable} {where}."
        )
    return (
        f"The model provider refused the key in {provider.variable} "
        f"({status} from {provider.host}). Set a key that it accepts {where}; "
        "`countersign doctor` tests it."
    )


def refuses_key(status: int, body: str) -> bool:
    """Whether the key itself is refused, rather than this use of it."""
    body = body.lower()
    if status == 400:
        return "api key not valid" in body  # Google's wording
    return status in (401, 403) and not any(marker in body for marker in _SCOPE_ERRORS)


def _listing_request(provider: Provider) -> urllib.request.Request:
    """A free request that needs a valid key. OpenRouter lists models without one."""
    path = "/key" if provider.variable == "OPENROUTER_API_KEY" else "/models"
    return _request(provider, path, None)


def trial(provider: Provider) -> urllib.request.Request:
    """A request with a prompt of two words for the model itself."""
    request_body: dict[str, Any] = {
        "model": provider.model,
        "messages": [{"role": "user", "content": "Say ok."}],
    }
    if provider.variable == "ANTHROPIC_API_KEY":
        return _request(provider, "/messages", {**request_body, "max_tokens": 16})
    return _request(provider, "/chat/completions", request_body)


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
    """Send the request; the status and the start of the body.

    Raises OSError, HTTPException or ValueError.
    """
    handlers = [urllib.request.ProxyHandler({})] if _is_loopback(request.host) else []
    opener = urllib.request.build_opener(*handlers)
    try:
        with opener.open(request, timeout=seconds) as answer:
            return answer.status, answer.read(_MAX_ANSWER_BYTES).decode(errors="replace")
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.read(_MAX_ANSWER_BYTES).decode(errors="replace")


def _is_loopback(host: str) -> bool:
    """Whether the host is this machine, which needs no proxy."""
    name = urlsplit(f"//{host}").hostname or ""
    try:
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False
