"""What a crew raised, in words for the person who started it, and whether to try again."""

from __future__ import annotations

from collections.abc import Callable
from urllib.error import URLError

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


class BaseLLM:
    """Has the name and module of CrewAI's models."""

    def call(self, work: Callable[[], object]) -> object:
        return work()


class BaseTool:
    """Has the name and module of CrewAI's tools."""

    def run(self, work: Callable[[], object]) -> object:
        return work()


BaseLLM.__module__ = "crewai.llms.base_llm"
BaseTool.__module__ = "crewai.tools.base_tool"


def raised(error: BaseException, *, cause: BaseException | None = None) -> BaseException:
    """The error as it is caught, with its traceback."""
    return _caught(lambda: _raise(error, cause))


def raised_by_model(error: BaseException) -> BaseException:
    return _caught(lambda: BaseLLM().call(lambda: _raise(error, None)))


def raised_by_tool(error: BaseException) -> BaseException:
    """A tool that a model's own call has called."""
    tool = BaseTool()
    return _caught(lambda: BaseLLM().call(lambda: tool.run(lambda: _raise(error, None))))


def _raise(error: BaseException, cause: BaseException | None) -> None:
    raise error from cause


def _caught(work: Callable[[], object]) -> BaseException:
    try:
        work()
    except BaseException as caught:  # noqa: BLE001 SystemExit is one of them
        return caught
    raise AssertionError("nothing was raised")


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
    failure = failure_of(raised_by_model(ProviderError(status)))

    assert words in failure.message
    assert failure.retryable is retryable
    assert "sk-secret" not in failure.message


def test_an_exhausted_account_is_not_asked_again_although_its_status_is_that_of_haste() -> None:
    failure = failure_of(raised_by_model(ProviderError(429, "insufficient_quota")))

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
    failure = failure_of(raised_by_model(error))

    assert words in failure.message
    assert failure.retryable


class HTTPStatusError(Exception):
    """As the usual HTTP clients raise them: the status is on the response."""

    def __init__(self, status: int) -> None:
        super().__init__(f"{status} from https://crm.example")
        self.response = ProviderError(status)


@pytest.mark.parametrize("raising", [raised, raised_by_tool])
@pytest.mark.parametrize(
    ("error", "words", "retryable"),
    [
        (HTTPStatusError(401), "refused access (HTTP 401): HTTPStatusError: 401", False),
        (ProviderError(403), "refused access (HTTP 403)", False),
        (HTTPStatusError(404), "answered with HTTP 404", False),
        (HTTPStatusError(503), "answered with HTTP 503", True),
        (ConnectionRefusedError(111, "refused"), "could not be reached", True),
        (URLError("no host"), "could not be reached", True),
        (APITimeoutError(), "did not answer in time", True),
    ],
)
def test_a_service_that_the_crew_uses_is_not_taken_for_the_model(
    error: Exception,
    words: str,
    retryable: bool,
    raising: Callable[[BaseException], BaseException],
) -> None:
    failure = failure_of(raising(error))

    assert failure.message.startswith("A service that the crew itself uses ")
    assert words in failure.message
    assert failure.retryable is retryable


def test_a_missing_input_is_named_and_cannot_be_helped_by_a_retry() -> None:
    missing = KeyError("Template variable 'town' not found in inputs dictionary")

    failure = failure_of(raised(ValueError("Missing required template variable"), cause=missing))

    assert failure.message.startswith("The crew needs the input 'town', which it did not get.")
    assert not failure.retryable
    assert not failure.retry_helps


@pytest.mark.parametrize(
    ("error", "words", "retryable"),
    [
        (HookAborted("too dear"), "Change the request or the hook: HookAborted: too dear", False),
        (LLMContextLengthExceededError("8192"), "exceed the model's context", False),
        (EOFError("EOF when reading a line"), "asked for input on a console", False),
        (ValueError("GOOGLE_API_KEY is required"), "GOOGLE_API_KEY", False),
        (ImportError("Anthropic native provider not available"), "not installed", False),
        (RuntimeError("Task failed guardrail validation after 3"), "crew's guardrail", True),
        (ValueError("Invalid response from LLM call - None"), "empty answer", True),
        (ValueError("No valid task outputs available to create crew"), "empty answer", True),
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
    refused = raised_by_model(ProviderError(401))
    wrapped = raised(RuntimeError("it went wrong"), cause=refused)
    in_a_handler = RuntimeError("it went wrong")
    in_a_handler.__context__ = raised_by_model(TimeoutError())

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
