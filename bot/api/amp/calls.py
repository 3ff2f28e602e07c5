"""What the routes below /amp do: they call the core, and return AMP's bodies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from bot.amp import answers, tasks
from bot.amp.webhook_bodies import why_ended
from bot.api import refusals
from bot.api.access import Caller, answering
from bot.api.amp import bodies
from bot.api.amp.errors import ALREADY_RESPONDED, Refused
from bot.api.services import Services
from bot.webhooks.targets import BadTarget, check_target
from storage.crew_inputs import THE_LANGUAGE, THE_REQUEST, CrewInputs, known_inputs, open_inputs
from storage.decisions import Decided, Decision
from storage.definitions import CrewDefinition, CrewReport, Json
from storage.errors import AlreadyDecided, UnknownExecution, WrongState
from storage.inputs import resolve
from storage.policy import may_decide, offered_actions
from storage.records import Action, Actor, Checkpoint, Execution, PhaseRun, Request
from storage.states import CheckpointState, ExecutionState
from storage.tokens import Token, TokenKind, expand
from storage.webhooks import NewWebhook

_GENERAL: Final = frozenset({*THE_REQUEST, *THE_LANGUAGE, "campaign_context"})
"""What can be said to every crew, whatever its inputs are called."""


@dataclass(frozen=True, slots=True)
class Calls:
    """One method per route. They raise CountersignError or Refused."""

    services: Services

    # --- kickoff ----------------------------------------------------------------------------

    def inputs(self, crew: str) -> bodies.InputsBody:
        asked = open_inputs(self._known(self._crew(crew)), self.services.clock.now())
        return bodies.InputsBody(inputs=[each.name for each in asked])

    def kickoff(
        self, caller: Caller, crew: str, body: bodies.KickoffBody, key: str | None
    ) -> bodies.KickedOffBody:
        """`key`: a repetition starts nothing, also if the first answer was lost in a crash."""
        definition = self._crew(crew)
        report = self._report(crew)
        if report is not None and report.problem is not None:
            raise Refused(409, f"crew {crew!r} cannot run: {report.problem}")
        known = self._known(definition)
        asked = Request("", named=_known_values(body.inputs, known))
        channel = self.services.config.channel
        execution = self.services.state.start_execution(
            definition=definition,
            request=resolve(known, asked, self.services.clock.now()),
            requester=self.services.access.actor(caller, channel),
            channel=channel,
            delivery=None if key is None else f"amp:{caller.id}:{key}",
            webhooks=self._webhooks(body, {"meta": body.meta, **answering(caller)}),
        )
        return bodies.KickedOffBody(kickoff_id=execution.id)

    # --- status -----------------------------------------------------------------------------

    def status(self, caller: Caller, crew: str, kickoff_id: str) -> bodies.StatusBody:
        execution = self._execution(caller, crew, kickoff_id)
        runs = self.services.reads.phase_runs(execution.id)
        seconds = tasks.seconds_at_work(runs, self.services.clock.now())
        match execution.state:
            case ExecutionState.COMPLETED:
                return bodies.CompletedBody(result=_result(execution, runs), execution_time=seconds)
            case ExecutionState.ERROR | ExecutionState.STOPPED | ExecutionState.CANCELLED:
                return bodies.FailedBody(error=why_ended(execution), execution_time=seconds)
            case ExecutionState.PENDING | ExecutionState.RUNNING | ExecutionState.WAITING_FEEDBACK:
                return self._working(execution, runs)

    def _working(self, execution: Execution, runs: Sequence[PhaseRun]) -> bodies.WorkingBody:
        waiting = None
        if execution.state is ExecutionState.WAITING_FEEDBACK:
            waiting = self.services.reads.waiting_checkpoint(execution.id)
        report = self._report(execution.crew)
        steps = () if report is None else (report.examination.steps or report.phases)
        at = tasks.position(execution, runs, waiting, steps)
        return bodies.WorkingBody(
            status="running" if waiting is None else "pending_human_input",
            current_task=at.current_task,
            progress=bodies.ProgressBody(completed_tasks=at.completed, total_tasks=at.total),
        )

    # --- resume and stop --------------------------------------------------------------------

    def resume(self, caller: Caller, crew: str, body: bodies.ResumeBody) -> bodies.ResumedBody:
        execution = self._execution(caller, crew, body.execution_id)
        checkpoint = self._waiting(execution, body.task_id)
        answer = answers.read(
            checkpoint,
            offered_actions(checkpoint, execution.definition),
            text=body.human_feedback,
            approves=body.is_approve,
            outcome=body.outcome,
        )
        actor = self.services.access.actor(caller, execution.channel, execution.requester)
        webhooks = self._webhooks(body, answering(caller))
        if (
            webhooks
            and may_decide(checkpoint.rule, actor=actor, requester=execution.requester).allowed
        ):
            self.services.state.replace_webhooks(execution.id, webhooks)
        decided = self.services.state.decide(
            Decision(
                checkpoint_id=checkpoint.id,
                action=answer.action,
                actor=actor,
                text=body.human_feedback,
                outcome=answer.outcome,
                shown=body.output_hash,
                values=body.values,
            )
        )
        return _resumed(decided, answer.action)

    def _waiting(self, execution: Execution, task_id: str) -> Checkpoint:
        """The checkpoint at which this task waits."""
        runs = self.services.reads.phase_runs(execution.id)
        known = [name for names in tasks.task_names(execution, runs) for name in names]
        checkpoint = self.services.reads.waiting_checkpoint(execution.id)
        if checkpoint is not None and tasks.is_meant(task_id, checkpoint, known):
            return checkpoint
        earlier = self.services.reads.checkpoints(execution.id)
        if task_id in known or any(tasks.is_meant(task_id, each, known) for each in earlier):
            raise Refused(409, f"Task {task_id!r} does not wait for human input")
        raise Refused(404, f"Execution {execution.id} has no task {task_id!r}")

    def stop(self, caller: Caller, crew: str, kickoff_id: str) -> bodies.StoppedBody:
        execution = self._execution(caller, crew, kickoff_id)
        actor = self.services.access.actor(caller, execution.channel, execution.requester)
        try:
            self.services.state.cancel(execution.id, actor=actor)
        except WrongState as error:
            state = error.execution.state
            raise Refused(400, f"Cannot stop execution. Current state: {state}") from error
        return bodies.StoppedBody(kickoff_id=execution.id)

    # --- callbacks --------------------------------------------------------------------------

    def respond(
        self, crew: str, request_id: str, secret: str, body: bodies.RespondBody
    ) -> bodies.RespondedBody:
        """Answer a checkpoint with the token in its `callback_url`, which works once."""
        token = self.services.tokens.find(secret)
        if token is None or token.kind is not TokenKind.CALLBACK or token.subject != request_id:
            raise Refused(401, "Invalid response token", error="unauthorized")
        checkpoint = self.services.reads.checkpoint(request_id)
        execution = self.services.reads.execution(checkpoint.execution_id)
        if execution.crew != crew:
            raise UnknownExecution(request_id)
        if checkpoint.state is not CheckpointState.PENDING:
            raise _already_responded(checkpoint)
        answer = answers.read(
            checkpoint,
            offered_actions(checkpoint, execution.definition),
            text=body.feedback,
            approves=body.is_approve,
            outcome=body.outcome,
        )
        decision = Decision(
            checkpoint_id=checkpoint.id,
            action=answer.action,
            actor=self._answering(token, execution, body.source),
            text=body.feedback,
            outcome=answer.outcome,
        )
        try:
            decided = self.services.state.decide(decision)
        except AlreadyDecided as error:
            raise _already_responded(error.checkpoint) from error
        self.services.tokens.use_once(secret, TokenKind.CALLBACK)
        return _responded(decided, body.source)

    def _answering(self, token: Token, execution: Execution, source: str | None) -> Actor:
        """Whoever the webhook was for: a person with their own rights, or a program."""
        scopes = expand(token.scopes)
        caller = Caller(token.id, token.label, scopes, person=token.person, kind=token.kind)
        actor = self.services.access.actor(caller, execution.channel, execution.requester)
        if token.person is not None or source is None:
            return actor
        return replace(actor, name=f"{source} through a callback")

    # --- what they share --------------------------------------------------------------------

    def _crew(self, name: str) -> CrewDefinition:
        definition = self.services.crews.get(name)
        if definition is None:
            raise Refused(404, f"There is no crew {name!r}")
        return definition

    def _report(self, crew: str) -> CrewReport | None:
        return self.services.reads.crew_reports().get(crew)

    def _known(self, definition: CrewDefinition) -> CrewInputs:
        report = self._report(definition.name)
        return known_inputs(definition, None if report is None else report.examination)

    def _webhooks(
        self, body: bodies.WebhookUrls, context: dict[str, object]
    ) -> tuple[NewWebhook, ...]:
        webhooks = body.webhooks(context)
        for each in webhooks:
            try:
                check_target(each.url, self.services.config.webhook_addresses)
            except BadTarget as error:
                raise Refused(422, f"the URL of the {each.purpose} webhook {error}") from None
        return webhooks

    def _execution(self, caller: Caller, crew: str, execution_id: str) -> Execution:
        """The execution, if it is one of this crew's. Raises UnknownExecution."""
        execution = self.services.access.execution(caller, execution_id)
        if execution.crew != crew:
            raise UnknownExecution(execution_id)
        return execution


