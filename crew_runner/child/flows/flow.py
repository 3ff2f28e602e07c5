"""Flows: run to the next gate or to the end, and taken up again with a person's decision.

A flow is not changed for this. CrewAI asks a provider at each `@human_feedback`; the one here
always pauses. What the flow knows then goes to the database, and comes back to another process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from crewai import Flow
from crewai.core.providers.human_input import set_provider
from crewai.events.stream_context import add_stream_sink
from crewai.flow.async_feedback.types import HumanFeedbackPending, PendingFeedbackContext
from crewai.flow.flow_config import flow_config
from crewai.flow.human_feedback import HumanFeedbackResult
from pydantic import BaseModel, ValidationError

from crew_runner.child.crewai_internals import (
    definition_of,
    json_safe,
    progress_of,
    restore_pending,
    restore_progress,
    state_of,
)
from crew_runner.child.crews.conversation import InputRefused
from crew_runner.child.failures import CrewProblem, clipped
from crew_runner.child.flows.chosen_outcome import Chosen
from crew_runner.child.flows.gates import (
    PausingProvider,
    check_branches,
    gates_of,
    outcome_back_to,
    pause_at,
)
from crew_runner.child.flows.persistence import FlowSnapshot
from crew_runner.child.messages import Described, Job
from crew_runner.child.monitoring.event_listeners import FlowListener
from crew_runner.child.output_text import text_of
from crew_runner.child.records import (
    Action,
    Pause,
    PhaseDefinition,
    PhaseOutput,
    Resume,
    TaskResult,
)
from crew_runner.child.runnable import Report

FIRST_PHASE: Final = "start"
"""The phase of a flow until its first gate; what follows is named by storage: `after GATE`."""

_CHOOSE: Final = "(Words alone chose nothing. One of these is needed: {outcomes}.)"
_CHANGED: Final = "The flow was changed since it paused: {what}. Put it back, or start anew."


class FlowRunnable:
    """A built flow. `kept` is where it saves itself."""

    def __init__(self, flow: Flow[Any], kept: FlowSnapshot, job: Job) -> None:
        if job.phases not in ((), (PhaseDefinition(FIRST_PHASE, (FIRST_PHASE,)),)):
            raise CrewProblem(
                "crews.yml names phases for a flow. A flow goes from gate to gate by itself: "
                "leave them out."
            )
        self._flow = flow
        self._kept = kept
        self._gates = gates_of(definition_of(flow))
        check_branches(definition_of(flow))

    def describe(self) -> Described:
        return Described((PhaseDefinition(FIRST_PHASE, (FIRST_PHASE,)),), gates=tuple(self._gates))

    def run(self, job: Job, report: Report) -> PhaseOutput:
        flow = self._flow
        flow.stream = False
        flow.persistence = self._kept
        resume = None if job.resume is None else self._with_outcome(job.resume)
        resumed = None if resume is None else self._check(resume)
        if resume is not None and resumed is not None and _is_undecided(resume):
            return _asked_again(resume.pause, resumed)
        models = {name: gate.llm for name, gate in self._gates.items()}
        for gate in self._gates.values():
            pause_at(gate)
        listener = FlowListener(flow, report)
        set_provider(InputRefused())
        add_stream_sink(listener)
        flow_config.hitl_provider = PausingProvider(listener)
        if resume is None or resumed is None:
            given = flow.kickoff(inputs=_fitting(flow, job.inputs))
        else:
            given = self._go_on(resume, resumed, models.get(resumed.method_name))
        if isinstance(given, HumanFeedbackPending):
            return self._paused(given.context, listener)
        output = text_of(given)
        last = TaskResult(task=listener.last or job.phase, agent="", output=output)
        return PhaseOutput(output=output, tasks=(last,), usage=listener.usage)

    # --- pausing ----------------------------------------------------------------------------

    def _paused(self, context: PendingFeedbackContext, listener: FlowListener) -> PhaseOutput:
        pause = Pause(
            gate=context.method_name,
            message=context.message,
            outcomes=tuple(context.emit or ()),
            default_outcome=context.default_outcome,
            saved={**self._kept.saved(context.flow_id), "between": _between(self._flow)},
        )
        return replace(_shown(context, pause), usage=listener.usage)

    # --- going on ---------------------------------------------------------------------------

    def _check(self, resume: Resume) -> PendingFeedbackContext:
        """The saved pause. Raises CrewProblem where the flow's class does not know it any more."""
        context = self._kept.fill(resume.pause.saved)
        gate, outcome = self._gates.get(resume.pause.gate), resume.feedback.outcome
        if gate is None:
            raise _changed(f"it has no gate {resume.pause.gate!r} any more")
        offered = gate.emit or []
        if bool(offered) != bool(context.emit):
            raise _changed(f"the outcomes of its gate {resume.pause.gate!r} are others")
        if outcome is not None and outcome not in offered:
            raise _changed(f"its gate {resume.pause.gate!r} has no outcome {outcome!r} any more")
        return context

    def _with_outcome(self, resume: Resume) -> Resume:
        """Words without an outcome ask for another round, where one outcome leads to it.

        They are given to no model: it might take them for an approval.
        """
        if resume.feedback.outcome is not None or not resume.feedback.text.strip():
            return resume
        back = outcome_back_to(definition_of(self._flow), resume.pause.gate)
        return replace(resume, feedback=replace(resume.feedback, outcome=back))

    def _go_on(self, resume: Resume, context: PendingFeedbackContext, model: object) -> object:
        flow, outcome = self._flow, resume.feedback.outcome
        try:
            restore_pending(flow, context.flow_id, self._kept)
        except (ValueError, TypeError) as error:
            raise _changed(f"its state does not fit ({_said(error)})") from error
        _restore_between(flow, resume.pause.saved.get("between"))
        if outcome is not None:
            chosen: Any = Chosen(model="chosen", outcome=outcome, otherwise=model)
            context.llm = chosen
            context.default_outcome = outcome  # it is taken where no words came with the choice
        return flow.resume(_words(resume))


