"""Tool calls that need a person's approval.

CrewAI runs hooks before each tool call of an agent: for its own tools and those of MCP servers,
called natively or in text, and before the cache is used. An error in a hook would let the call
pass, so any error here fails the phase.
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
from crewai.tools.base_tool import BaseTool

from ..crewai_internals import original_tool
from ..failures import CrewProblem, failure_of
from ..messages import Answer
from ..monitoring.run_limits import RunLimits
from ..older_crewai import (
    InterceptionPoint,
    ToolCallHookContext,
    get_global_hook_list,
    sanitize_tool_name,
)
from ..records import Action, Failure, Question, QuestionKind

MAX_ARGUMENTS_LENGTH: Final = 200_000
"""Characters. Nobody can review more."""

REFUSED: Final = "A person refused this call, and it was not made: {reason}"
SKIPPED: Final = "A person decided against this call. Go on without it, and do not try it again."
TOO_LONG: Final = (
    "This call was not made: a person must approve it, and its arguments are too long to review "
    f"(more than {MAX_ARGUMENTS_LENGTH:,} characters)."
)
POSSIBLY_REPEATED: Final = (
    "The same call was allowed before the work was interrupted, and may have been made already."
)
NOT_ASKED: Final = (
    "A call of the tool {tool} could not be shown to a person for approval, so it was not made."
)

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
"""Tools that CrewAI itself gives to agents."""


class ToolGate:
    """Asks a person before each call of the given tools, in the whole process."""

    def __init__(
        self, tools: Sequence[str], limits: RunLimits, *, allowed: Collection[str]
    ) -> None:
        """`allowed`: the keys of calls that were allowed in earlier processes."""
        self._tools = {sanitize_tool_name(name): name for name in tools}
        self._allowed = allowed
        self._limits = limits
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._refusals: dict[int, tuple[object, str]] = {}
        self._muted_answers: dict[int, BaseTool] = {}

    def before_model_call(self) -> None:
        """Restore the hooks' order and `result_as_answer`; each tool call follows a model call."""
        with self._lock:
            for tool in self._muted_answers.values():
                tool.result_as_answer = True
            self._muted_answers.clear()
        self.move_last()

    def move_last(self) -> None:
        """Move our hooks behind those of the crew, which could change an approved call."""
        with self._lock:
            for point, hook in (
                (InterceptionPoint.PRE_TOOL_CALL, self._before_call),
                (InterceptionPoint.POST_TOOL_CALL, self._after_call),
            ):
                hooks = get_global_hook_list(point)
                if hooks[-1:] != [hook]:
                    hooks[:] = [*(other for other in hooks if other != hook), hook]

    def _before_call(self, context: ToolCallHookContext) -> bool | None:
        """False prevents the call."""
        try:
            return self._approve(context)
        except Exception as error:  # noqa: BLE001 CrewAI would make the call
            failure = Failure(NOT_ASKED.format(tool=context.tool_name), failure_of(error).detail)
            self._limits.fail(failure)

    def _approve(self, context: ToolCallHookContext) -> bool | None:
        name = self._configured_name(context)
        refusal = None if name is None else self._ask(name, context)
        if refusal is None:
            return None
        tool = original_tool(context.tool)
        with self._lock:
            self._refusals[id(context.tool_input)] = (context.tool_input, refusal)
            if isinstance(tool, BaseTool) and tool.result_as_answer:
                # A refusal is not the agent's answer: it reads the reason and goes on.
                tool.result_as_answer = False
                self._muted_answers[id(tool)] = tool
        return False

    def _after_call(self, context: ToolCallHookContext) -> str | None:
        """The text that the agent reads instead of the result of a refused call."""
        with self._lock:
            refusal = self._refusals.pop(id(context.tool_input), None)
        return None if refusal is None else refusal[1]

    def _configured_name(self, context: ToolCallHookContext) -> str | None:
        """The tool's name in crews.yml, or None if it is not listed there."""
        names = [context.tool_name, getattr(context.tool, "name", "")]
        configured = (self._tools.get(sanitize_tool_name(name)) for name in names)
        return next((name for name in configured if name is not None), None)

    def _ask(self, tool: str, context: ToolCallHookContext) -> str | None:
        """Ask a person; None allows the call, with exactly the arguments that were shown."""
        arguments = copy.deepcopy(context.tool_input)
        arguments_text = _arguments_text(arguments)
        if len(arguments_text) > MAX_ARGUMENTS_LENGTH:
            return TOO_LONG
        role = " ".join(str(getattr(context.agent, "role", "") or "").split())
        who = f"The agent {role}" if role else "An agent"
        key, repeats = self._question_key(tool, arguments_text)
        question = Question(
            kind=QuestionKind.TOOL,
            name=tool,
            key=key,
            message=f"{who} wants to call {tool}.",
            shown=f"{POSSIBLY_REPEATED}\n\n{arguments_text}" if repeats else arguments_text,
        )
        refusal = _refusal_text(self._limits.ask(question))
        context.tool_input.clear()
        context.tool_input.update(arguments)
        return refusal

    def _question_key(self, tool: str, arguments_text: str) -> tuple[str, bool]:
        """A key that is the same for the same repetition of the same call in another process.

        An approval covers one call, so keys that an earlier process was allowed are skipped; the
        second value says whether one was.
        """
        call = hashlib.sha256(f"{tool}\n{arguments_text}".encode()).hexdigest()[:40]
        repeats = False
        with self._lock:
            while True:
                self._counts[call] += 1
                key = f"{call}:{self._counts[call]}"
                if key not in self._allowed:
                    return key, repeats
                repeats = True


