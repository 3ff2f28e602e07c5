"""Calls of tools that wait for a person.

CrewAI runs hooks before each call that an agent makes: of its own tools and of MCP servers',
called natively or in text, and before it looks into its cache. An error in such a hook would let
the call pass, so whatever goes wrong here ends the phase.
"""

from __future__ import annotations

import copy
import hashlib
import json
import threading
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from crewai import Crew, Process
from crewai.hooks.dispatch import InterceptionPoint, get_global_hook_list
from crewai.hooks.tool_hooks import ToolCallHookContext
from crewai.tools.base_tool import BaseTool
from crewai.utilities.string_utils import sanitize_tool_name

from crew_runner.child.crewai_internals import original_tool
from crew_runner.child.failures import CrewProblem, failure_of
from crew_runner.child.messages import Answer
from crew_runner.child.monitoring.run_limits import RunLimits
from crew_runner.child.records import Action, Failure, Question, QuestionKind

LONGEST_ARGUMENTS: Final = 200_000
"""Characters; nobody is asked to approve more."""

REFUSED: Final = "A person refused this call, and it was not made: {words}"
WITHOUT: Final = (
    "A person decided that this call is not made. Go on without it, and do not try it again."
)
TOO_LONG: Final = (
    "This call was not made: a person has to approve it, and its arguments are too long to read "
    f"(more than {LONGEST_ARGUMENTS:,} characters)."
)
MAYBE_MADE: Final = (
    "The same call was allowed before the work was interrupted, and may have been made already."
)
BROKEN: Final = "A person could not be asked about a call of the tool {tool}; it was not made."

BUILT_IN: Final = frozenset(
    {
        "add_image_to_content",
        "ask_question_to_coworker",
        "code_interpreter",
        "delegate_work_to_coworker",
        "save_to_memory",
        "search_memory",
    }
)
"""Tools that CrewAI gives to agents by itself."""


class ToolGate:
    """Asks about each call of the tools that were named. Holds for the whole process."""

    def __init__(self, tools: Sequence[str], watch: RunLimits, *, allowed: Collection[str]) -> None:
        """`allowed`: the keys of calls that were allowed before this process began."""
        self._named = {sanitize_tool_name(name): name for name in tools}
        self._allowed = allowed
        self._watch = watch
        self._lock = threading.Lock()
        self._times: Counter[str] = Counter()
        self._told: dict[int, tuple[object, str]] = {}
        self._answering: dict[int, BaseTool] = {}

    def before_model_call(self) -> None:
        """Whoever calls a tool has called a model before: so everything is in place by then."""
        with self._lock:
            for tool in self._answering.values():
                tool.result_as_answer = True
            self._answering.clear()
        self.put_last()

    def put_last(self) -> None:
        """Let no hook of the crew's own come after: it could change what was approved."""
        with self._lock:
            for point, hook in (
                (InterceptionPoint.PRE_TOOL_CALL, self._before),
                (InterceptionPoint.POST_TOOL_CALL, self._after),
            ):
                hooks = get_global_hook_list(point)
                if hooks[-1:] != [hook]:
                    hooks[:] = [*(other for other in hooks if other != hook), hook]

    def _before(self, context: ToolCallHookContext) -> bool | None:
        """False keeps the call from being made."""
        try:
            return self._judge(context)
        except Exception as error:  # noqa: BLE001 CrewAI would make the call
            broken = Failure(BROKEN.format(tool=context.tool_name), failure_of(error).detail)
            self._watch.end(broken)

    def _judge(self, context: ToolCallHookContext) -> bool | None:
        name = self._name_of(context)
        words = None if name is None else self._decided(name, context)
        if words is None:
            return None
        tool = original_tool(context.tool)
        with self._lock:
            self._told[id(context.tool_input)] = (context.tool_input, words)
            if isinstance(tool, BaseTool) and tool.result_as_answer:
                # What was refused is no answer: the agent reads why, and goes on.
                tool.result_as_answer = False
                self._answering[id(tool)] = tool
        return False

    def _after(self, context: ToolCallHookContext) -> str | None:
        """What the agent reads instead of the result of a call that was not made."""
        with self._lock:
            told = self._told.pop(id(context.tool_input), None)
        return None if told is None else told[1]

    def _name_of(self, context: ToolCallHookContext) -> str | None:
        """The tool's name in crews.yml, if it stands there."""
        called = [context.tool_name, getattr(context.tool, "name", "")]
        named = (self._named.get(sanitize_tool_name(name)) for name in called)
        return next((name for name in named if name is not None), None)

    def _decided(self, tool: str, context: ToolCallHookContext) -> str | None:
        """None: the call is made, with exactly the arguments that were shown."""
        arguments = copy.deepcopy(context.tool_input)
        shown = _shown(arguments)
        if len(shown) > LONGEST_ARGUMENTS:
            return TOO_LONG
        role = " ".join(str(getattr(context.agent, "role", "") or "").split())
        who = f"The agent {role}" if role else "An agent"
        key, repeats = self._key(tool, shown)
        question = Question(
            kind=QuestionKind.TOOL,
            name=tool,
            key=key,
            message=f"{who} wants to call {tool}.",
            shown=f"{MAYBE_MADE}\n\n{shown}" if repeats else shown,
        )
        words = _words(self._watch.ask(question))
        context.tool_input.clear()
        context.tool_input.update(arguments)
        return words

    def _key(self, tool: str, shown: str) -> tuple[str, bool]:
        """The same in another process that comes to the same call, of so many alike.

        A yes is good for one call: the key of one that an earlier process was allowed is passed
        over, and it is told.
        """
        call = hashlib.sha256(f"{tool}\n{shown}".encode()).hexdigest()[:40]
        repeats = False
        with self._lock:
            while True:
                self._times[call] += 1
                key = f"{call}:{self._times[call]}"
                if key not in self._allowed:
                    return key, repeats
                repeats = True


