"""Checkpoints of crews.yml at methods of a flow, which the flow itself knows nothing about.

Each method of the flow is wrapped. At a checkpoint the results of all methods so far and the state
are saved, and the process ends. The next one runs the flow from its start again, in the same order;
methods that have run return their saved results without running.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import wraps
from typing import Any, Final, NoReturn

from crewai import Flow

from ..crewai_internals import definition_of, racing_methods, replace_methods, restore_state
from ..failures import CrewProblem
from ..monitoring.event_listeners import FlowListener
from ..older_crewai import HumanFeedbackResult
from ..output_text import text_of
from .gates import PastAnswers
from .graph import methods_before
from .pauses import MethodPause, Step, changed
from .replay import Replay
from .revision import AnswerRecorder, Revision, revising
from .state_text import changes, state_data
from .values import CannotBeSaved, decode, encode

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
    """Belongs to one flow. `pause` is set when it has paused, `problem` if it cannot.

    While a person is asked, methods that run end, and none starts.
    """

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
        self._after, self._before = after, before
        definition = definition_of(flow)
        self._origins = {name: methods_before(definition, name) for name in before}
        self._watched = {*after, *(name for names in self._origins.values() for name in names)}
        self._past_answers = PastAnswers(flow)
        self._racing = racing_methods(flow)
        self._replay = Replay()
        self._is_live = True
        self._feedback: list[HumanFeedbackResult] = []
        self._approved = ""  # the method before which a person has said yes
        self._revises = ""  # the method that runs again
        self._revision: Revision | None = None
        self._running: list[str] = []
        self._waiting: list[str] = []
        self.answers = AnswerRecorder()
        """A stream sink that must receive the flow's events."""
        self.pause: MethodPause | None = None
        self.problem: CrewProblem | None = None
        self._initial_attributes = self._attributes()
        replace_methods(flow, self._wrapped)

    @property
    def revised(self) -> bool:
        """Whether a model had the reviewer's words, if this is a revision."""
        return self._revision is None or self._revision.carried

    def replay(
        self, pause: MethodPause, feedback: list[HumanFeedbackResult], *, words: str = ""
    ) -> None:
        """Prepare the flow to go on after a pause, or to run its method again with the words."""
        state = pause.state
        if words:
            origin = pause.origin
            if origin is None:
                raise changed(f"nothing can be revised {pause.at} {pause.method!r}")
            if origin.alone and origin.before is not None:
                state = origin.before
            self.answers.answers.update(pause.answers)
            self._revision = Revision(words, pause.shown, dict(pause.answers))
            self._revises = origin.method
            if pause.at == "after":
                self._replay = Replay(pause.steps, stop_at=pause.position)
            else:
                self._replay = Replay(pause.steps[: pause.origin_index])
        else:
            self._approved = pause.method if pause.at == "before" else ""
            done = () if pause.step is None else (pause.step,)
            self._replay = Replay(
                [*pause.steps[: pause.position], *done, *pause.steps[pause.position :]]
            )
        self._check_steps()
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

    def _check_steps(self) -> None:
        methods = definition_of(self._flow).methods
        for step in self._replay.steps:
            if step.method not in methods:
                raise changed(f"it no longer has the method {step.method!r}")

    # --- running a method -------------------------------------------------------------------

    def _wrapped(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        async def run_method(*args: Any, **kwargs: Any) -> Any:
            try:
                return await self._run(name, method, args, kwargs)
            except CrewProblem as problem:  # CrewAI would go on where methods race
                self._fail(problem)

        run_method.__signature__ = inspect.signature(method)  # type: ignore[attr-defined]
        return run_method

    async def _run(
        self, name: str, method: Callable[..., Any], args: Any, kwargs: Mapping[str, Any]
    ) -> Any:
        step = self._replay.claim(name)
        if step is not None:
            return await self._repeat(step)
        if name == self._revises:
            await self._replay.stop()
        else:
            await self._replay.end()
            await self._replay.until(lambda: not self._revises)
        self._go_live()
        if self._waiting:
            await self._never()
        if name in self._before and name != self._approved:
            await self._pause_before(name)
        self._approved = "" if name == self._approved else self._approved
        return await self._run_live(name, method, args, kwargs)

    async def _repeat(self, step: Step) -> Any:
        position = await self._replay.turn_of(step)
        self._past_answers.repeat(step.method)
        if step.error is not None:
            raise RuntimeError(step.error)
        if self._has_lost(step.method, position):
            await self._never()  # until CrewAI cancels it, as it did or would have done
        output = decode(step.output)
        if not step.asked:
            await self._replay.end()
            await self._replay.until(lambda: not self._revises)
            self._go_live()
            position = self._replay.remove(step)
            await self._pause_after(replace(step, asked=True), output, position=position)
        return output

    def _has_lost(self, method: str, position: int) -> bool:
        """Whether a method that races with this one ended before it."""
        ended = [step.method for step in self._replay.steps[:position]]
        return any(
            ended.count(other) > ended.count(method)
            for group in self._racing
            for other in group - {method}
            if method in group
        )

    def _go_live(self) -> None:
        if self._is_live:
            return
        self._is_live = True
        self._flow.human_feedback_history = [*self._feedback]
        self._flow.last_human_feedback = next(reversed(self._feedback), None)
        self._past_answers.ask_again()
        self._listener.unmute()

    async def _run_live(
        self, name: str, method: Callable[..., Any], args: Any, kwargs: Mapping[str, Any]
    ) -> Any:
        steps = self._replay.steps
        before = self._save_state() if name in self._watched else None
        others, ended = [*self._running], len(steps)
        revision = self._revision if name == self._revises else None
        self._running.append(name)
        try:
            with self._words(revision, name), revising(revision):
                output = await _call(method, args, kwargs)
        except Exception as error:
            steps.append(Step(name, error=str(error) or type(error).__name__))
            raise
        finally:
            self._running.remove(name)
            self._revises = "" if revision is not None else self._revises
            self._replay.wake()
        alone = not others and len(steps) == ended and not self._running
        step = Step(name, self._encoded(name, output), before=before, alone=alone)
        if name in self._after:
            position = None if revision is None else self._replay.resumes_at
            await self._pause_after(step, output, position=position)
        steps.append(step)
        if self._waiting:
            await self._never()
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

    async def _pause_after(
        self, step: Step, output: object, *, position: int | None = None
    ) -> NoReturn:
        text = text_of(output) or changes(
            None if step.before is None else decode(step.before), state_data(self._flow)
        )
        await self._pause(step.method, "after", text, step=step, position=position)

    async def _pause_before(self, name: str) -> NoReturn:
        index = self._origin_index(name)
        text = ""
        if index is not None:
            origin = self._replay.steps[index]
            before = None if origin.before is None else decode(origin.before)
            text = text_of(decode(origin.output)) or changes(before, state_data(self._flow))
        text = text or changes(None, state_data(self._flow))
        await self._pause(name, "before", text)

    def _origin_index(self, name: str) -> int | None:
        """The step of the method before this one, if there is exactly one such method."""
        origins = self._origins[name]
        if len(origins) != 1:
            return None
        steps = self._replay.steps
        return next((n for n in reversed(range(len(steps))) if steps[n].method in origins), None)

    def _revisable(self, name: str) -> int | None:
        """The step that a revision before a method runs again.

        Only routers may have run since, which run again with it.
        """
        index = self._origin_index(name)
        if index is None:
            return None
        methods, steps = definition_of(self._flow).methods, self._replay.steps
        origin, since = steps[index], steps[index + 1 :]
        asks_by_itself = methods[origin.method].human_feedback is not None
        others_ran = not origin.alone or not all(methods[step.method].router for step in since)
        return None if asks_by_itself or others_ran else index

    async def pause_at_gate(self, name: str) -> NoReturn:
        """Pause at a gate of the flow's own."""
        await self._replay.end()
        self._go_live()
        await self._pause(name, "", "")

    async def _pause(
        self,
        name: str,
        at: str,
        text: str,
        *,
        step: Step | None = None,
        position: int | None = None,
    ) -> NoReturn:
        """Pause when the methods that run have ended. `position`: where the step belongs."""
        steps = self._replay.steps
        if self._waiting:  # only one checkpoint is asked at a time
            if step is not None:
                steps.insert(len(steps) if position is None else position, _unasked(step))
            await self._never()
        self._waiting.append(name)
        position = len(steps) if position is None else position
        await self._replay.until(lambda: not self._running)
        self.pause = MethodPause(
            method=name,
            at=at,
            shown=text,
            state=self._save_state(),
            attributes={
                name: value
                for name, value in self._attributes().items()
                if self._initial_attributes.get(name) != value
            },
            steps=tuple(steps),
            step=step,
            position=position,
            origin_index=self._revisable(name) if at == "before" else None,
            answers=dict(self.answers.answers),
        )
        raise FlowPauses

    async def _never(self) -> NoReturn:
        """Wait until the flow's loop ends. The method goes on in the next process."""
        await asyncio.Event().wait()
        raise FlowPauses

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


def _unasked(step: Step) -> Step:
    return replace(step, asked=False)


async def _call(method: Callable[..., Any], args: Any, kwargs: Mapping[str, Any]) -> Any:
    """Call a method as CrewAI does: in a thread, unless it is a coroutine function."""
    if inspect.iscoroutinefunction(method):
        return await method(*args, **kwargs)
    context = contextvars.copy_context()
    result = await asyncio.to_thread(context.run, method, *args, **kwargs)
    return await result if inspect.iscoroutine(result) else result
