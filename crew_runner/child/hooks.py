"""Hooks of CrewAI's through which a crew or a flow is watched while it runs."""

from __future__ import annotations

from crewai import Crew
from crewai.hooks.dispatch import InterceptionPoint, register

from crew_runner.child.crews.crew import CrewRunnable
from crew_runner.child.crews.tool_gate import ToolGate, check_time, check_tools
from crew_runner.child.failures import failure_of
from crew_runner.child.flows.questions import answer_flows
from crew_runner.child.messages import Job
from crew_runner.child.monitoring.run_limits import RunLimits
from crew_runner.child.runnable import Runnable


def check(runnable: Runnable, job: Job) -> None:
    """Raises CrewProblem where crews.yml asks for what cannot be watched.

    A flow makes its agents as it goes: which tools they have is not known before.
    """
    crew = runnable._crew if isinstance(runnable, CrewRunnable) else None
    if isinstance(crew, Crew) and job.approve_tools:
        check_tools(crew, job.approve_tools)
        check_time(crew, job.approve_tools)


def register_hooks(job: Job, watch: RunLimits) -> None:
    """From now on every call of a model or of a tool in this process passes by `watch`."""
    gate = None
    if job.approve_tools:
        gate = ToolGate(job.approve_tools, watch, allowed=job.allowed)
    answer_flows(watch)

    def before_model_call(_context: object) -> None:
        try:
            watch.before_model_call()
        except Exception as error:  # noqa: BLE001 CrewAI would make the call
            watch.end(failure_of(error))
        if gate is not None:
            gate.before_model_call()

    register(InterceptionPoint.PRE_MODEL_CALL, before_model_call)
    if gate is not None:
        gate.put_last()