def _refusal_text(answer: Answer) -> str | None:
    """The text for the agent if the call was refused; None if it was allowed."""
    if answer.action is Action.CONTINUE:
        return None
    if answer.action is Action.REVISE:
        return REFUSED.format(reason=answer.text)
    return SKIPPED


def _arguments_text(arguments: Mapping[str, Any]) -> str:
    """The arguments as JSON, with invisible characters, such as direction marks, escaped."""
    text = json.dumps(arguments, indent=2, ensure_ascii=False, default=str)
    return "".join(each if _is_visible(each) else _escaped(each) for each in text)


def _is_visible(character: str) -> bool:
    return character == "\n" or unicodedata.category(character) not in ("Cf", "Cc", "Co", "Cs")


def _escaped(character: str) -> str:
    return json.dumps(character)[1:-1]


# --- checks of approve_tools -------------------------------------------------------------------


def check_tools(crew: Crew, tools: Sequence[str]) -> None:
    """Raises CrewProblem if no agent of the crew has a tool in `tools`."""
    agents = _agents(crew)
    if any(getattr(agent, "mcps", None) or getattr(agent, "apps", None) for agent in agents):
        return  # the tools of these servers are only known at run time
    available = {sanitize_tool_name(name): name for name in _tool_names(crew, agents)}
    unknown = [name for name in tools if sanitize_tool_name(name) not in {*available, *BUILT_IN}]
    if unknown:
        tools_text = ", ".join(sorted(available.values())) or "none"
        raise CrewProblem(
            f"approve_tools in crews.yml names tools that no agent of the crew has: "
            f"{', '.join(unknown)}. Their tools: {tools_text}."
        )


def check_time(crew: Crew, tools: Sequence[str]) -> None:
    """Raises CrewProblem if CrewAI could time out an agent while a person is asked."""
    approved = {sanitize_tool_name(name) for name in tools}
    for agent in _agents(crew):
        limit = getattr(agent, "max_execution_time", None)
        if limit is None:
            continue
        own_tools = {sanitize_tool_name(name) for name in _tool_names(crew, [agent])}
        if approved & own_tools:
            raise CrewProblem(
                f"The agent {agent.role.strip()} has max_execution_time={limit}, which would "
                "include the time that a person takes to approve a tool. Remove it, and set "
                "time_limit in crews.yml, which excludes that time."
            )


def _tool_names(crew: Crew, agents: Sequence[Any]) -> Iterator[str]:
    for agent in agents:
        yield from (tool.name for tool in agent.tools or ())
    for task in crew.tasks:
        if any(task.agent is agent for agent in agents) or crew.process is Process.hierarchical:
            yield from (tool.name for tool in task.tools or ())


def _agents(crew: Crew) -> list[Any]:
    agents = [*crew.agents, crew.manager_agent, *(task.agent for task in crew.tasks)]
    return list({id(agent): agent for agent in agents if agent is not None}.values())
