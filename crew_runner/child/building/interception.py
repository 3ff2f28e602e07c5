"""Keeps a crew from running while it is built, and records how its own code would start it.

The entry point of a project prepares its crew and kicks it off. While the crew is built, each
kickoff of a crew or a flow ends that code instead, and we learn the crew and its inputs from it.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any, Final, TypeAlias

import crewai
from crewai import Agent, Crew, Flow, Task

from ..failures import CrewProblem
from .empty_answers import empty_agent_answer, empty_task_output
from .left_out import what_follows

_Method: TypeAlias = Callable[..., Any]

_KICKOFFS: Final = (
    "kickoff",
    "kickoff_async",
    "akickoff",
    "kickoff_for_each",
    "kickoff_for_each_async",
    "akickoff_for_each",
    "stream_events",
    "astream",
)
_OTHER_RUNS: Final = {
    "train": "trains the crew",
    "test": "tests the crew",
    "replay": "replays a run of the crew",
    "resume": "resumes a run of the flow",
    "resume_async": "resumes a run of the flow",
    "handle_turn": "holds a conversation",
    "chat": "holds a conversation on the console",
}
_AGENT_KICKOFFS: Final = ("kickoff", "kickoff_async", "akickoff")
_TASK_RUNS: Final = ("execute_sync", "execute_async", "aexecute_sync")

_CREWAI: Final = str(Path(crewai.__file__).parent) + os.sep
_HERE: Final = str(Path(__file__).parent) + os.sep
_PYTHON: Final = str(Path(os.__file__).parent) + os.sep


class KickoffReached(BaseException):
    """Raised at a kickoff. Not an Exception, because entry points catch those around it."""


@dataclass(frozen=True, slots=True)
class Kickoff:
    """The first kickoff that was reached: of what, with which inputs, and in which line.

    `importing` are the modules that were being imported, the innermost first.
    """

    of: Crew | Flow[Any]
    inputs: Mapping[str, Any]
    input_files: Mapping[str, Any]
    place: str
    importing: tuple[ModuleType, ...] = ()


@dataclass(slots=True)
class Interception:
    """Replaces the methods that run something, from `start` to `stop`.

    It covers the whole process, with all its threads. `problem` says that the crew's code would run
    it in a way that we cannot; `notes` are sentences about what was intercepted. `runs_on_import`:
    a module must never be imported without an interception, because it would run something.
    """

    kickoff: Kickoff | None = None
    problem: CrewProblem | None = None
    notes: list[str] = field(default_factory=list)
    runs_on_import: bool = False
    _active: bool = False
    _replaced: list[tuple[type, str, _Method | None]] = field(default_factory=list)

    def start(self) -> None:
        self._active = True
        for runs_all in (Crew, Flow):
            self._replace(runs_all, _KICKOFFS, self._at_kickoff)
            self._replace(runs_all, tuple(_OTHER_RUNS), self._at_other_run)
        for runs_one in _agent_classes():
            self._replace(runs_one, _AGENT_KICKOFFS, self._answer_for_agent)
        self._replace(Task, _TASK_RUNS, self._answer_for_task)

    def stop(self) -> None:
        """From now on everything runs, also methods that were looked up during the interception."""
        self._active = False
        for owner, name, original in reversed(self._replaced):
            if original is None:
                delattr(owner, name)
            else:
                setattr(owner, name, original)
        self._replaced.clear()

    @property
    def over(self) -> bool:
        """Whether a kickoff was reached, so that the crew's code has ended."""
        return self.kickoff is not None or self.problem is not None

    def note(self, sentence: str) -> None:
        if sentence not in self.notes:
            self.notes.append(sentence)

    def _replace(self, owner: type, names: tuple[str, ...], answer: Callable[..., object]) -> None:
        """Replace the methods that this version of CrewAI has."""
        for name in names:
            original = getattr(owner, name, None)
            if original is None:
                continue

            def replacement(
                of: Any, *args: Any, _original: _Method = original, **named: Any
            ) -> Any:
                if not self._active:
                    return _original(of, *args, **named)
                self.runs_on_import |= _is_on_import()
                return answer(of, _original, args, named)

            functools.update_wrapper(replacement, original)
            self._replaced.append((owner, name, vars(owner).get(name)))
            setattr(owner, name, replacement)

    def _at_kickoff(
        self, of: Crew | Flow[Any], original: _Method, args: tuple[Any, ...], named: dict[str, Any]
    ) -> None:
        given = _arguments(original, of, args, named)
        inputs = given.get("inputs") or {}
        if not isinstance(inputs, Mapping):
            every = list(inputs)
            inputs = every[0] if every else {}
            if len(every) > 1:
                self.note(
                    f"{_place()} starts the crew once for each of {len(every)} sets of inputs. "
                    "One execution uses one set; the first one gives the defaults."
                )
        if self.kickoff is None:
            files = given.get("input_files") or {}
            self.kickoff = Kickoff(of, dict(inputs), dict(files), _place(), _importing())
            follows = what_follows(_crew_frames(), _KICKOFFS)
            if follows is not None:
                self.note(f"{_place()} starts the crew. {follows}")
        raise KickoffReached

    def _at_other_run(
        self, of: object, original: _Method, args: tuple[Any, ...], named: dict[str, Any]
    ) -> None:
        del of, args, named
        if self.problem is None:
            self.problem = CrewProblem(
                f"The crew cannot be built: its code {_OTHER_RUNS[original.__name__]} "
                f"({_place()}). Name the function that kicks it off in crews.yml, or the crew "
                "itself."
            )
        raise KickoffReached

    def _answer_for_agent(
        self, of: Any, original: _Method, args: tuple[Any, ...], named: dict[str, Any]
    ) -> object:
        given = _arguments(original, of, args, named)
        structure = given.get("response_format") or getattr(of, "response_format", None)
        role = " ".join(str(getattr(of, "role", "")).split())
        self.note(
            f"{_place()} asks the agent {role!r} while the crew is built. It gets an empty "
            "answer there. Move the call into a task or a flow's method."
        )
        return empty_agent_answer(role, structure)

    def _answer_for_task(
        self, of: Task, original: _Method, args: tuple[Any, ...], named: dict[str, Any]
    ) -> object:
        del args, named
        self.note(
            f"{_place()} runs a task while the crew is built. It gets an empty output there. "
            "Leave the task to the crew's kickoff."
        )
        output = empty_task_output(of)
        if original.__name__ == "execute_async":
            future: Future[object] = Future()
            future.set_result(output)
            return future
        return _returning(output) if inspect.iscoroutinefunction(original) else output


