"""Checkpoints of crews.yml at methods of a flow, which the flow itself knows nothing about.

Each method of the flow is wrapped. At a checkpoint the results of all methods so far and the state
are saved, and the process ends. The next one runs the flow from its start again, in the same order;
methods that have run return their saved results without running.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import wraps
from typing import Any, Final, NoReturn

from crewai import Flow

from ..crewai_internals import definition_of, replace_methods, restore_state
from ..failures import CrewProblem
from ..monitoring.event_listeners import FlowListener
from ..older_crewai import HumanFeedbackResult
from ..output_text import text_of
from .gates import PastAnswers, until_quiet
from .graph import methods_before
from .pauses import MethodPause, Step, changed
from .revision import AnswerRecorder, Revision, revising
from .state_text import changes, state_data
from .values import CannotBeSaved, decode, encode

_STALLED_SECONDS: Final = 20.0
_STATE_NOT_SAVED: Final = (
    "The flow's state cannot be saved while it waits for a person: it holds an object of type "
    "{type}. Keep only JSON values in it."
)
_RESULT_NOT_SAVED: Final = (
    "The result of the method {method} cannot be saved while it waits for a person: it holds an "
    "object of type {type}. Return text, JSON values or a Pydantic model."
)


class FlowPauses(SystemExit):
    """Ends the flow's event loop. CrewAI catches exceptions in some places, but not this one."""


