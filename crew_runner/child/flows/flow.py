"""Runs a flow to its next gate or its end, and resumes it with a person's decision.

The flow needs no changes. CrewAI calls a provider at each `@human_feedback`; the one here always
pauses. The flow's state is then stored in the database and restored in another process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from crewai import Flow
from pydantic import BaseModel, ValidationError

from ..crewai_internals import (
    definition_of,
    json_safe,
    progress_of,
    restore_pending,
    restore_progress,
    resume_flow,
    state_of,
    use_persistence,
)
from ..crews.conversation import InputRefused
from ..failures import CrewProblem, summarize
from ..messages import CrewDescription, Job
from ..monitoring.event_listeners import FlowListener
from ..older_crewai import (
    HumanFeedbackPending,
    HumanFeedbackResult,
    PendingFeedbackContext,
    add_stream_sink,
    flow_config,
    set_provider,
)
from ..output_text import text_of
from ..records import (
    Action,
    Pause,
    PhaseDefinition,
    PhaseOutput,
    Resume,
    TaskResult,
)
from ..runnable import Report
from .chosen_outcome import ChosenOutcomeModel
from .gates import (
    PausingProvider,
    check_branches,
    gates_of,
    outcome_back_to,
    pause_at,
)
from .persistence import FlowSnapshot

FIRST_PHASE: Final = "start"
"""The phase of a flow up to its first gate. Storage names the following ones: `after GATE`."""

_OUTCOME_NEEDED: Final = "(A reply alone does not choose an outcome. Choose one: {outcomes}.)"
_CHANGED: Final = (
    "The flow has changed since it paused: {what}. Restore its code, or start the crew again."
)


class FlowRunnable:
    """A built flow. `snapshot` receives its state when it pauses."""

    def __init__(self, flow: Flow[Any], snapshot: FlowSnapshot, job: Job) -> None:
        if job.phases not in ((), (PhaseDefinition(FIRST_PHASE, (FIRST_PHASE,)),)):
            raise CrewProblem(
                "crews.yml names phases for a flow, which runs from gate to gate by itself. "
                "Remove `phases`."
            )
        self._flow = flow
        self._snapshot = snapshot
        self._gates = gates_of(definition_of(flow))
        check_branches(definition_of(flow))

    def describe(self) -> CrewDescription:
        return CrewDescription(
            (PhaseDefinition(FIRST_PHASE, (FIRST_PHASE,)),), gates=tuple(self._gates)
        )

    def run(self, job: Job, report: Report) -> PhaseOutput:
        flow = self._flow
        flow.stream = False
        use_persistence(flow, self._snapshot)
        resume = None if job.resume is None else self._with_outcome(job.resume)
        resumed = None if resume is None else self._check(resume)
        if resume is not None and resumed is not None and _is_undecided(resume):
            return _ask_again(resume.pause, resumed)
        models = {name: gate.llm for name, gate in self._gates.items()}
        for gate in self._gates.values():
            pause_at(gate)
        listener = FlowListener(flow, report)
        set_provider(InputRefused())
        add_stream_sink(listener)
        flow_config.hitl_provider = PausingProvider(listener)
        if resume is None or resumed is None:
            result = flow.kickoff(inputs=_accepted_inputs(flow, job.inputs))
        else:
            result = self._resume(resume, resumed, models.get(resumed.method_name))
        if isinstance(result, HumanFeedbackPending):
            return self._paused(result.context, listener)
        output = text_of(result)
        last = TaskResult(task=listener.last or job.phase, agent="", output=output)
        return PhaseOutput(output=output, tasks=(last,), usage=listener.usage)

    # --- pausing ----------------------------------------------------------------------------

    def _paused(self, context: PendingFeedbackContext, listener: FlowListener) -> PhaseOutput:
        pause = Pause(
            gate=context.method_name,
            message=context.message,
            outcomes=tuple(context.emit or ()),
            default_outcome=context.default_outcome,
            saved={**self._snapshot.dump(context.flow_id), "between": _dump_progress(self._flow)},
        )
        return replace(_gate_output(context, pause), usage=listener.usage)

    # --- resuming ---------------------------------------------------------------------------

    def _check(self, resume: Resume) -> PendingFeedbackContext:
        """The saved pause. Raises CrewProblem if the flow's class no longer has it."""
        context = self._snapshot.load(resume.pause.saved)
        gate, outcome = self._gates.get(resume.pause.gate), resume.feedback.outcome
        if gate is None:
            raise _changed(f"it no longer has the gate {resume.pause.gate!r}")
        offered = gate.emit or []
        if bool(offered) != bool(context.emit):
            raise _changed(f"the gate {resume.pause.gate!r} has other outcomes")
        if outcome is not None and outcome not in offered:
            raise _changed(f"its gate {resume.pause.gate!r} no longer has the outcome {outcome!r}")
        return context

    def _with_outcome(self, resume: Resume) -> Resume:
        """Feedback without an outcome takes the only outcome that leads back to the gate, if any.

        It is not passed to a model, which might read it as an approval.
        """
        if resume.feedback.outcome is not None or not resume.feedback.text.strip():
            return resume
        outcome_back = outcome_back_to(definition_of(self._flow), resume.pause.gate)
        return replace(resume, feedback=replace(resume.feedback, outcome=outcome_back))

    def _resume(self, resume: Resume, context: PendingFeedbackContext, model: object) -> object:
        flow, outcome = self._flow, resume.feedback.outcome
        try:
            restore_pending(flow, context.flow_id, self._snapshot)
        except (ValueError, TypeError) as error:
            raise _changed(f"its state does not fit ({_reason(error)})") from error
        _restore_progress(flow, resume.pause.saved.get("between"))
        if outcome is not None:
            chosen: Any = ChosenOutcomeModel(model="chosen", outcome=outcome, fallback=model)
            context.llm = chosen
            context.default_outcome = outcome  # used if the choice came without feedback
        return resume_flow(flow, _feedback_text(resume))


