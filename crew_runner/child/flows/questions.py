"""`Flow.ask()` without a console: the question goes to a person, and its words come back."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from contextvars import ContextVar
from functools import wraps
from typing import Any, Final

from crewai import Flow
from crewai.flow.async_feedback.providers import ConsoleProvider
from crewai.flow.flow_config import flow_config
from crewai.flow.flow_context import current_flow_method_name

from crew_runner.child.crewai_internals import asks_by, replace_ask
from crew_runner.child.failures import failure_of
from crew_runner.child.messages import QUESTION
from crew_runner.child.monitoring.run_limits import RunLimits
from crew_runner.child.records import Action, Question, QuestionKind

UNSAID: Final = "The flow asks for an answer."

_seconds: ContextVar[float | None] = ContextVar("seconds", default=None)


class InputProvider:
    """CrewAI's input provider. No answer is None, as `Flow.ask()` promises."""

    def __init__(self, watch: RunLimits) -> None:
        self._watch = watch
        self._lock = threading.Lock()
        self._times: Counter[str] = Counter()

    def request_input(
        self, message: str, flow: Flow[Any], metadata: dict[str, Any] | None = None
    ) -> str | None:
        del flow, metadata
        asked = str(message).strip() or UNSAID
        question = Question(QuestionKind.QUESTION, QUESTION, self._key(asked), asked)
        try:
            answer = self._watch.ask(question, seconds=_seconds.get())
        except Exception as error:  # noqa: BLE001 the flow would take it for no answer
            self._watch.end(failure_of(error))
        if answer.action is Action.SKIP:
            return None
        return answer.text or None

    def _key(self, asked: str) -> str:
        """The same in another process that comes to the same question, of so many alike."""
        where = f"{current_flow_method_name.get('')}\n{asked}"
        of_this = hashlib.sha256(where.encode()).hexdigest()[:40]
        with self._lock:
            self._times[of_this] += 1
            return f"{of_this}:{self._times[of_this]}"


def answer_flows(watch: RunLimits) -> None:
    """Let a person answer every flow of this process that would ask the console."""
    asker = InputProvider(watch)
    flow_config.input_provider = asker
    ask = Flow.ask

    @wraps(ask)
    def ask_a_person(
        flow: Flow[Any],
        message: str,
        timeout: float | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> str | None:
        """CrewAI leaves a question that took too long behind; here it is withdrawn."""
        if isinstance(flow.input_provider, ConsoleProvider):
            flow.input_provider = None
        if asks_by(flow) is not asker:
            return ask(flow, message, timeout=timeout, metadata=metadata)
        token = _seconds.set(timeout)
        try:
            return ask(flow, message, metadata=metadata)
        finally:
            _seconds.reset(token)

    replace_ask(ask_a_person)
