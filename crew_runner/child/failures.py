"""Turns an exception from a crew into a message for the person who started it.

Errors are recognized by their attributes (a status code, a builtin class) rather than their
classes, so that every provider's client is understood and none is imported.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from typing import Final

from pydantic import ValidationError

from .records import Failure

_MAX_MESSAGE: Final = 300
_REPLACED_ADVICE: Final = {
    # With all its dependencies, it would hold back packages that the bot needs in newer versions.
    'to install: uv add "crewai[google-genai]"': (
        "to install: pip install --no-deps google-genai==1.65.* google-auth==2.* pyasn1==0.6.* "
        "pyasn1-modules==0.4.*"
    ),
}
"""Advice in errors that does not apply here, and its replacement."""

_MAX_DETAIL: Final = 20_000
_MISSING_KEY: Final = (
    "The crew names a model of its own, and its provider's key is not set: {error} Set it for the "
    "bot, or set `model:` for the crew in crews.yml."
)
_MISSING_CLIENT: Final = (
    "The crew names a model whose client is not installed: {error} Install it, or set "
    "`model:` for the crew in crews.yml."
)
_CREWAI_ERRORS: Final = (
    (
        "HookAborted: ",
        "A hook of the crew stopped the run. Change the request or the hook: {error}",
        False,
    ),
    (
        "LLMContextLengthExceededError: ",
        "The run's texts exceed the model's context. Shorten the request, or use another model.",
        False,
    ),
    (
        "EOFError: ",
        "The crew asked for input on a console, and there is none. Use `human_input=True` or "
        "`@human_feedback` instead.",
        False,
    ),
    (
        "Missing required template variable",
        "The crew's prompts need an input that it does not get. Set it in "
        "`before_kickoff`: {error}",
        False,
    ),
    (
        "not found in inputs",
        "The crew's prompts need an input that it does not get. Set it in "
        "`before_kickoff`: {error}",
        False,
    ),
    ("_API_KEY is required", _MISSING_KEY, False),
    ("API key required for", _MISSING_KEY, False),
    ("LiteLLM fallback package is not installed", _MISSING_CLIENT, False),
    ("native provider not available", _MISSING_CLIENT, False),
    ("guardrail validation", "An output did not pass the crew's guardrail: {error}", True),
    (
        "Invalid response from LLM call",
        "The model returned an empty answer. Try again later.",
        True,
    ),
)
"""A marker in the error, the message for it, and whether a retry may help."""


class CrewProblem(Exception):
    """A failure with a message for people. `retryable`: whether a retry may help."""

    def __init__(self, message: str, *, retryable: bool = False, detail: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.retryable = retryable
        self.detail = detail


def failure_of(error: BaseException) -> Failure:
    """The failure for `error`, with the traceback as its detail."""
    detail = "".join(traceback.format_exception(error))
    message, retryable = _message_for(error)
    if isinstance(error, CrewProblem) and error.detail:
        detail = f"{detail}\n{error.detail}"
    return Failure(message=message, detail=detail[-_MAX_DETAIL:], retryable=retryable)


def _message_for(error: BaseException) -> tuple[str, bool]:
    if isinstance(error, CrewProblem):
        return error.message, error.retryable
    if isinstance(error, SystemExit):
        return (
            "The crew's code exited in the middle of the phase. Remove the call of `sys.exit()`."
        ), False
    for cause in error_chain(error):
        result = _model_error(cause) or _crewai_error(cause)
        if result is not None:
            return result
    return f"The crew failed with an error of its own: {summarize(error)}", True


def _model_error(error: BaseException) -> tuple[str, bool] | None:
    status = getattr(error, "status_code", None)
    if isinstance(status, int):
        return _http_error(status, code=str(getattr(error, "code", "")))
    if isinstance(error, TimeoutError) or type(error).__name__ == "APITimeoutError":
        return "The model did not answer in time. Try again later.", True
    if isinstance(error, ConnectionError) or type(error).__name__ == "APIConnectionError":
        return "The model could not be reached. Check its address and the network.", True
    return None


def _http_error(status: int, *, code: str) -> tuple[str, bool]:
    if status in (401, 403):
        return (
            f"The model's provider refused the API key (HTTP {status}). Set a key that it accepts "
            "for the bot, start it again and choose Retry; `countersign doctor` tests it.",
            False,
        )
    if code == "insufficient_quota" or status == 402:
        return (
            "The account at the model's provider has no quota left. Add credit there, then retry."
        ), False
    if status == 404:
        return (
            "The model's provider does not know this model or address (HTTP 404). Check the "
            "model's name and the base URL."
        ), False
    if status == 429:
        return "The model's provider received too many requests (HTTP 429). Try again later.", True
    if status in (408, 409, 425) or status >= 500:
        return f"The model's provider failed (HTTP {status}). Try again later.", True
    return (
        f"The model's provider rejected the request (HTTP {status}). The bot's log has its answer."
    ), False


def _crewai_error(error: BaseException) -> tuple[str, bool] | None:
    text = f"{type(error).__name__}: {error}"
    for marker, message, retryable in _CREWAI_ERRORS:
        if marker in text:
            return message.format(error=summarize(error)), retryable
    return None


def known_problem(error: BaseException) -> str | None:
    """The message for an error of CrewAI whose cause is known, or None."""
    results = (_crewai_error(cause) for cause in error_chain(error))
    return next((message for message, _retryable in filter(None, results)), None)


def error_chain(error: BaseException) -> Iterator[BaseException]:
    """The error and its causes, the innermost last."""
    visited: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in visited:
        visited.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def summarize(error: BaseException) -> str:
    """The error's class and text on one line, short enough for a message."""
    text = _describe_validation_error(error) if isinstance(error, ValidationError) else str(error)
    message = ": ".join(filter(None, [type(error).__name__, " ".join(text.split())]))
    for advice, replacement in _REPLACED_ADVICE.items():
        message = message.replace(advice, replacement)
    return message if len(message) <= _MAX_MESSAGE else message[: _MAX_MESSAGE - 1] + "…"


def _describe_validation_error(error: ValidationError) -> str:
    """The problem with each field, without its value, which may contain a key."""
    problems = (
        f"{'.'.join(map(str, each['loc']))}: {each['msg']}"
        for each in error.errors(include_url=False, include_context=False, include_input=False)
    )
    return f"{error.title}: {'; '.join(problems)}"
