"""What the REST routes do: they call StateManager and Reads, and return bodies."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from fastapi import HTTPException

from bot.api import bodies, crew_bodies
from bot.api.access import Caller, answering
from bot.api.services import Services
from bot.api.webhook_bodies import new_webhooks
from bot.webhooks.targets import BadTarget
from storage.crew_inputs import known_inputs
from storage.decisions import Decision, Edit, UseRevision
from storage.definitions import CrewDefinition, CrewReport
from storage.errors import UnknownCheckpoint
from storage.inputs import resolve
from storage.records import Action, Actor, Execution, Request
from storage.states import ENDED

_BODY_NAMES: Final = {"request": "message"}
"""What the body calls the parts of a request."""


@dataclass(frozen=True, slots=True)
class Calls:
    """One method per route. They raise CountersignError or HTTPException to refuse."""

    services: Services

    def execute(
        self, caller: Caller, body: bodies.ExecuteBody, key: str | None
    ) -> bodies.StatusBody:
        definition, report = self._crew(body.crew)
        inputs = known_inputs(definition, None if report is None else report.examination)
        request = resolve(inputs, body.request(), self.services.clock.now())
        if body.inputs is not None and request.unused:
            # Clients that know nothing of `inputs` may always send a message and a language.
            names = " and ".join(_BODY_NAMES.get(name, name) for name in request.unused)
            raise HTTPException(400, f"crew {definition.name!r} has no input for {names}")
        try:
            webhooks = new_webhooks(
                body.all_webhooks(), self.services.config.webhook_addresses, answering(caller)
            )
        except BadTarget as error:
            raise HTTPException(400, str(error)) from None
        channel = self.services.config.channel
        execution = self.services.state.start_execution(
            definition=definition,
            request=request,
            requester=self.services.access.actor(caller, channel),
            channel=channel,
            checkpoints=body.checkpoints,
            delivery=None if key is None else f"api:{caller.id}:{key}",
            webhooks=webhooks,
        )
        if (execution.crew, _said(execution.request)) != (definition.name, _said(request)):
            raise HTTPException(409, "this Idempotency-Key was used for another request")
        return self._status(execution)

    def status(self, caller: Caller, execution_id: str) -> bodies.StatusBody:
        return self._status(self._execution(caller, execution_id))

    def checkpoint(self, caller: Caller, execution_id: str) -> bodies.CheckpointBody | None:
        execution = self._execution(caller, execution_id)
        if execution.state in ENDED:
            raise HTTPException(400, f"the execution has ended: it is {execution.state}")
        checkpoint = self.services.reads.waiting_checkpoint(execution.id)
        return None if checkpoint is None else bodies.checkpoint(checkpoint, execution.definition)

    def feedback(self, caller: Caller, body: bodies.FeedbackBody) -> bodies.FeedbackReceivedBody:
        action = _action(body.action)
        execution = self._execution(caller, body.execution_id)
        checkpoint = self.services.reads.checkpoint(body.checkpoint_id)
        if checkpoint.execution_id != execution.id:
            raise UnknownCheckpoint(body.checkpoint_id)
        self._decide(
            body, action, self.services.access.actor(caller, execution.channel, execution.requester)
        )
        return bodies.FeedbackReceivedBody(
            action=action.value,
            execution_id=execution.id,
            checkpoint_id=body.checkpoint_id,
        )

    def _decide(self, body: bodies.FeedbackBody, action: Action, actor: Actor) -> None:
        target, shown = body.checkpoint_id, body.output_hash
        replacing = [body.edited is not None, body.use_revision is not None]
        if any(replacing) and (action is not Action.REVISE or body.feedback or all(replacing)):
            raise HTTPException(
                400,
                "edited and use_revision go with action revise, each alone and without feedback",
            )
        if body.edited is not None:
            self.services.state.edit(Edit(target, body.edited, actor, shown=shown))
        elif body.use_revision is not None:
            self.services.state.use_revision(
                UseRevision(target, body.use_revision, actor, shown=shown)
            )
        else:
            self.services.state.decide(
                Decision(
                    checkpoint_id=target,
                    action=action,
                    actor=actor,
                    text=body.feedback or "",
                    outcome=body.outcome,
                    shown=shown,
                    values=body.values or {},
                )
            )

    def _execution(self, caller: Caller, execution_id: str) -> Execution:
        return self.services.access.execution(caller, execution_id)

    def _status(self, execution: Execution) -> bodies.StatusBody:
        return bodies.status(
            execution,
            self.services.reads.checkpoints(execution.id),
            self.services.reads.phase_runs(execution.id),
        )

    def crew_list(self) -> crew_bodies.CrewsBody:
        reports, now = self.services.reads.crew_reports(), self.services.clock.now()
        items = [
            crew_bodies.crew(each, reports.get(each.name), now)
            for each in self.services.crews.values()
        ]
        return crew_bodies.CrewsBody(items=items, next=None)

    def one_crew(self, name: str) -> crew_bodies.CrewBody:
        definition = self.services.crews.get(name)
        if definition is None:
            raise HTTPException(404, self._no_crew(name))
        return crew_bodies.crew(
            definition, self.services.reads.crew_reports().get(name), self.services.clock.now()
        )

    def _no_crew(self, name: str) -> str:
        return f"no crew {name!r} (there are: {', '.join(sorted(self.services.crews)) or 'none'})"

    def _crew(self, name: str | None) -> tuple[CrewDefinition, CrewReport | None]:
        if name is None:
            name = (
                "plan"
                if "plan" in self.services.crews or len(self.services.crews) != 1
                else next(iter(self.services.crews))
            )
        definition = self.services.crews.get(name)
        if definition is None:
            raise HTTPException(400, self._no_crew(name))
        report = self.services.reads.crew_reports().get(name)
        if report is not None and report.problem is not None:
            raise HTTPException(409, f"crew {name!r} cannot run: {report.problem}")
        return definition, report


def _said(request: Request) -> Request:
    """The request as the client sent it: values from the clock differ when it is repeated."""
    return replace(request, values={}, unused=(), resolved=False)


def _action(name: str) -> Action:
    try:
        return Action(name)
    except ValueError:
        allowed = ", ".join(action.value for action in Action)
        raise HTTPException(400, f"no action {name!r} (there are: {allowed})") from None