def _gate_output(context: PendingFeedbackContext, pause: Pause) -> PhaseOutput:
    """The output that the reviewer of a gate sees."""
    text = text_of(context.method_output)
    result = TaskResult(task=context.method_name, agent="", output=text)
    return PhaseOutput(output=text, tasks=(result,), pause=pause)


def _is_undecided(resume: Resume) -> bool:
    """Whether the feedback chose no outcome.

    Raises CrewProblem after a timeout without a default_outcome, when nobody can be asked again.
    """
    if not resume.pause.outcomes or resume.feedback.outcome is not None:
        return False
    if not resume.feedback.text.strip():
        raise CrewProblem(
            f"Nobody chose an outcome at {resume.pause.gate!r}, and the gate has no default. "
            "Set its default_outcome, or start the crew again."
        )
    return True


def _ask_again(pause: Pause, context: PendingFeedbackContext) -> PhaseOutput:
    message = f"{context.message} {_OUTCOME_NEEDED.format(outcomes=', '.join(pause.outcomes))}"
    return _gate_output(context, replace(pause, message=message))


def _feedback_text(resume: Resume) -> str:
    """The feedback for the flow; skip without an outcome means none."""
    skipped = resume.feedback.action is Action.SKIP
    if skipped and resume.feedback.outcome is None:
        return ""
    return resume.feedback.text


def _changed(what: str) -> CrewProblem:
    return CrewProblem(_CHANGED.format(what=what))


def _reason(error: Exception) -> str:
    cause = error.__cause__ or error.__context__
    return summarize(cause if isinstance(cause, ValidationError) else error)


# --- progress beside the state -----------------------------------------------------------------


def _dump_progress(flow: Flow[Any]) -> dict[str, object]:
    """What CrewAI loses between processes: incomplete joins, call counts, past feedback."""
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


def _restore_progress(flow: Flow[Any], progress: object) -> None:
    """Restore what `_dump_progress` returned in another process."""
    if not isinstance(progress, Mapping):
        return
    restore_progress(flow, progress)
    flow.human_feedback_history = [
        HumanFeedbackResult(**{**past, "timestamp": datetime.fromisoformat(past["timestamp"])})
        for past in progress["feedback"]
    ]
    flow.last_human_feedback = next(reversed(flow.human_feedback_history), None)


def _accepted_inputs(flow: Flow[Any], inputs: Mapping[str, str]) -> dict[str, Any]:
    """The inputs; if the flow's state is a model, only those that it has fields for."""
    state = state_of(flow)
    if not isinstance(state, BaseModel) or state.model_config.get("extra") == "allow":
        return dict(inputs)
    return {name: value for name, value in inputs.items() if name in type(state).model_fields}
