"""Checks crews: builds one in a child to learn whether that works and which phases it has."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import fields, replace
from datetime import UTC, datetime
from multiprocessing.connection import wait
from typing import Final

from crew_runner.child.messages import (
    FLOW,
    QUESTION_CHECKPOINT,
    BadMessage,
    CrewDescription,
    Failed,
    Job,
    Ready,
    from_child,
    to_child,
)
from crew_runner.child.monitoring.budgets import BUDGET_CHECKPOINT
from crew_runner.child.records import Failure
from crew_runner.host.fork_server_client import Child
from crew_runner.host.frames import MessageTooLong
from crew_runner.host.translation import translate
from storage.boundaries import BadBoundary, at_methods, resolve
from storage.definitions import Budget, CrewDefinition, CrewInput, CrewReport, Examination
from storage.errors import NoRule

CHECK_SECONDS: Final = 60.0

_ENDED: Final = (
    "The crew's process ended while it built the crew. Run the crew by itself to see why."
)

NO_APPROVERS: Final = (
    "The crew pauses for a person, but its entry in crews.yml does not say who may decide. "
    "Add 'approvers' to it."
)


def check_crew(definition: CrewDefinition, job: Job, child: Child) -> tuple[CrewReport, str]:
    """Build the crew in `child`; the report and, if there is a problem, details for the log."""
    result = _describe(job, child)
    if isinstance(result, Failure):
        return _report(definition, result.message, ()), result.detail
    phases = tuple(phase.name for phase in result.phases)
    problem = None
    try:
        methods = methods_of(result)
        resolved = at_methods(definition, methods) if methods else definition
        resolve(resolved.checkpoints, phases)
        check_decision_rules(resolved, result)
    except NoRule:
        problem = NO_APPROVERS
    except BadBoundary as error:
        problem = f"crews.yml does not fit the crew: {error}."
    return replace(_report(definition, problem, phases), examination=_examined(result)), ""


def _examined(description: CrewDescription) -> Examination:
    names = {field.name for field in fields(Examination)} - {"inputs"}
    return Examination(
        **{name: getattr(description, name) for name in names if hasattr(description, name)},
        inputs=tuple(translate(CrewInput, each) for each in description.inputs),
    )


def methods_of(description: CrewDescription) -> tuple[str, ...]:
    """The methods of a flow; none for another kind of crew."""
    return description.steps if description.kind == FLOW else ()


def check_decision_rules(definition: CrewDefinition, description: CrewDescription) -> None:
    """Check that somebody may decide at each pause, and that each rule belongs to a pause.

    Raises NoRule if the crew pauses by itself and has no approvers, BadBoundary if crews.yml has
    a rule for a pause that the crew does not have.
    """
    pauses_by_crew = {
        *description.gates,
        *(name for name, _after, _description in description.checkpoints),
    }
    pauses = {*pauses_by_crew, *definition.approve_tools}
    if definition.budget != Budget():
        pauses.add(BUDGET_CHECKPOINT)
    at_method = [gate for gate in definition.gates if gate.after or gate.before]
    for gate in at_method:
        if gate.after in description.gates:
            raise BadBoundary(
                f"checkpoint {gate.name!r} is after method {gate.after!r}, which asks a person by "
                f"itself (@human_feedback): write 'gate: {gate.after}' to set who decides there"
            )
    gates_with_rules = {gate.name for gate in definition.gates}
    has_rule = definition.rule is not None or definition.checkpoints or at_method
    if not has_rule and pauses - gates_with_rules:
        raise NoRule(definition.name)
    pauses |= {gate.name for gate in at_method} | {*methods_of(description)}
    unknown = gates_with_rules - pauses - {BUDGET_CHECKPOINT, QUESTION_CHECKPOINT}
    if unknown:
        raise BadBoundary(
            f"the crew has no pause named {', '.join(sorted(unknown))}; "
            f"its pauses are: {', '.join(sorted(pauses)) or 'none'}"
        )


def _report(definition: CrewDefinition, problem: str | None, phases: tuple[str, ...]) -> CrewReport:
    return CrewReport(definition.name, problem, phases, datetime.now(UTC))


def _describe(job: Job, child: Child) -> CrewDescription | Failure:
    """The crew's description, or why it could not be built."""
    deadline = time.monotonic() + CHECK_SECONDS
    output = child.output
    while (remaining := deadline - time.monotonic()) > 0:
        ready = wait([child.channel, output], timeout=remaining)
        if child.channel not in ready:  # messages first: they count even if it exits right after
            if output in ready and not os.read(output, 65536):
                return Failure(_ENDED)
            continue
        try:
            messages = [from_child(raw) for raw in child.receive()]
        except (EOFError, MessageTooLong, BadMessage):
            return Failure(_ENDED)
        for message in messages:
            match message:
                case Ready():
                    child.read_pid()
                    with suppress(OSError):  # the end of an exited child is noticed by its output
                        child.channel.send_bytes(to_child(job))
                case CrewDescription():
                    return message
                case Failed(failure):
                    return failure
                case _:
                    continue
    return Failure(
        f"Building the crew took longer than {CHECK_SECONDS:g} seconds. "
        "Move slow work into its tasks."
    )
