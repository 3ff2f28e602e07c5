"""What a crew raised, in words for the person who started it, and whether to try again."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ValidationError

from crew_runner.child.failures import CrewProblem, failure_of, summarize


class ProviderError(Exception):
    """As every provider's client raises them: with the status of the answer."""

    def __init__(self, status_code: int, code: str | None = None) -> None:
        super().__init__("sk-secret was refused")
        self.status_code = status_code
        self.code = code


class APITimeoutError(Exception):
    pass


class APIConnectionError(Exception):
    pass


class HookAborted(Exception):
    pass


class LLMContextLengthExceededError(Exception):
    pass


def raised(error: BaseException, *, cause: BaseException | None = None) -> BaseException:
    """The error as it is caught, with its traceback."""
    try:
        raise error from cause
    except BaseException as caught:  # noqa: BLE001 SystemExit is one of them
        return caught


@pytest.mark.parametrize(
    ("status", "words", "retryable"),
    [
        (401, "refused the API key (HTTP 401)", False),
        (403, "refused the API key (HTTP 403)", False),
        (402, "no quota left", False),
        (404, "does not know this model", False),
        (429, "too many requests", True),
        (408, "provider failed (HTTP 408)", True),
        (500, "provider failed (HTTP 500)", True),
        (503, "provider failed (HTTP 503)", True),
        (400, "rejected the request (HTTP 400)", False),
        (499, "rejected the request (HTTP 499)", False),
    ],
)
def test_a_models_answer_is_told_by_its_status_and_without_its_text(
    status: int, words: str, retryable: bool
) -> None:
    failure = failure_of(raised(ProviderError(status)))

    assert words in failure.message
    assert failure.retryable is retryable
    assert "sk-secret" not in failure.message


def test_an_exhausted_account_is_not_asked_again_although_its_status_is_that_of_haste() -> None:
    failure = failure_of(ProviderError(429, "insufficient_quota"))

    assert "no quota left" in failure.message
    assert not failure.retryable


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (TimeoutError(), "did not answer in time"),
        (APITimeoutError(), "did not answer in time"),
        (ConnectionResetError(), "could not be reached"),
        (APIConnectionError(), "could not be reached"),
    ],
)
def test_a_model_that_is_slow_or_away_may_answer_the_next_time(
    error: Exception, words: str
) -> None:
    failure = failure_of(error)

    assert words in failure.message
    assert failure.retryable


@pytest.mark.parametrize(
    ("error", "words", "retryable"),
    [
        (HookAborted("too dear"), "Change the request or the hook: HookAborted: too dear", False),
        (LLMContextLengthExceededError("8192"), "exceed the model's context", False),
        (EOFError("EOF when reading a line"), "asked for input on a console", False),
        (ValueError("Missing required template variable 'topic'"), "'topic'", False),
        (KeyError("Template variable 'town' not found in inputs"), "'town'", False),
        (ValueError("GOOGLE_API_KEY is required"), "GOOGLE_API_KEY", False),
        (ImportError("Anthropic native provider not available"), "not installed", False),
        (RuntimeError("Task failed guardrail validation after 3"), "crew's guardrail", True),
        (ValueError("Invalid response from LLM call - None"), "empty answer", True),
        (SystemExit(3), "exited in the middle of the phase", False),
        (ZeroDivisionError("division by zero"), "ZeroDivisionError: division by zero", True),
    ],
)
def test_what_crews_often_raise_is_told_in_words(
    error: BaseException, words: str, retryable: bool
) -> None:
    failure = failure_of(raised(error))

    assert words in failure.message
    assert failure.retryable is retryable


def test_the_cause_that_a_crew_wrapped_is_found() -> None:
    wrapped = raised(RuntimeError("it went wrong"), cause=raised(ProviderError(401)))
    in_a_handler = RuntimeError("it went wrong")
    in_a_handler.__context__ = TimeoutError()

    assert "refused the API key" in failure_of(wrapped).message
    assert "did not answer in time" in failure_of(in_a_handler).message


def test_errors_that_cause_each_other_come_to_an_end() -> None:
    chicken, egg = RuntimeError("chicken"), RuntimeError("egg")
    chicken.__cause__, egg.__cause__ = egg, chicken

    assert "RuntimeError: chicken" in failure_of(chicken).message


@pytest.mark.parametrize("retryable", [True, False])
def test_a_problem_that_has_its_words_keeps_them(retryable: bool) -> None:
    problem = CrewProblem("No such crew.", retryable=retryable, detail="what it printed")

    failure = failure_of(raised(problem))

    assert (failure.message, failure.retryable) == ("No such crew.", retryable)
    assert failure.detail.endswith("what it printed")
    assert "Traceback" in failure.detail


def test_a_traceback_is_cut_at_its_beginning() -> None:
    detail = failure_of(raised(ValueError("x" * 50_000 + " the end"))).detail

    assert len(detail) == 20_000
    assert detail.rstrip().endswith("the end")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError("two\n  lines"), "ValueError: two lines"),
        (ValueError(), "ValueError"),
        (ValueError("x" * 288), f"ValueError: {'x' * 288}"),
        (ValueError("x" * 289), f"ValueError: {'x' * 287}…"),
    ],
)
def test_an_error_is_shown_on_one_line_that_fits_a_message(error: Exception, words: str) -> None:
    assert summarize(error) == words


def test_a_wrong_value_is_not_shown_for_it_may_be_a_key() -> None:
    class Settings(BaseModel):
        retries: int

    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({"retries": "sk-secret"})

    words = summarize(caught.value)
    assert words.startswith("ValidationError: Settings: retries: ")
    assert "sk-secret" not in words


def test_advice_to_install_names_a_command_that_does_here() -> None:
    error = ImportError('to install: uv add "crewai[google-genai]"')

    assert "uv add" not in summarize(error)
    assert "pip install --no-deps google-genai" in summarize(error)
