"""Registers the CrewAI hooks that enforce limits and approvals while a crew runs."""

from __future__ import annotations

from crewai import Crew

from .crewai_internals import fill_placeholders_once
from .crews.crew import CrewRunnable
from .crews.tool_gate import ToolGate, check_time, check_tools
from .failures import failure_of
from .flows.questions import route_flow_questions
from .flows.revision import add_words
from .flows.task_review import TaskReview
from .messages import Job
from .monitoring.run_limits import RunLimits
from .older_crewai import InterceptionPoint, LLMCallHookContext, register, set_provider
from .runnable import Runnable


def check_approvals(runnable: Runnable, job: Job) -> None:
    """Raises CrewProblem if `approve_tools` in crews.yml cannot be enforced for this crew.

    Not checked for flows, which create their agents while they run.
    """
    crew = runnable._crew if isinstance(runnable, CrewRunnable) else None
    if isinstance(crew, Crew) and job.approve_tools:
        check_tools(crew, job.approve_tools)
        check_time(crew, job.approve_tools)


def connect(runnable: Runnable, limits: RunLimits) -> None:
    """Let a crew store which of its steps must not be repeated."""
    if isinstance(runnable, CrewRunnable):
        runnable.remember = limits.remember


def register_hooks(job: Job, limits: RunLimits) -> None:
    """Pass every later model call and approved tool call of this process through `limits`."""
    gate = None
    if job.approve_tools:
        gate = ToolGate(job.approve_tools, limits, allowed=job.allowed)
    route_flow_questions(limits)
    set_provider(TaskReview(limits))  # for flows; a crew sets its own
    fill_placeholders_once()

    def before_model_call(context: LLMCallHookContext) -> None:
        try:
            limits.before_model_call()
            add_words(context)
        except Exception as error:  # noqa: BLE001 CrewAI would make the call
            limits.fail(failure_of(error))
        if gate is not None:
            gate.before_model_call()

    register(InterceptionPoint.PRE_MODEL_CALL, before_model_call)
    if gate is not None:
        gate.move_last()
