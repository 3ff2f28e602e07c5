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

from crewai import Crew, Flow, llm_overlay
from crewai.agent import core
from crewai.flow.async_feedback.types import PendingFeedbackContext
from crewai.flow.flow_definition import FlowDefinition
from crewai.flow.human_feedback import _resolve_llm_instance
from crewai.flow.persistence.base import FlowPersistence
from crewai.llm_overlay import overlay_model_for_llm
from crewai.utilities import llm_utils

_EVERY_MODEL: Final = "model:*"
_TRUSTED: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR")


# --- crews -------------------------------------------------------------------------------------


def skip_finished_tasks(crew: Crew) -> None:
    """Make `kickoff` keep existing task outputs and run only the other tasks.

    CrewAI does so only for a crew from one of its own snapshots, which it recognizes by this id.
    Those snapshots contain whole agents; we store only outputs.
    """
    crew.checkpoint_kickoff_event_id = "resume"


def disable_memory(crew: Crew) -> None:
    """Remove the memory that `memory=True` created; setting `memory` alone keeps it."""
    crew.memory, crew._memory = False, None


def feedback_message(context: Any, feedback: str) -> Any:
    """A reviewer's feedback as the message in which CrewAI passes it to an agent.

    CrewAI's wording around the feedback is not available from a public function.
    """
    return context._format_feedback_message(feedback)


def original_tool(tool: object) -> object:
    """The tool behind the wrapper that hooks receive; None if there is none.

    `result_as_answer` is read from the original, so it must be switched off there.
    """
    return getattr(tool, "_original_tool", None)


# --- flows -------------------------------------------------------------------------------------


def definition_of(flow: Flow[Any]) -> FlowDefinition:
    """The methods of a flow and what each listens to, which have no public accessor."""
    return flow._definition


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
        "joins": {str(name): sorted(map(str, seen)) for name, seen in flow._pending_events.items()},
        "fired": sorted(map(str, flow._fired_or_listeners)),
        "completed": sorted(map(str, flow._completed_methods)),
        "calls": {str(name): count for name, count in flow._method_call_counts.items()},
    }


def restore_progress(flow: Flow[Any], progress: Mapping[str, Any]) -> None:
    """Restore what `progress_of` returned in another process."""
    flow._pending_events = {name: set(seen) for name, seen in progress["joins"].items()}
    flow._fired_or_listeners = set(progress["fired"])
    flow._completed_methods = set(progress["completed"])
    flow._method_call_counts = dict(progress["calls"])


def restore_pending(flow: Flow[Any], flow_id: str, persistence: FlowPersistence) -> None:
    """Return a built flow to where it paused. Raises ValueError, TypeError.

    The public `from_pending` builds the flow itself, without its author's arguments.
    """
    restore = Flow.from_pending.__func__  # type: ignore[attr-defined] # present on classmethods
    restore(lambda **_named: flow, flow_id, persistence)


# --- models ------------------------------------------------------------------------------------


def model_from(model: object) -> Any:
    """A gate's model, built as CrewAI builds it for gates."""
    return _resolve_llm_instance(model)


def override_models(model: str) -> None:
    """Replace every model that CrewAI builds from a name by `model`, for this process.

    CrewAI's public overlay covers one context: threads started by a crew do not see it, settings
    of the crew's own provider are carried over, and the crew's own model classes are replaced.
    """
    overlay: dict[str, str] | None = {_EVERY_MODEL: model}
    in_every_thread = ContextVar("overlay", default=overlay)
    llm_overlay.active = in_every_thread
    core.overlay_active = in_every_thread  # type: ignore[attr-defined] # as it imports it
    llm_utils.PROVIDER_SETTINGS = ()  # type: ignore[misc] # what CrewAI carries over
    llm_utils.overlay_model_for_llm = _overlay_for  # type: ignore[attr-defined] # as it imports it


def _overlay_for(llm: Any) -> str | None:
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