def _known_values(inputs: dict[str, Json], known: CrewInputs) -> dict[str, Json]:
    """The inputs that the crew can take. As in AMP, it does not matter if there are others."""
    if known.takes_any:
        return inputs
    names = {each.name for each in known.inputs} | _GENERAL
    return {name: value for name, value in inputs.items() if name in names}


def _result(execution: Execution, runs: Sequence[PhaseRun]) -> bodies.ResultBody:
    output = "" if execution.result is None else execution.result.output
    return bodies.ResultBody(
        output=output,
        tasks=[
            bodies.TaskResultBody(
                task_id=each.result.task,
                output=each.result.output,
                agent=each.result.agent,
                execution_time=each.seconds,
            )
            for each in tasks.results(runs)
        ],
    )


def _resumed(decided: Decided, action: Action) -> bodies.ResumedBody:
    state = decided.execution.state
    if state is ExecutionState.STOPPED:
        return bodies.ResumedBody(status="completed", message="Execution stopped")
    if state is ExecutionState.COMPLETED:
        return bodies.ResumedBody(status="completed", message="Execution completed")
    if action is Action.REVISE:
        return bodies.ResumedBody(status="retrying", message="The task runs again with feedback")
    return bodies.ResumedBody(status="resumed", message="Execution resumed")


def _responded(decided: Decided, source: str | None) -> bodies.RespondedBody:
    feedback = decided.checkpoint.feedback
    assert feedback is not None  # noqa: S101  # it has just been decided
    return bodies.RespondedBody(
        request=bodies.RespondedRequestBody(
            id=decided.checkpoint.id,
            feedback=feedback.text,
            outcome=feedback.outcome,
            responded_at=_iso(feedback.at),
            responded_via=source or feedback.actor.kind.value,
        )
    )


def _already_responded(checkpoint: Checkpoint) -> Refused:
    message = refusals.detail(AlreadyDecided(checkpoint))
    if checkpoint.feedback is not None:
        message += f" at {_iso(checkpoint.feedback.at)}"
    return Refused(409, message, error=ALREADY_RESPONDED)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