class MethodGates:
    """Belongs to one flow. `pause` is set when it has paused, `problem` if it cannot."""

    def __init__(
        self,
        flow: Flow[Any],
        listener: FlowListener,
        *,
        after: frozenset[str],
        before: frozenset[str],
    ) -> None:
        self._flow = flow
        self._listener = listener
        self._waiting: list[str] = []
        self._after, self._before = after, before
        definition = definition_of(flow)
        self._origins = {name: methods_before(definition, name) for name in before}
        self._watched = {*after, *(name for names in self._origins.values() for name in names)}
        self._past_answers = PastAnswers(flow)
        self._steps: list[Step] = []
        self._replayed = 0  # how many of the saved steps have returned
        self._to_replay = 0
        self._claimed: Counter[str] = Counter()
        self._sleepers: list[asyncio.Future[None]] = []
        self._running: list[str] = []
        self._answers = AnswerRecorder()
        self._is_live = True
        self._feedback: list[HumanFeedbackResult] = []
        self._approved = ""  # the method before which a person has said yes
        self._revision: Revision | None = None
        self._revises = ""
        self.pause: MethodPause | None = None
        self.problem: CrewProblem | None = None
        self._initial_attributes = self._attributes()
        replace_methods(flow, self._wrapped)

    @property
    def answers(self) -> AnswerRecorder:
        """A stream sink that must receive the flow's events."""
        return self._answers

    @property
    def revised(self) -> bool:
        """Whether a model had the reviewer's words, if this is a revision."""
        return self._revision is None or self._revision.carried

    def replay(
        self, pause: MethodPause, feedback: list[HumanFeedbackResult], *, words: str = ""
    ) -> None:
        """Prepare the flow to go on after a pause, or to run its method again with the words."""
        state, steps = pause.state, [*pause.steps]
        if words:
            index = pause.origin_index
            if index is None:
                raise changed(f"nothing can be revised {pause.at} {pause.method!r}")
            origin = pause.origin(index)
            state = origin.before if origin.before is not None and origin.alone else state
            steps = steps[:index]
            self._answers.answers.update(pause.answers)
            self._revision = Revision(words, pause.shown, dict(pause.answers))
            self._revises = origin.method
        elif pause.at == "after" and pause.step is not None:
            steps.append(pause.step)
        else:
            self._approved = pause.method
        self._check_steps(steps)
        self._steps, self._to_replay = steps, len(steps)
        self._feedback = feedback
        self._is_live = False
        self._listener.mute()
        self._past_answers.prepare(feedback)
        try:
            restore_state(self._flow, decode(state))
            for name, value in decode(dict(pause.attributes)).items():
                setattr(self._flow, name, value)
        except (ValueError, TypeError) as error:
            raise changed(f"its state does not fit ({error})") from error

    def _check_steps(self, steps: list[Step]) -> None:
        methods = definition_of(self._flow).methods
        for step in steps:
            if step.method not in methods:
                raise changed(f"it no longer has the method {step.method!r}")

    # --- running a method -------------------------------------------------------------------

    def _wrapped(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        async def run_method(*args: Any, **kwargs: Any) -> Any:
            step = self._claim(name)
            if step is not None:
                return await self._replay_step(step, name)
            await self._until(lambda: self._replayed == self._to_replay)
            self._go_live()
            if name in self._before and not self._take_approval(name):
                await self._pause_before(name)
            return await self._run_live(name, method, args, kwargs)

        run_method.__signature__ = inspect.signature(method)  # type: ignore[attr-defined]
        return run_method

    def _claim(self, name: str) -> Step | None:
        """The next saved result of this method, if there is one."""
        if self._is_live:
            return None
        number = self._claimed[name]
        saved = [step for step in self._steps[: self._to_replay] if step.method == name]
        if number >= len(saved):
            return None
        self._claimed[name] += 1
        return saved[number]

    async def _replay_step(self, step: Step, name: str) -> Any:
        """Return a saved result, in the order in which the methods ended."""
        await self._until(lambda: self._steps[self._replayed] is step)
        self._past_answers.repeat(name)
        self._replayed += 1
        self._wake()
        if step.error is not None:
            raise RuntimeError(step.error)
        output = decode(step.output)
        if not step.asked:
            await self._until(lambda: self._replayed == self._to_replay)
            self._go_live()
            self._steps.remove(step)
            await self._pause_after(replace(step, asked=True), output)
        return output

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            moved: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._sleepers.append(moved)
            await asyncio.wait({moved}, timeout=_STALLED_SECONDS)
            if not moved.done() and not self._running:
                self._fail(changed("its methods no longer follow each other as they did"))

    def _wake(self) -> None:
        """Let the waiting methods look again."""
        sleepers, self._sleepers = self._sleepers, []
        for sleeper in sleepers:
            if not sleeper.done():
                sleeper.set_result(None)

    def _go_live(self) -> None:
        if self._is_live:
            return
        self._is_live = True
        self._flow.human_feedback_history = [*self._feedback]
        self._flow.last_human_feedback = next(reversed(self._feedback), None)
        self._past_answers.ask_again()
        self._listener.unmute()

    def _take_approval(self, name: str) -> bool:
        approved = self._approved == name
        if approved:
            self._approved = ""
        return approved

    async def _run_live(
        self, name: str, method: Callable[..., Any], args: Any, kwargs: Mapping[str, Any]
    ) -> Any:
        before = self._save_state() if name in self._watched else None
        others, ended = [*self._running], len(self._steps)
        revision = self._revision if name == self._revises else None
        self._running.append(name)
        try:
            with self._words(revision, name), revising(revision):
                output = await _call(method, args, kwargs)
        except Exception as error:
            self._steps.append(Step(name, error=str(error) or type(error).__name__))
            raise
        finally:
            self._running.remove(name)
            if revision is not None:
                self._revises = ""
        alone = not others and len(self._steps) == ended and not self._running
        step = Step(name, self._encoded(name, output), before=before, alone=alone)
        if name in self._after:
            await self._pause_after(step, output)
        self._steps.append(step)
        return output

    def _words(self, revision: Revision | None, name: str) -> _LastFeedback:
        """The words as `last_human_feedback`, for a method that calls no model."""
        result = None
        if revision is not None:
            result = HumanFeedbackResult(
                output=revision.result, feedback=revision.words, method_name=name
            )
        return _LastFeedback(self._flow, result)

    # --- pausing ----------------------------------------------------------------------------

    async def _pause_after(self, step: Step, output: object) -> None:
        text = text_of(output) or changes(
            None if step.before is None else decode(step.before), state_data(self._flow)
        )
        await self._pause(step.method, "after", text, step=step)

    async def _pause_before(self, name: str) -> None:
        index = self._origin_index(name)
        text = ""
        if index is not None:
            origin = self._steps[index]
            before = None if origin.before is None else decode(origin.before)
            text = text_of(decode(origin.output)) or changes(before, state_data(self._flow))
        text = text or changes(None, state_data(self._flow))
        await self._pause(name, "before", text)

    def _origin_index(self, name: str) -> int | None:
        """The step of the method before this one, if there is exactly one such method."""
        origins = self._origins[name]
        if len(origins) != 1:
            return None
        numbers = [number for number, step in enumerate(self._steps) if step.method in origins]
        return numbers[-1] if numbers else None

    def _revisable(self, name: str, at: str) -> int | None:
        """The step that a revision before a method runs again.

        Only routers may have run since, which run again with it.
        """
        index = self._origin_index(name) if at == "before" else None
        if index is None:
            return None
        methods = definition_of(self._flow).methods
        origin, since = self._steps[index], self._steps[index + 1 :]
        asks_by_itself = methods[origin.method].human_feedback is not None
        others_ran = not origin.alone or not all(methods[step.method].router for step in since)
        return None if asks_by_itself or others_ran else index

    async def pause_at_gate(self, name: str) -> NoReturn:
        """Pause at a gate of the flow's own."""
        await self._until(lambda: self._replayed == self._to_replay)
        self._go_live()
        await self._pause(name, "", "")

    async def _pause(self, name: str, at: str, text: str, *, step: Step | None = None) -> NoReturn:
        await self._until(lambda: not self._revises)
        self._waiting.append(name)
        self._wake()
        if len(self._waiting) > 1:
            await self._wait_for_the_first(step)
        await until_quiet(self._listener, self._waiting, lambda: bool(self._running))
        attributes = self._attributes().items()
        self.pause = MethodPause(
            method=name,
            at=at,
            shown=text,
            state=self._save_state(),
            attributes={
                name: value
                for name, value in attributes
                if self._initial_attributes.get(name) != value
            },
            steps=tuple(self._steps),
            step=step,
            origin_index=len(self._steps) if step is not None else self._revisable(name, at),
            answers=dict(self._answers.answers),
        )
        raise FlowPauses

    async def _wait_for_the_first(self, step: Step | None) -> NoReturn:
        """Only one checkpoint is asked at a time. The others follow in the next process."""
        if step is not None:
            self._steps.append(replace(step, asked=False))
        await asyncio.Event().wait()
        raise FlowPauses  # not reached: the first one ends the loop

    def _fail(self, problem: CrewProblem) -> NoReturn:
        self.problem = problem
        raise FlowPauses

    def _save_state(self) -> Any:
        try:
            return encode(state_data(self._flow))
        except CannotBeSaved as error:
            self._fail(CrewProblem(_STATE_NOT_SAVED.format(type=error)))

    def _encoded(self, name: str, output: object) -> Any:
        try:
            return encode(output)
        except CannotBeSaved as error:
            if name in self._after:
                self._fail(CrewProblem(_RESULT_NOT_SAVED.format(method=name, type=error)))
            return str(output)  # as CrewAI saves it

    def _attributes(self) -> dict[str, Any]:
        """What the methods keep on the flow itself, as far as it is plain data."""
        attributes = {}
        known = type(self._flow).model_fields
        for name, value in vars(self._flow).items():
            if name.startswith("_") or name in known:
                continue
            try:
                attributes[name] = encode(value)
            except CannotBeSaved:
                continue
        return attributes


class _LastFeedback:
    """Sets a flow's `last_human_feedback` for a while."""

    def __init__(self, flow: Flow[Any], result: HumanFeedbackResult | None) -> None:
        self._flow, self._result = flow, result
        self._before = flow.last_human_feedback

    def __enter__(self) -> None:
        if self._result is not None:
            self._flow.last_human_feedback = self._result

    def __exit__(self, *_error: object) -> None:
        if self._result is not None:
            self._flow.last_human_feedback = self._before


async def _call(method: Callable[..., Any], args: Any, kwargs: Mapping[str, Any]) -> Any:
    """Call a method as CrewAI does: in a thread, unless it is a coroutine function."""
    if inspect.iscoroutinefunction(method):
        return await method(*args, **kwargs)
    context = contextvars.copy_context()
    result = await asyncio.to_thread(context.run, method, *args, **kwargs)
    return await result if inspect.iscoroutine(result) else result
