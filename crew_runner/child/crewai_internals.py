"""Every use of names of CrewAI and httpx that are not part of their public interface.

Check this module when CrewAI is upgraded: each function says why no public name is enough, and has
a test in tests/crew_runner/test_crewai_internals.py that fails if the private name is gone or has
changed its meaning. Written for crewai 1.15.30.
"""

from __future__ import annotations

import os
import re
import ssl
import sys
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Any, Final

from crewai import Crew, Flow, Task
from crewai.tasks.task_output import TaskOutput

from . import older_crewai
from .older_crewai import (
    FlowDefinition,
    FlowPersistence,
    HumanFeedbackPending,
    PendingFeedbackContext,
)

_EVERY_MODEL: Final = "model:*"
_TRUSTED: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR")


# --- crews -------------------------------------------------------------------------------------


def skip_finished_tasks(crew: Crew) -> None:
    """Make `kickoff` keep existing task outputs and run only the other tasks.

    CrewAI does so only for a crew from one of its own snapshots, which it recognizes by this id.
    Those snapshots contain whole agents; we store only outputs.
    """
    if older_crewai.VERSION >= (1, 14):
        crew.checkpoint_kickoff_event_id = "resume"
    else:
        older_crewai.skip_finished_tasks()


def disable_memory(crew: Crew) -> None:
    """Remove the memory that `memory=True` created; setting `memory` alone keeps it."""
    crew.memory = False
    if hasattr(crew, "_memory"):
        crew._memory = None


def feedback_message(context: Any, feedback: str) -> Any:
    """A reviewer's feedback as the message in which CrewAI passes it to an agent.

    CrewAI's wording around the feedback is not available from a public function.
    """
    if hasattr(context, "_format_feedback_message"):
        return context._format_feedback_message(feedback)
    return older_crewai.feedback_message(context, feedback)


def original_tool(tool: object) -> object:
    """The tool behind the wrapper that hooks receive; None if there is none.

    `result_as_answer` is read from the original, so it must be switched off there.
    """
    return getattr(tool, "_original_tool", None)


def hold_output_file(task: Task) -> None:
    """Let CrewAI fill in and check the task's `output_file`, and not write it.

    Without the file's name on the task, a missing input would only be noticed after the approval.
    """
    save = Task._save_file

    def save_unless_held(self: Task, result: object) -> None:
        if self is not task:
            save(self, result)

    Task._save_file = save_unless_held  # type: ignore[method-assign] # the process runs one job


def write_output_file(task: Task, output: TaskOutput) -> None:
    """Write the task's `output_file` as CrewAI does when a task ends. Raises RuntimeError."""
    typed = output.pydantic.model_dump_json() if output.pydantic else output.raw
    task._save_file(output.json_dict or typed)


def fill_placeholders_once() -> None:
    """Replace the placeholders of a text at once instead of one name after the other.

    CrewAI would also replace those that came in with a value, such as `{language}` in a request
    (crewAI#6320). It does so when it fills in inputs, the texts of an agent, and the task. Versions
    without these functions keep their own way.
    """
    try:
        from crewai import task
        from crewai.agents.agent_builder import base_agent
        from crewai.utilities.prompts import Prompts
        from crewai.utilities.string_utils import interpolate_only
    except ImportError:
        return

    def fill_in(input_string: str | None, inputs: dict[str, Any]) -> str:
        filled = interpolate_only(input_string=input_string, inputs=inputs)  # checks the inputs
        if not any("{" in str(value) for value in inputs.values()):
            return filled
        return PLACEHOLDER.sub(lambda match: str(inputs[match[1]]), input_string or "")

    build_prompt = Prompts._build_prompt

    def build(prompts: Prompts, *components: Any, **templates: Any) -> str:
        """Build the prompt with marks for the agent's texts, then replace all marks at once."""
        agent, texts = prompts.agent, _texts_of(prompts.agent)
        marks = {name: f"{_BRACE}{name}{_BRACE}" for name in texts}
        prompts.agent = SimpleNamespace(**marks)
        try:
            prompt = build_prompt(prompts, *components, **templates)
        finally:
            prompts.agent = agent
        by_mark = {marks[name]: text for name, text in texts.items()}
        return re.sub("|".join(map(re.escape, by_mark)), lambda match: by_mark[match[0]], prompt)

    for module in (task, base_agent):
        module.interpolate_only = fill_in  # type: ignore[attr-defined] # as they import it
    for name, class_name in _EXECUTORS:
        executor: Any = getattr(sys.modules.get(name), class_name, object)
        if "_format_prompt" in vars(executor):
            executor._format_prompt = staticmethod(_format_once)
    Prompts._build_prompt = build  # type: ignore[method-assign, assignment] # the process runs one job