async def _returning(value: object) -> object:
    return value


def _agent_classes() -> list[type]:
    lite_agent = getattr(importlib.import_module("crewai.lite_agent"), "LiteAgent", None)
    return [Agent] if lite_agent is None else [Agent, lite_agent]


def _arguments(
    original: _Method, of: object, args: tuple[Any, ...], named: Mapping[str, Any]
) -> dict[str, Any]:
    """The call's arguments by name. Raises TypeError as the call itself would."""
    return dict(inspect.signature(original).bind(of, *args, **named).arguments)


def _place() -> str:
    """The line of the crew's code that made the call: `main.py, line 12`."""
    frame = next(_crew_frames(), None)
    if frame is None:
        return "A thread of the crew's code"
    return f"{Path(frame.f_code.co_filename).name}, line {frame.f_lineno}"


def _importing() -> tuple[ModuleType, ...]:
    names = (
        str(frame.f_globals.get("__name__"))
        for frame in _crew_frames()
        if frame.f_code.co_name == "<module>"
    )
    return tuple(sys.modules[name] for name in names if name in sys.modules)


def _is_on_import() -> bool:
    """Whether a module's body led to this call, as far as a thread can tell."""
    in_thread = threading.current_thread() is not threading.main_thread()
    return in_thread or any(frame.f_code.co_name == "<module>" for frame in _crew_frames())


def _crew_frames() -> Iterator[FrameType]:
    """This thread's frames in the crew's own code, the innermost first, up to who called it."""
    frame: FrameType | None = sys._getframe(1)
    reached = False
    while frame is not None:
        file = frame.f_code.co_filename
        if reached and file.startswith(_HERE):
            return
        if not _is_machinery(file):
            reached = True
            yield frame
        frame = frame.f_back


def _is_machinery(file: str) -> bool:
    """Whether the file belongs to CrewAI, to us or to Python, and not to the crew."""
    if file.startswith((_CREWAI, _HERE)):
        return True
    return file.startswith(_PYTHON) and "site-packages" not in file
