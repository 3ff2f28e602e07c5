"""Every use of names of CrewAI and httpx that are not part of their public interface.

Check this module when CrewAI is upgraded: each function says why no public name is enough, and has
a test in tests/crew_runner/test_crewai_internals.py that fails if the private name is gone or has
changed its meaning. Written for crewai 1.15.30.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, Final

from crewai import Crew, Flow

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