def _texts_of(agent: Any) -> dict[str, str]:
    """An agent's texts. The slots of those that came in with an input are hidden from CrewAI."""
    texts = {}
    for name in ("goal", "role", "backstory"):
        text = getattr(agent, name)
        if getattr(agent, f"_original_{name}", None) not in (None, text):
            text = _PROMPT_SLOT.sub(_BRACE + r"\1}", text)
        texts[name] = text
    return texts


def _format_once(prompt: str, inputs: dict[str, str]) -> str:
    filled = _PROMPT_SLOT.sub(lambda match: inputs[match[1]], prompt)
    return filled.replace(_BRACE, "{")


_EXECUTORS: Final = (
    ("crewai.agents.agent_executor", "AgentExecutor"),
    ("crewai.agents.crew_agent_executor", "CrewAgentExecutor"),
    ("crewai.experimental.agent_executor", "AgentExecutor"),
)
"""Of this and of earlier versions of CrewAI, which imports the ones that it uses."""
PLACEHOLDER: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_\-]*)}")
"""As CrewAI fills them in; JSON in a prompt is none."""

_PROMPT_SLOT: Final = re.compile(r"\{(input|tool_names|tools)}")
_BRACE: Final = "\ue000"
"""Stands for a brace that `_format_once` restores. A character for private use, in no real text."""


def share_agent_state() -> None:
    """Build the class of an agent's state once instead of for each agent, which takes 10 ms.

    CrewAI adds the id of a flow's state to the class, unless it has one already.
    """
    from crewai.agents.agent_executor import AgentExecutor
    from crewai.flow.runtime import FlowState

    state: Any = AgentExecutor._initial_state_t  # type: ignore[attr-defined] # set by Flow
    if not issubclass(state, FlowState):
        with_id = type("StateWithId", (FlowState, state), {})
        AgentExecutor._initial_state_t = with_id  # type: ignore[attr-defined] # set by Flow


# --- flows -------------------------------------------------------------------------------------


def definition_of(flow: Flow[Any]) -> FlowDefinition:
    """The methods of a flow and what each listens to, which have no public accessor."""
    return flow._definition if hasattr(flow, "_definition") else older_crewai.definition_of(flow)


def state_of(flow: Flow[Any]) -> object:
    """The state object itself. The public `state` is a proxy and not a pydantic model."""
    return flow._state


def restore_state(flow: Flow[Any], state: Mapping[str, Any]) -> None:
    """Replace a flow's state. Raises ValueError.

    `kickoff(inputs)` merges into the state, keeps keys that a method has deleted, and restores by
    id only from a persistence of the flow's own.
    """
    if isinstance(flow._state, dict):
        flow._state.clear()
    flow._initialize_state(dict(state))


def replace_methods(
    flow: Flow[Any], wrap: Callable[[str, Callable[..., Any]], Callable[..., Any]]
) -> None:
    """Replace the methods that this flow runs by `wrap(name, method)`.

    CrewAI's hooks around a method can change its arguments and its result, but cannot leave it out.
    """
    for name, method in list(flow._methods.items()):
        flow._methods[name] = wrap(str(name), method)


def racing_methods(flow: Flow[Any]) -> list[frozenset[str]]:
    """The groups of methods of which CrewAI cancels all others when what follows the first ends.

    They start together and only lead to one method with an or_.
    """
    methods = flow._definition.methods
    groups = []
    for events in flow._build_racing_groups():
        group = [name for name in events if name in methods]
        for name in group:
            together = {other for other in group if methods[other].listen == methods[name].listen}
            if len(together) > 1:
                groups.append(frozenset(map(str, together)))
    return groups


def continue_conversation(context: Any) -> Any:
    """Let an agent answer the messages that a human input provider has added.

    A provider receives the agent's executor, which has no public method for this.
    """
    return context._invoke_loop()


async def continue_conversation_async(context: Any) -> Any:
    """The same for an agent that runs asynchronously."""
    return await context._ainvoke_loop()


def use_persistence(flow: Flow[Any], persistence: FlowPersistence) -> None:
    """Save the flow's pauses there; before 1.13 the attribute had a private name."""
    if hasattr(flow, "_persistence"):
        flow._persistence = persistence
    else:
        flow.persistence = persistence


def input_provider_of(flow: Flow[Any]) -> object:
    """The input provider that `flow.ask()` would use by CrewAI's rules."""
    return flow._resolve_input_provider()


def replace_ask(replacement: Callable[..., str | None]) -> None:
    """Replace `Flow.ask` for every flow of this process.

    A provider does not receive the timeout, and CrewAI abandons a question that timed out.
    """
    Flow.ask = replacement  # type: ignore[method-assign] # the process runs one job


