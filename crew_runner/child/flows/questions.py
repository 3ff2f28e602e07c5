"""`Flow.ask()` without a console: passes the question to a person and returns the answer."""

from __future__ import annotations

import hashlib
import inspect
import threading
from collections import Counter
from collections.abc import Iterator
from contextvars import ContextVar
from functools import wraps
from types import CodeType
from typing import Any, Final

from crewai import Flow

from ..crewai_internals import input_provider_of, replace_ask
from ..failures import failure_of
from ..messages import QUESTION_CHECKPOINT
from ..monitoring.run_limits import RunLimits
from ..older_crewai import ConsoleProvider, current_flow_method_name, flow_config
from ..records import Action, Question, QuestionKind

DEFAULT_QUESTION: Final = "The flow asks for an answer."

_seconds: ContextVar[float | None] = ContextVar("seconds", default=None)


class InputProvider:
    """CrewAI's input provider. Returns None without an answer, as `Flow.ask()` promises."""

    def __init__(self, limits: RunLimits) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def request_input(
        self, message: str, flow: Flow[Any], metadata: dict[str, Any] | None = None
    ) -> str | None:
        del flow, metadata
        text = str(message).strip() or DEFAULT_QUESTION
        question = Question(QuestionKind.QUESTION, QUESTION_CHECKPOINT, self._key(text), text)
        try:
            answer = self._limits.ask(question, seconds=_seconds.get())
        except Exception as error:  # noqa: BLE001 the flow would treat it as no answer
            self._limits.fail(failure_of(error))
        if answer.action is Action.SKIP:
            return None
        return answer.text or None

    def _key(self, text: str) -> str:
        """A key that is the same for the same repetition of a question in another process."""
        place = f"{current_flow_method_name.get('')}\n{text}"
        digest = hashlib.sha256(place.encode()).hexdigest()[:40]
        with self._lock:
            self._counts[digest] += 1
            return f"{digest}:{self._counts[digest]}"


def asks_questions(flow: type) -> bool:
    """Whether the code of the flow's own classes calls `ask`."""
    classes = [each for each in flow.__mro__ if not each.__module__.startswith("crewai.")]
    return any(
        "ask" in code.co_names
        for each in classes
        for value in vars(each).values()
        for code in _code_in(inspect.unwrap(value) if callable(value) else value)
    )


def _code_in(value: object) -> Iterator[CodeType]:
    """The code of a function and of the functions inside it."""
    code = value if isinstance(value, CodeType) else getattr(value, "__code__", None)
    if isinstance(code, CodeType):
        yield code
        for constant in code.co_consts:
            yield from _code_in(constant)


def route_flow_questions(limits: RunLimits) -> None:
    """Route questions of flows in this process to a person instead of the console."""
    if not hasattr(Flow, "ask"):
        return  # CrewAI 1.9 and older
    provider = InputProvider(limits)
    flow_config.input_provider = provider
    ask = Flow.ask

    @wraps(ask)
    def ask_person(
        flow: Flow[Any],
        message: str,
        timeout: float | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> str | None:
        """Withdraws a question that timed out, which CrewAI would abandon."""
        if isinstance(flow.input_provider, ConsoleProvider):
            flow.input_provider = None
        if input_provider_of(flow) is not provider:
            return ask(flow, message, timeout=timeout, metadata=metadata)
        token = _seconds.set(timeout)
        try:
            return ask(flow, message, metadata=metadata)
        finally:
            _seconds.reset(token)

    replace_ask(ask_person)
