"""Runs a flow to its next gate or its end, and resumes it with a person's decision.

The flow needs no changes. CrewAI calls a provider at each `@human_feedback`; the one here always
pauses. The flow's state is then stored in the database and restored in another process.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
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
from ..crewai_versions import check_flow_version
from ..failures import CrewProblem, summarize
from ..messages import FLOW, CrewDescription, Job
from ..monitoring.event_listeners import FlowListener
from ..older_crewai import (
    HumanFeedbackPending,
    HumanFeedbackResult,
    PendingFeedbackContext,
    add_stream_sink,
    flow_config,
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
from .graph import check_boundaries
from .method_gates import FlowPauses, MethodGates
from .pauses import MethodPause, changed
from .persistence import FlowSnapshot
from .questions import asks_questions
from .state_text import state_text

FIRST_PHASE: Final = "start"
"""The phase of a flow up to its first gate. Storage names the following ones: `after GATE`."""

_OUTCOME_NEEDED: Final = "(A reply alone does not choose an outcome. Choose one: {outcomes}.)"

TRIGGER_PAYLOAD: Final = "crewai_trigger_payload"
"""The input that CrewAI passes to start methods."""


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
        definition = definition_of(flow)
        self._gates = gates_of(definition)
        own_gates = {*self._gates}
        self._after = frozenset(job.gates_after) - own_gates
        self._before = frozenset(job.gates_before)
        check_flow_version(self._after | self._before)
        check_branches(definition)
        check_boundaries(definition, after=self._after, before=self._before)

    def describe(self) -> CrewDescription:
        return CrewDescription(
            (PhaseDefinition(FIRST_PHASE, (FIRST_PHASE,)),),
            gates=tuple(self._gates),
            questions=asks_questions(type(self._flow)),
            kind=FLOW,
            steps=tuple(map(str, definition_of(self._flow).methods)),
            takes_any_input=_closed_model(self._flow) is None,
        )

    def run(self, job: Job, report: Report) -> PhaseOutput:
        flow = self._flow
        flow.stream = False
        use_persistence(flow, self._snapshot)
        listener = FlowListener(flow, report)
        add_stream_sink(listener)
        if self._after or self._before or (job.resume is not None and job.resume.pause.at):
            return self._run_with_checkpoints(job, listener)
        resume = None if job.resume is None else self._with_outcome(job.resume)
        resumed = None if resume is None else self._check(resume)
        if resume is not None and resumed is not None and _is_undecided(resume):
            return _ask_again(resume.pause, resumed)
        models = {name: gate.llm for name, gate in self._gates.items()}
        for gate in self._gates.values():
            pause_at(gate)
        provider = PausingProvider(listener)
        flow_config.hitl_provider = provider
        if resume is None or resumed is None:
            result = flow.kickoff(inputs=_accepted_inputs(flow, job.inputs))
        else:
            result = self._resume(resume, resumed, models.get(resumed.method_name))
        if isinstance(result, HumanFeedbackPending):
            return self._paused(result.context, listener)
        for gate_name in provider.waiting:
            raise CrewProblem(
                f"The gate {gate_name} was passed over: CrewAI drops the pause of a method that "
                "races with others for the same or_. Move the gate behind the race."
            )
        return self._ended(result, job, listener)

    def _ended(self, result: object, job: Job, listener: FlowListener) -> PhaseOutput:
        output = state_text(self._flow) if result is None else text_of(result)
        last = TaskResult(task=listener.last or job.phase, agent="", output=output)
        return PhaseOutput(output=output, tasks=(last,), usage=listener.usage)

    # --- checkpoints of crews.yml ---------------------------------------------------------------

    def _run_with_checkpoints(self, job: Job, listener: FlowListener) -> PhaseOutput:
        """Run a flow that crews.yml has checkpoints for, to its next pause or its end."""
        flow = self._flow
        methods = definition_of(flow).methods
        for name in (*self._after, *self._before):
            if name not in methods:
                raise changed(f"it no longer has the method {name!r}")
        resume = None if job.resume is None else self._with_outcome(job.resume)
        revised = job.previous.pause if job.revising and job.previous is not None else None
        if resume is not None and revised is None and not resume.pause.at:
            context = self._check(resume)
            if _is_undecided(resume):
                return _ask_again(resume.pause, context)
        for gate in self._gates.values():
            pause_at(gate)
        gates = MethodGates(flow, listener, after=self._after, before=self._before)
        add_stream_sink(gates.answers)
        provider = PausingProvider(listener, gates.pause_at_gate)
        flow_config.hitl_provider = provider
        result: object = None
        if revised is not None:
            gates.replay(_method_pause(revised), _past_feedback(revised), words=job.feedback)
        elif resume is not None:
            past = [*_past_feedback(resume.pause), *self._new_feedback(resume)]
            gates.replay(_method_pause(resume.pause), past)
        with suppress(FlowPauses):
            result = flow.kickoff(inputs=self._inputs(job))
        if gates.problem is not None:
            raise gates.problem
        if gates.pause is None:
            output = self._ended(result, job, listener)
        else:
            output = self._paused_at(gates.pause, provider)
        return replace(output, usage=listener.usage, revised=gates.revised)

    def _inputs(self, job: Job) -> dict[str, Any]:
        """The inputs; after a pause only what is not in the state, which is restored."""
        if job.resume is None and not job.revising:
            return _accepted_inputs(self._flow, job.inputs)
        return {name: job.inputs[name] for name in (TRIGGER_PAYLOAD,) if name in job.inputs}

    def _paused_at(self, pause: MethodPause, provider: PausingProvider) -> PhaseOutput:
        saved = {"steps": pause.dump(), "between": _dump_progress(self._flow)}
        context = provider.waiting.get(pause.method)
        if not pause.at and context is not None:
            saved |= {"state": {}, "context": {**context.to_dict(), "llm": None}}
            return _gate_output(context, _pause_of(context, saved))
        result = TaskResult(task=pause.method, agent="", output=pause.shown)
        return PhaseOutput(
            output=pause.shown,
            tasks=(result,),
            pause=Pause(
                gate=pause.method,
                at=pause.at,
                revisable=pause.origin is not None,
                saved=saved,
            ),
        )

    def _new_feedback(self, resume: Resume) -> list[HumanFeedbackResult]:
        """The decision at a gate of the flow's own."""
        if resume.pause.at:
            return []
        context = self._snapshot.load(resume.pause.saved)
        return [
            HumanFeedbackResult(
                output=context.method_output,
                feedback=_feedback_text(resume),
                outcome=resume.feedback.outcome,
                method_name=context.method_name,
                metadata=context.metadata,
            )
        ]

    # --- pausing ----------------------------------------------------------------------------

    def _paused(self, context: PendingFeedbackContext, listener: FlowListener) -> PhaseOutput:
        saved = {**self._snapshot.dump(context.flow_id), "between": _dump_progress(self._flow)}
        return replace(_gate_output(context, _pause_of(context, saved)), usage=listener.usage)

    # --- resuming ---------------------------------------------------------------------------

    def _check(self, resume: Resume) -> PendingFeedbackContext:
        """The saved pause. Raises CrewProblem if the flow's class no longer has it."""
        context = self._snapshot.load(resume.pause.saved)
        gate, outcome = self._gates.get(resume.pause.gate), resume.feedback.outcome
        if gate is None:
            raise changed(f"it no longer has the gate {resume.pause.gate!r}")
        offered = gate.emit or []
        if bool(offered) != bool(context.emit):
            raise changed(f"the gate {resume.pause.gate!r} has other outcomes")
        if outcome is not None and outcome not in offered:
            raise changed(f"its gate {resume.pause.gate!r} no longer has the outcome {outcome!r}")
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
            raise changed(f"its state does not fit ({_reason(error)})") from error
        _restore_progress(flow, resume.pause.saved.get("between"))
        if outcome is not None:
            chosen: Any = ChosenOutcomeModel(model="chosen", outcome=outcome, fallback=model)
            context.llm = chosen
            context.default_outcome = outcome  # used if the choice came without feedback
        return resume_flow(flow, _feedback_text(resume))


