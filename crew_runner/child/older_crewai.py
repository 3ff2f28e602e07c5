"""Names that older versions of CrewAI lack, and how the same is done there.

A project's own environment decides which CrewAI runs. Other modules import these names from here,
so that each is importable under every version from 1.0 on. A name without an equivalent is a
placeholder; `crewai_versions` then says which feature is missing and which version has it.

This module uses private names of those versions, which no longer change. `make compat` runs it.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from itertools import takewhile
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import crewai
from crewai import Crew
from crewai.types.usage_metrics import UsageMetrics
from pydantic import BaseModel

from .older_python import StrEnum

VERSION: Final = tuple(int(part) for part in crewai.__version__.split(".")[:2])

CAN_AWAIT_PROVIDERS: Final = VERSION >= (1, 15)
"""Whether a gate's provider may be a coroutine; others block the flow until it pauses."""

if TYPE_CHECKING:
    from crewai.core.providers.human_input import (
        AsyncExecutorContext,
        ExecutorContext,
        SyncHumanInputProvider,
        set_provider,
    )
    from crewai.events.stream_context import add_stream_sink
    from crewai.events.types.flow_events import MethodExecutionPausedEvent
    from crewai.flow.async_feedback.providers import ConsoleProvider
    from crewai.flow.async_feedback.types import HumanFeedbackPending, PendingFeedbackContext
    from crewai.flow.flow_config import flow_config
    from crewai.flow.flow_context import current_flow_method_name
    from crewai.flow.flow_definition import FlowDefinition, FlowHumanFeedbackDefinition
    from crewai.flow.human_feedback import HumanFeedbackResult
    from crewai.flow.persistence.base import FlowPersistence
    from crewai.flow.persistence.factory import set_flow_persistence_factory
    from crewai.hooks.dispatch import (
        HookAborted,
        InterceptionPoint,
        get_global_hook_list,
        register,
    )
    from crewai.hooks.llm_hooks import LLMCallHookContext
    from crewai.hooks.tool_hooks import ToolCallHookContext
    from crewai.memory.storage.factory import set_memory_storage_factory
    from crewai.utilities.string_utils import sanitize_tool_name
    from crewai_core.lock_store import set_lock_backend
