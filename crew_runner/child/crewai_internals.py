"""Everything that leans on names of CrewAI and httpx that are not part of their public interface.

An upgrade of CrewAI is checked here: each function says why no public name does, and has a test in
tests/crew_runner/test_crewai_internals.py that fails when the name is gone or means another thing.
Written for crewai 1.15.30.
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
    """Have `kickoff` keep the outputs that tasks have already, and run the others.

    CrewAI does so only for a crew that comes from one of its own snapshots, which it knows by
    this id. Its snapshots hold whole agents; we keep outputs alone.
    """
    crew.checkpoint_kickoff_event_id = "resume"


def forget_memory(crew: Crew) -> None:
    """Take away the memory that `memory=True` gave a crew; the setter of `memory` leaves it."""
    crew.memory, crew._memory = False, None


def feedback_message(context: Any, feedback: str) -> Any:
    """A reviewer's words as the message by which CrewAI hands them to an agent.

    The sentence around the words is CrewAI's own, and no public function gives it.
    """
    return context._format_feedback_message(feedback)


def original_tool(tool: object) -> object:
    """The tool behind the wrapper that hooks are shown; None if there is none.

    `result_as_answer` is read from the original, so that is where it has to be switched off.
    """
    return getattr(tool, "_original_tool", None)


# --- flows -------------------------------------------------------------------------------------


def definition_of(flow: Flow[Any]) -> FlowDefinition:
    """The methods of a flow, and what each listens to; there is no public view of them."""
    return flow._definition


def state_of(flow: Flow[Any]) -> object:
    """The state as it is. The public `state` is a proxy that is no model of pydantic's."""
    return flow._state


def asks_by(flow: Flow[Any]) -> object:
    """The input provider that `flow.ask()` would use, after CrewAI's own rules."""
    return flow._resolve_input_provider()


def replace_ask(replacement: Callable[..., str | None]) -> None:
    """Put `replacement` in the place of `Flow.ask`, for every flow of this process.

    A provider is not told the timeout, and CrewAI leaves a question that took too long behind.
    """
    Flow.ask = replacement  # type: ignore[method-assign] # the process runs one job


def json_safe(value: object) -> object:
    """A method's output as CrewAI itself would save it."""
    return PendingFeedbackContext._make_json_safe(value)


def progress_of(flow: Flow[Any]) -> dict[str, object]:
    """Half-met joins, listeners that fired, completed methods and rounds, as JSON values.

    CrewAI's persistence saves the state alone and forgets these when a flow pauses.
    """
    return {
        "joins": {str(name): sorted(map(str, seen)) for name, seen in flow._pending_events.items()},
        "fired": sorted(map(str, flow._fired_or_listeners)),
        "completed": sorted(map(str, flow._completed_methods)),
        "calls": {str(name): count for name, count in flow._method_call_counts.items()},
    }


def restore_progress(flow: Flow[Any], progress: Mapping[str, Any]) -> None:
    """Put back what `progress_of` gave in another process."""
    flow._pending_events = {name: set(seen) for name, seen in progress["joins"].items()}
    flow._fired_or_listeners = set(progress["fired"])
    flow._completed_methods = set(progress["completed"])
    flow._method_call_counts = dict(progress["calls"])


def restore_pending(flow: Flow[Any], flow_id: str, persistence: FlowPersistence) -> None:
    """Bring a built flow back to where it paused. Raises ValueError, TypeError.

    The public `from_pending` builds the flow itself, without the arguments of its author.
    """
    restore = Flow.from_pending.__func__  # type: ignore[attr-defined] # a classmethod has it
    restore(lambda **_named: flow, flow_id, persistence)


# --- models ------------------------------------------------------------------------------------


def model_from(model: object) -> Any:
    """The model that a gate names, built as CrewAI builds it for gates."""
    return _resolve_llm_instance(model)


def override_models(model: str) -> None:
    """Have every model that CrewAI builds from a name be `model`, for this process.

    CrewAI's overlay is public for one context: threads that a crew starts itself do not see it,
    settings of the crew's own provider come along, and it also replaces classes of the crew's own.
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
    """Read the certificates that httpx trusts once; each client would read them anew, in 40 ms.

    A client that asks for others, or that finds others in the environment, gets those. httpx has
    no public default for them.
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