def json_safe(value: object) -> object:
    """A method's output in the form in which CrewAI saves it."""
    return PendingFeedbackContext._make_json_safe(value)


def progress_of(flow: Flow[Any]) -> dict[str, object]:
    """Incomplete joins, fired listeners, completed methods and call counts, as JSON values.

    CrewAI's persistence saves only the state and loses these when a flow pauses.
    """
    return {
        "joins": {str(name): sorted(map(str, seen)) for name, seen in _joins(flow).items()},
        "fired": sorted(map(str, getattr(flow, "_fired_or_listeners", ()))),
        "completed": sorted(map(str, flow._completed_methods)),
        "calls": {
            str(name): count for name, count in getattr(flow, "_method_call_counts", {}).items()
        },
    }


def restore_progress(flow: Flow[Any], progress: Mapping[str, Any]) -> None:
    """Restore what `progress_of` returned in another process."""
    _joins(flow).update({name: set(seen) for name, seen in progress["joins"].items()})
    flow._fired_or_listeners = set(progress["fired"])
    flow._completed_methods = set(progress["completed"])
    flow._method_call_counts = dict(progress["calls"])


def _joins(flow: Flow[Any]) -> dict[Any, set[Any]]:
    """The events that incomplete joins have received; before 1.14, those that they still need."""
    name = "_pending_events" if hasattr(flow, "_pending_events") else "_pending_and_listeners"
    joins: dict[Any, set[Any]] = getattr(flow, name)
    return joins


def restore_pending(flow: Flow[Any], flow_id: str, persistence: FlowPersistence) -> None:
    """Return a built flow to where it paused. Raises ValueError, TypeError.

    The public `from_pending` builds the flow itself, without its author's arguments.
    """
    restore = Flow.from_pending.__func__  # type: ignore[attr-defined] # present on classmethods
    restore(lambda **_named: flow, flow_id, persistence)


def resume_flow(flow: Flow[Any], feedback: str) -> object:
    """Resume a restored flow: its result. Before 1.12 CrewAI returned the gate's."""
    result: object = flow.resume(feedback)
    if older_crewai.VERSION < (1, 12) and not isinstance(result, HumanFeedbackPending):
        return next(reversed(flow.method_outputs), result)
    return result


# --- models ------------------------------------------------------------------------------------


def model_from(model: object) -> Any:
    """A gate's model, built as CrewAI builds it for gates."""
    from crewai.flow.human_feedback import _resolve_llm_instance

    return _resolve_llm_instance(model)


def override_models(model: str) -> None:
    """Replace every model that CrewAI builds from a name by `model`, for this process.

    CrewAI's public overlay covers one context: threads started by a crew do not see it, settings
    of the crew's own provider are carried over, and the crew's own model classes are replaced.
    """
    try:
        from crewai import llm_overlay
    except ImportError:
        older_crewai.override_models(model)
        return
    from crewai.agent import core
    from crewai.utilities import llm_utils

    overlay: dict[str, str] | None = {_EVERY_MODEL: model}
    in_every_thread = ContextVar("overlay", default=overlay)
    llm_overlay.active = in_every_thread
    core.overlay_active = in_every_thread  # type: ignore[attr-defined] # as it imports it
    llm_utils.PROVIDER_SETTINGS = ()  # type: ignore[misc] # what CrewAI carries over
    llm_utils.overlay_model_for_llm = _overlay_for  # type: ignore[attr-defined] # as it imports it


def _overlay_for(llm: Any) -> str | None:
    from crewai.llm_overlay import overlay_model_for_llm

    return overlay_model_for_llm(llm) if type(llm).__module__.startswith("crewai.") else None


def share_trust_store() -> None:
    """Load httpx's trusted certificates once instead of for each client, which takes 40 ms.

    A client with other settings, or with others in the environment, gets its own. httpx has no
    public way to set the default.
    """
    from httpx._transports import default

    create = default.create_ssl_context  # type: ignore[attr-defined] # not exported
    shared: dict[tuple[str | None, ...], ssl.SSLContext] = {}

    def create_or_share(
        verify: ssl.SSLContext | str | bool = True, cert: Any = None, trust_env: bool = True
    ) -> ssl.SSLContext:
        if verify is not True or cert is not None:
            return create(verify=verify, cert=cert, trust_env=trust_env)
        key = tuple(os.environ.get(name) if trust_env else None for name in _TRUSTED)
        if key not in shared:
            shared[key] = create(trust_env=trust_env)
        return shared[key]

    create_or_share()
    default.create_ssl_context = create_or_share  # type: ignore[attr-defined] # not exported