else:
    from crewai.events.event_bus import CrewAIEventsBus

    # --- events ---------------------------------------------------------------------------------

    try:
        from crewai.events.stream_context import add_stream_sink
    except ImportError:
        from crewai.events.event_bus import crewai_event_bus

        _sinks: list[Callable[[object, object], None]] = []
        _emit = crewai_event_bus.emit

        def _emit_to_sinks(source: object, event: object) -> object:
            for sink in _sinks:
                sink(source, event)
            return _emit(source, event)

        def add_stream_sink(sink: Callable[[object, object], None]) -> None:
            """Call the sink with each event, in the thread that emits it."""
            if not _sinks:
                crewai_event_bus.emit = _emit_to_sinks
            _sinks.append(sink)

    try:
        from crewai.events.types.flow_events import MethodExecutionPausedEvent
    except ImportError:

        class MethodExecutionPausedEvent:
            """Not emitted."""

    if not hasattr(CrewAIEventsBus, "flush"):
        CrewAIEventsBus.flush = lambda _bus, timeout=None: True  # noqa: ARG005  # its sinks suffice

    # --- hooks ----------------------------------------------------------------------------------

    try:
        from crewai.hooks.dispatch import (
            HookAborted,
            InterceptionPoint,
            get_global_hook_list,
            register,
        )
    except ImportError:

        class HookAborted(Exception):
            """Prevents the call, by the hook's returning False."""

        class InterceptionPoint(StrEnum):
            PRE_MODEL_CALL = "pre_model_call"
            PRE_TOOL_CALL = "pre_tool_call"
            POST_TOOL_CALL = "post_tool_call"

        def get_global_hook_list(point: InterceptionPoint) -> list[Callable[..., Any]]:
            try:
                from crewai.hooks import llm_hooks, tool_hooks
            except ImportError:  # CrewAI 1.3 and older have no hooks
                return []
            return {
                InterceptionPoint.PRE_MODEL_CALL: llm_hooks._before_llm_call_hooks,
                InterceptionPoint.PRE_TOOL_CALL: tool_hooks._before_tool_call_hooks,
                InterceptionPoint.POST_TOOL_CALL: tool_hooks._after_tool_call_hooks,
            }[point]

        def register(point: InterceptionPoint, hook: Callable[..., Any]) -> None:
            def refusing(context: object) -> Any:
                try:
                    return hook(context)
                except HookAborted:
                    return False

            get_global_hook_list(point).append(refusing)

    try:
        from crewai.hooks.llm_hooks import LLMCallHookContext
        from crewai.hooks.tool_hooks import ToolCallHookContext
    except ImportError:
        LLMCallHookContext = ToolCallHookContext = SimpleNamespace

    try:
        from crewai.utilities.string_utils import sanitize_tool_name
    except ImportError:

        def sanitize_tool_name(name: str) -> str:
            return name.strip().lower().replace(" ", "_")

    # --- human input ----------------------------------------------------------------------------

    try:
        from crewai.core.providers.human_input import (
            AsyncExecutorContext,
            ExecutorContext,
            SyncHumanInputProvider,
            set_provider,
        )
    except ImportError:
        from crewai.agents.crew_agent_executor import CrewAgentExecutor as _Executor

        AsyncExecutorContext = ExecutorContext = object

        class SyncHumanInputProvider:
            """The base class of providers."""

            def setup_messages(self, _context: object) -> bool:
                return False

            def post_setup_messages(self, _context: object) -> None:
                """Nothing to do."""

        _providers: list[Any] = []

        def set_provider(provider: Any) -> None:
            """Have every executor call the provider where later versions do."""
            if not _providers:
                _Executor._show_start_logs = _after_messages(_Executor._show_start_logs)
                _Executor._handle_human_feedback = lambda executor, answer: _providers[
                    -1
                ].handle_feedback(answer, executor)
            _providers.append(provider)

        def _after_messages(show: Callable[[Any], None]) -> Callable[[Any], None]:
            def show_start_logs(executor: Any) -> None:
                # The first method that `invoke` calls after it has set the messages up.
                if not _providers[-1].setup_messages(executor):
                    _providers[-1].post_setup_messages(executor)
                show(executor)

            return show_start_logs

    # --- flows ----------------------------------------------------------------------------------

    try:
        from crewai.flow.async_feedback.providers import ConsoleProvider
        from crewai.flow.async_feedback.types import HumanFeedbackPending, PendingFeedbackContext
        from crewai.flow.flow_config import flow_config
        from crewai.flow.human_feedback import HumanFeedbackResult
    except ImportError:

        class ConsoleProvider:
            """Not used."""

        class HumanFeedbackPending(Exception):
            """Not raised."""

        class PendingFeedbackContext:
            """Not used."""

        class HumanFeedbackResult:
            """Not used."""

        flow_config = SimpleNamespace()

    try:
        from crewai.flow.flow_context import current_flow_method_name
    except ImportError:
        current_flow_method_name = contextvars.ContextVar("method", default="")

    try:
        from crewai.flow.flow_definition import FlowDefinition, FlowHumanFeedbackDefinition
    except ImportError:
        FlowDefinition = FlowHumanFeedbackDefinition = SimpleNamespace

    # --- storage --------------------------------------------------------------------------------

    from crewai.flow.persistence.base import FlowPersistence

    if not issubclass(FlowPersistence, BaseModel):
        _OldPersistence = FlowPersistence

        class FlowPersistence(BaseModel, _OldPersistence, arbitrary_types_allowed=True):
            """The same with fields."""

    try:
        from crewai.flow.persistence.factory import set_flow_persistence_factory
    except ImportError:

        def set_flow_persistence_factory(factory: Callable[[], object]) -> None:
            """Only `@persist` asks for one, and then uses its own."""

    try:
        from crewai.memory.storage.factory import set_memory_storage_factory
    except ImportError:

        def set_memory_storage_factory(factory: Callable[[str], object]) -> None:
            """Memory is opened when it is built."""

    try:
        from crewai_core.lock_store import set_lock_backend
    except ImportError:

        def set_lock_backend(backend: object) -> None:
            """These versions keep their locks where they choose."""