def _shown(context: PendingFeedbackContext, pause: Pause) -> PhaseOutput:
    """What the reviewer of a gate is shown."""
    text = text_of(context.method_output)
    result = TaskResult(task=context.method_name, agent="", output=text)
    return PhaseOutput(output=text, tasks=(result,), pause=pause)


def _is_undecided(resume: Resume) -> bool:
    """Raises CrewProblem where nobody can be asked again: a timeout, and no default_outcome."""
    if not resume.pause.outcomes or resume.feedback.outcome is not None:
        return False
    if not resume.feedback.text.strip():
        raise CrewProblem(
            f"Nobody chose an outcome at {resume.pause.gate!r}, and the flow names none as its "
            "default_outcome."
        )
    return True


def _asked_again(pause: Pause, context: PendingFeedbackContext) -> PhaseOutput:
    message = f"{context.message} {_CHOOSE.format(outcomes=', '.join(pause.outcomes))}"
    return _shown(context, replace(pause, message=message))


def _words(resume: Resume) -> str:
    """What the flow is told as feedback; to go on without approving says nothing."""
    skipped = resume.feedback.action is Action.SKIP
    if skipped and resume.feedback.outcome is None:
        return ""
    return resume.feedback.text


def _changed(what: str) -> CrewProblem:
    return CrewProblem(_CHANGED.format(what=what))


def _said(error: Exception) -> str:
    cause = error.__cause__ or error.__context__
    return clipped(cause if isinstance(cause, ValidationError) else error)


# --- what a flow knows beside its state --------------------------------------------------------


def _between(flow: Flow[Any]) -> dict[str, object]:
    """What CrewAI itself forgets between two processes: half-met joins, rounds, past feedback."""
    return {
        **progress_of(flow),
        "feedback": [
            {
                "output": json_safe(past.output),
                "feedback": past.feedback,
                "outcome": past.outcome,
                "timestamp": past.timestamp.isoformat(),
                "method_name": past.method_name,
                "metadata": json_safe(past.metadata),
            }
            for past in flow.human_feedback_history
        ],
    }


def _restore_between(flow: Flow[Any], between: object) -> None:
    """Take over what `_between` gave in another process."""
    if not isinstance(between, Mapping):
        return
    restore_progress(flow, between)
    flow.human_feedback_history = [
        HumanFeedbackResult(**{**past, "timestamp": datetime.fromisoformat(past["timestamp"])})
        for past in between["feedback"]
    ]
    flow.last_human_feedback = next(reversed(flow.human_feedback_history), None)


def _fitting(flow: Flow[Any], inputs: Mapping[str, str]) -> dict[str, Any]:
    """The inputs; where the flow's state is a model, those of them that it has."""
    state = state_of(flow)
    if not isinstance(state, BaseModel) or state.model_config.get("extra") == "allow":
        return dict(inputs)
    return {name: value for name, value in inputs.items() if name in type(state).model_fields}
