"""Turns an exception from a crew into a message for the person who started it.

Errors are recognized by their attributes (a status code) and the names of their classes, so that
every client is understood and none is imported. Only an error that was raised below a model call is
the model's: any other is the crew's own, or that of a service which its code uses.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator
from types import TracebackType
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
    ("_API_KEY is required", _MISSING_KEY, False),
    ("API key required for", _MISSING_KEY, False),
    ("LiteLLM fallback package is not installed", _MISSING_CLIENT, False),
    ("native provider not available", _MISSING_CLIENT, False),
    (
        "Either 'agents' and 'tasks' need to be set",
        "The crew has no agents or no tasks. Add at least one of each to it.",
        False,
    ),
    ("guardrail validation", "An output did not pass the crew's guardrail: {error}", True),
    (
        "Invalid response from LLM call",
        "The model returned an empty answer. Try again later.",
        True,
    ),
    (
        "No valid task outputs available",
        "The model returned an empty answer. Try again later.",
        True,
    ),
)
"""A marker in the error, the message for it, and whether a retry may help."""


_TEMPLATE_VARIABLE: Final = re.compile(r"Template variable '([^']+)' not found")
_MISSING_INPUT: Final = (
    "The crew needs the input {name!r}, which it did not get. Start it again with a value for it, "
    "or set one under `inputs` in crews.yml."
)
_CONNECTION_ERRORS: Final = frozenset(
    {
        "APIConnectionError",
        "ClientConnectionError",
        "ConnectError",
        "ConnectionError",
        "NetworkError",
        "NewConnectionError",
        "RemoteProtocolError",
        "URLError",
    }
)
_TIMEOUTS: Final = frozenset(
    {"APITimeoutError", "ReadTimeout", "Timeout", "TimeoutException", "ServerTimeoutError"}
)
"""Classes of the usual clients, found by name among an error's classes."""

_MODEL_CLASS: Final = "BaseLLM"
_TOOL_CLASS: Final = "BaseTool"


class CrewProblem(Exception):
    """A failure with a message for people.

    `retryable`: whether the worker tries again by itself. `retry_helps`: whether a person can
    remove the cause and then resume this execution.
    """

    def __init__(
        self, message: str, *, retryable: bool = False, detail: str = "", retry_helps: bool = True
    ) -> None:
        super().__init__(message)
        self.message = message
        self.retryable = retryable
        self.detail = detail
        self.retry_helps = retry_helps


def failure_of(error: BaseException) -> Failure:
    """The failure for `error`, with the traceback as its detail."""
    detail = "".join(traceback.format_exception(error))
    if isinstance(error, CrewProblem) and error.detail:
        detail = f"{detail}\n{error.detail}"
    problem = error if isinstance(error, CrewProblem) else _problem_of(error)
    return Failure(
        message=problem.message,
        detail=detail[-_MAX_DETAIL:],
        retryable=problem.retryable,
        retry_helps=problem.retry_helps,
    )


def _problem_of(error: BaseException) -> CrewProblem:
    if isinstance(error, SystemExit):
        return CrewProblem(
            "The crew's code exited in the middle of the phase. Remove the call of `sys.exit()`."
        )
    chain = list(error_chain(error))
    is_models = any(_is_below_model_call(cause.__traceback__) for cause in chain)
    for cause in chain:
        missing = _TEMPLATE_VARIABLE.search(str(cause))
        if missing:
            return CrewProblem(_MISSING_INPUT.format(name=missing[1]), retry_helps=False)
        result = _model_error(cause) if is_models else _service_error(cause)
        result = result or _crewai_error(cause)
        if result is not None:
            message, retryable = result
            return CrewProblem(message, retryable=retryable)
    message = f"The crew failed with an error of its own: {summarize(error)}"
    return CrewProblem(message, retryable=True)


def _is_below_model_call(trace: TracebackType | None) -> bool:
    """Whether a model's method was running, and no tool that it called."""
    below = False
    while trace is not None:
        owner = type(trace.tb_frame.f_locals.get("self"))
        names = {base.__name__ for base in owner.__mro__ if base.__module__.startswith("crewai.")}
        if _MODEL_CLASS in names:
            below = True
        elif _TOOL_CLASS in names:
            below = False
        trace = trace.tb_next
    return below


def _model_error(error: BaseException) -> tuple[str, bool] | None:
    status = _status_of(error)
    if status is not None:
        return _http_error(status, code=str(getattr(error, "code", "")))
    if _is_timeout(error):
        return "The model did not answer in time. Try again later.", True
    if _is_connection_error(error):
        return "The model could not be reached. Check its address and the network.", True
    return None


def _service_error(error: BaseException) -> tuple[str, bool] | None:
    """An error of a service that the crew's own code uses."""
    status = _status_of(error)
    if status in (401, 403):
        return (
            f"A service that the crew itself uses refused access (HTTP {status}): "
            f"{summarize(error)}. Check the crew's own key for it.",
            False,
        )
    if status is not None:
        return (
            f"A service that the crew itself uses answered with HTTP {status}: {summarize(error)}",
            status in (408, 409, 425, 429) or status >= 500,
        )
    if _is_connection_error(error):
        return (
            f"A service that the crew itself uses could not be reached: {summarize(error)}. "
            "Check that it is running, and its address in the crew.",
            True,
        )
    if _names_of(error) & _TIMEOUTS:
        return (
            f"A service that the crew itself uses did not answer in time: {summarize(error)}",
            True,
        )
    return None


def _status_of(error: BaseException) -> int | None:
    """The HTTP status, which clients put on the error itself or on its response."""
    for holder in (error, getattr(error, "response", None)):
        status = getattr(holder, "status_code", None) or getattr(holder, "status", None)
        if isinstance(status, int) and 400 <= status <= 599:
            return status
    code = getattr(error, "code", None)  # urllib's
    return code if type(error).__name__ == "HTTPError" and isinstance(code, int) else None


def _is_timeout(error: BaseException) -> bool:
    return isinstance(error, TimeoutError) or bool(_names_of(error) & _TIMEOUTS)


def _is_connection_error(error: BaseException) -> bool:
    return bool(_names_of(error) & _CONNECTION_ERRORS) and not _names_of(error) & _TIMEOUTS


def _names_of(error: BaseException) -> set[str]:
    return {base.__name__ for base in type(error).__mro__}


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