# --- what crewai_internals does with private names of newer versions ----------------------------


_GENERATION_SETTINGS: Final = ("temperature", "top_p", "max_tokens", "timeout", "stop", "seed")


def override_models(model: str) -> None:
    """Build every model that is built from a name as `model`, without its own address and key."""
    from crewai import LLM

    new, init = LLM.__new__, LLM.__init__

    def settings(given: dict[str, Any]) -> dict[str, Any]:
        return {name: given[name] for name in _GENERATION_SETTINGS if name in given}

    def new_model(cls: type[LLM], *_arguments: Any, **named: Any) -> Any:
        return new(cls, model=model, **settings(named))

    def init_model(llm: LLM, *_arguments: Any, **named: Any) -> None:
        # Python calls it with the original arguments after `__new__`.
        init(llm, model=model, **settings(named))

    vars_of_class: Any = LLM
    vars_of_class.__new__, vars_of_class.__init__ = new_model, init_model


def skip_finished_tasks() -> None:
    """Have crews start at the first task without an output, as `Crew.replay` does."""
    crew_class: Any = Crew
    execute = crew_class._execute_tasks

    def execute_tasks(crew: Crew, tasks: list[Any], *_more: Any) -> Any:
        finished = takewhile(lambda task: task.output is not None, tasks)
        return execute(crew, tasks, len(list(finished)))

    crew_class._execute_tasks = execute_tasks


def feedback_message(context: Any, feedback: str) -> Any:
    from crewai.utilities import i18n

    texts = getattr(context, "_i18n", None) or i18n.I18N()
    text = texts.slice("feedback_instructions").format(feedback=feedback)
    return {"role": "user", "content": text}


def definition_of(flow: Any) -> Any:
    """The flow's methods, in the shape of newer versions' definitions."""
    if hasattr(flow, "flow_definition"):
        return flow.flow_definition()
    conditions = {**getattr(flow, "_listeners", {})}
    methods = {
        str(name): SimpleNamespace(
            human_feedback=getattr(method, "__human_feedback_config__", None),
            start=True if name in flow._start_methods else None,
            listen=_condition(conditions.get(name)),
            router=name in flow._routers,
            emit=list(map(str, flow._router_paths.get(name, ()))),
        )
        for name, method in flow._methods.items()
    }
    return SimpleNamespace(name=type(flow).__name__, methods=methods)


def _condition(condition: Any) -> Any:
    if isinstance(condition, tuple):  # its kind, and the names
        kind, names = condition
        return {str(kind).lower(): list(map(str, names))}
    return condition


def usage_since(llm: Any, before: UsageMetrics | None) -> UsageMetrics | None:
    """What the model has used since `before`, where events do not say what a call used."""
    summary = getattr(llm, "get_token_usage_summary", None)
    if not callable(summary):
        return None
    now: UsageMetrics = summary()
    if before is None:
        return now
    counts = {name: getattr(now, name) - getattr(before, name) for name in type(now).model_fields}
    return UsageMetrics(**counts)


__all__ = [
    "AsyncExecutorContext",
    "ConsoleProvider",
    "ExecutorContext",
    "FlowDefinition",
    "FlowHumanFeedbackDefinition",
    "FlowPersistence",
    "HookAborted",
    "HumanFeedbackPending",
    "HumanFeedbackResult",
    "InterceptionPoint",
    "LLMCallHookContext",
    "MethodExecutionPausedEvent",
    "PendingFeedbackContext",
    "SyncHumanInputProvider",
    "ToolCallHookContext",
    "add_stream_sink",
    "current_flow_method_name",
    "flow_config",
    "get_global_hook_list",
    "register",
    "sanitize_tool_name",
    "set_flow_persistence_factory",
    "set_lock_backend",
    "set_memory_storage_factory",
    "set_provider",
]