def _words(answer: Answer) -> str | None:
    """What the agent is told of the decision; None: the call is made."""
    if answer.action is Action.CONTINUE:
        return None
    if answer.action is Action.REVISE:
        return REFUSED.format(words=answer.text)
    return WITHOUT


def _shown(arguments: Mapping[str, Any]) -> str:
    """As JSON. What a reader would not see, as text that runs backwards, is spelled out."""
    written = json.dumps(arguments, indent=2, ensure_ascii=False, default=str)
    return "".join(each if _is_seen(each) else _spelled(each) for each in written)


def _is_seen(character: str) -> bool:
    return character == "\n" or unicodedata.category(character) not in ("Cf", "Cc", "Co", "Cs")


def _spelled(character: str) -> str:
    return json.dumps(character)[1:-1]


# --- what crews.yml names ----------------------------------------------------------------------


def check_tools(crew: Crew, tools: Sequence[str]) -> None:
    """Raises CrewProblem where no agent of the crew has a tool that is to be approved."""
    agents = _agents(crew)
    if any(getattr(agent, "mcps", None) or getattr(agent, "apps", None) for agent in agents):
        return  # what those servers offer is only known when they are asked
    known = {sanitize_tool_name(name): name for name in _tool_names(crew, agents)}
    unknown = [name for name in tools if sanitize_tool_name(name) not in {*known, *BUILT_IN}]
    if unknown:
        have = ", ".join(sorted(known.values())) or "none"
        raise CrewProblem(
            f"approve_tools in crews.yml names tools that no agent of the crew has: "
            f"{', '.join(unknown)}. Their tools: {have}."
        )


def check_time(crew: Crew, tools: Sequence[str]) -> None:
    """Raises CrewProblem where CrewAI would give up on an agent while a person is asked."""
    wanted = {sanitize_tool_name(name) for name in tools}
    for agent in _agents(crew):
        limited = getattr(agent, "max_execution_time", None)
        if limited is None:
            continue
        its_own = {sanitize_tool_name(name) for name in _tool_names(crew, [agent])}
        if wanted & its_own:
            raise CrewProblem(
                f"The agent {agent.role.strip()} has max_execution_time={limited}, in which the "
                "time that a person takes to approve a tool would count. Leave it out, and set "
                "time_limit in crews.yml instead: there that time does not count."
            )


def _tool_names(crew: Crew, agents: Sequence[Any]) -> Iterator[str]:
    for agent in agents:
        yield from (tool.name for tool in agent.tools or ())
    for task in crew.tasks:
        if any(task.agent is agent for agent in agents) or crew.process is Process.hierarchical:
            yield from (tool.name for tool in task.tools or ())


def _agents(crew: Crew) -> list[Any]:
    found = [*crew.agents, crew.manager_agent, *(task.agent for task in crew.tasks)]
    return list({id(agent): agent for agent in found if agent is not None}.values())
