"""What a crew raised, in words for the person who started it.

Goes by what errors carry (a status code, a builtin class) and not by their classes, so that every
provider's client is understood and none is imported.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from typing import Final

from pydantic import ValidationError

from crew_runner.child.records import Failure

_LONGEST_WORDS: Final = 300
_ADVICE: Final = {
    # With all that it asks for it would hold back packages that the bot needs newer.
    'to install: uv add "crewai[google-genai]"': (
        "to install: pip install --no-deps google-genai==1.65.* google-auth==2.* pyasn1==0.6.* "
        "pyasn1-modules==0.4.*"
    ),
}
"""What errors advise that does not do here, and what does."""

_LONGEST_DETAIL: Final = 20_000
_NO_KEY: Final = (
    "The crew names a model of its own, and its provider's key is not set: {error} Set it for the "
    "bot, or give the crew a `model:` in crews.yml."
)
_NO_CLIENT: Final = (
    "The crew names a model whose client is not installed: {error} Install it, or give the crew a "
    "`model:` in crews.yml."
)
_CREWAI_ERRORS: Final = (
    ("HookAborted: ", "The crew was stopped by a check of its own: {error}", False),
    (
        "LLMContextLengthExceededError: ",
        "The texts of this run are longer than the model can read at once.",
        False,
    ),
    ("EOFError: ", "The crew asked for input on a console; there is none here.", False),
    (
        "Missing required template variable",
        "The crew's prompts need an input that it is not given: {error}",
        False,
    ),
    (
        "not found in inputs",
        "The crew's prompts need an input that it is not given: {error}",
        False,
    ),
    ("_API_KEY is required", _NO_KEY, False),
    ("API key required for", _NO_KEY, False),
    ("LiteLLM fallback package is not installed", _NO_CLIENT, False),
    ("native provider not available", _NO_CLIENT, False),
    ("guardrail validation", "An output did not pass the crew's own check: {error}", True),
    ("Invalid response from LLM call", "The model gave an empty answer.", True),
)
"""What stands in the error, the words for it, and whether trying again may help."""


class CrewProblem(Exception):
    """A failure that is already said in words. `retryable`: whether trying again may help."""

    def __init__(self, words: str, *, retryable: bool = False, detail: str = "") -> None:
        super().__init__(words)
        self.words = words
        self.retryable = retryable
        self.detail = detail


def failure_of(error: BaseException) -> Failure:
    """The failure that `error` comes to; its traceback is the detail."""
    detail = "".join(traceback.format_exception(error))
    words, retryable = _in_words(error)
    if isinstance(error, CrewProblem) and error.detail:
        detail = f"{detail}\n{error.detail}"
    return Failure(message=words, detail=detail[-_LONGEST_DETAIL:], retryable=retryable)


def _in_words(error: BaseException) -> tuple[str, bool]:
    if isinstance(error, CrewProblem):
        return error.words, error.retryable
    if isinstance(error, SystemExit):
        return "The crew's own code ended the program in the middle of the phase.", False
    for cause in _causes(error):
        found = _model_error(cause) or _crewai_error(cause)
        if found is not None:
            return found
    return f"The crew failed with an error of its own: {clipped(error)}", True


def _model_error(error: BaseException) -> tuple[str, bool] | None:
    status = getattr(error, "status_code", None)
    if isinstance(status, int):
        return _by_status(status, code=str(getattr(error, "code", "")))
    if isinstance(error, TimeoutError) or type(error).__name__ == "APITimeoutError":
        return "The model did not answer in time.", True
    if isinstance(error, ConnectionError) or type(error).__name__ == "APIConnectionError":
        return "The model could not be reached.", True
    return None


def _by_status(status: int, *, code: str) -> tuple[str, bool]:
    if status in (401, 403):
        return (
            f"The model's provider refused the API key (HTTP {status}). Set a key that it accepts "
            "for the bot, start it again and choose Retry; `countersign doctor` tests it.",
            False,
        )
    if code == "insufficient_quota" or status == 402:
        return "The account at the model's provider has no quota left.", False
    if status == 404:
        return "The model's provider does not know this model or address (HTTP 404).", False
    if status == 429:
        return "The model is answering too many requests just now (HTTP 429).", True
    if status in (408, 409, 425) or status >= 500:
        return f"The model is failing just now (HTTP {status}).", True
    return f"The model refused the request (HTTP {status}).", False


def _crewai_error(error: BaseException) -> tuple[str, bool] | None:
    said = f"{type(error).__name__}: {error}"
    for sign, words, retryable in _CREWAI_ERRORS:
        if sign in said:
            return words.format(error=clipped(error)), retryable
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what led to it, the innermost last."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def clipped(error: BaseException) -> str:
    """The kind of the error and what it says, on one line and short enough for a message."""
    said = _said(error) if isinstance(error, ValidationError) else str(error)
    words = ": ".join(filter(None, [type(error).__name__, " ".join(said.split())]))
    for advice, better in _ADVICE.items():
        words = words.replace(advice, better)
    return words if len(words) <= _LONGEST_WORDS else words[: _LONGEST_WORDS - 1] + "…"


def _said(error: ValidationError) -> str:
    """What is wrong with which field; not the values, for a key may stand among them."""
    wrong = (
        f"{'.'.join(map(str, each['loc']))}: {each['msg']}"
        for each in error.errors(include_url=False, include_context=False, include_input=False)
    )
    return f"{error.title}: {'; '.join(wrong)}"