def _pause_of(context: PendingFeedbackContext, saved: Mapping[str, object]) -> Pause:
    return Pause(
        gate=context.method_name,
        message=context.message,
        outcomes=tuple(context.emit or ()),
        default_outcome=context.default_outcome,
        saved=saved,
    )


def _method_pause(pause: Pause) -> MethodPause:
    """What a flow with checkpoints in crews.yml saved. Raises CrewProblem if it saved nothing."""
    saved = pause.saved.get("steps")
    if not isinstance(saved, Mapping):
        raise changed(f"what it did before {pause.gate!r} was not saved")
    return MethodPause.load(saved)


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
    flow.human_feedback_history = _feedback_of(progress)
    flow.last_human_feedback = next(reversed(flow.human_feedback_history), None)


def _past_feedback(pause: Pause) -> list[HumanFeedbackResult]:
    progress = pause.saved.get("between")
    return _feedback_of(progress) if isinstance(progress, Mapping) else []


def _feedback_of(progress: Mapping[str, Any]) -> list[HumanFeedbackResult]:
    return [
        HumanFeedbackResult(**{**past, "timestamp": datetime.fromisoformat(past["timestamp"])})
        for past in progress["feedback"]
    ]


def _accepted_inputs(flow: Flow[Any], inputs: Mapping[str, str]) -> dict[str, Any]:
    """The inputs; if the flow's state is a model, only those that it has fields for."""
    model = _closed_model(flow)
    if model is None:
        return dict(inputs)
    return {name: value for name, value in inputs.items() if name in model.model_fields}


def _closed_model(flow: Flow[Any]) -> type[BaseModel] | None:
    """The model of the flow's state, if it accepts no other fields than its own."""
    state = state_of(flow)
    if not isinstance(state, BaseModel) or state.model_config.get("extra") == "allow":
        return None
    return type(state)
