"""Checks crews: builds one in a child to learn whether that works and which phases it has."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields, replace
from datetime import UTC, datetime
from multiprocessing.connection import wait
from typing import Final

from crew_runner.child.building.keys import MODEL_KEYS
from crew_runner.child.environment import OVERLAY_VARIABLE
from crew_runner.child.messages import (
    FLOW,
    QUESTION_CHECKPOINT,
    BadMessage,
    CrewDescription,
    Failed,
    Job,
    ProjectImports,
    Ready,
    from_child,
    to_child,
)
from crew_runner.child.monitoring.budgets import BUDGET_CHECKPOINT
from crew_runner.child.records import Failure
from crew_runner.host.fork_server_client import Child
from crew_runner.host.frames import MessageTooLong
from crew_runner.host.translation import translate
from crew_runner.projects.discovery import explain, problem_of
from storage import pauses
from storage.boundaries import BadBoundary, at_methods, resolve, resolve_tasks
from storage.definitions import (
    Budget,
    CrewDefinition,
    CrewInput,
    CrewKind,
    CrewReport,
    Examination,
    PhaseDefinition,
)
from storage.errors import NoRule

CHECK_SECONDS: Final = 60.0
"""How long a crew may take to be built."""

START_SECONDS: Final = 240.0
"""How long its process may take to start: on a busy machine, importing CrewAI takes long."""

_ENDED: Final = (
    "The crew's process ended while it built the crew. Run the crew by itself to see why."
)

NO_APPROVERS: Final = (
    "The crew pauses for a person, but its entry in crews.yml does not say who may decide. "
    "Add 'approvers' to it."
)


def check_crew(
    definition: CrewDefinition,
    job: Job,
    child: Child,
    *,
    learn: Callable[[ProjectImports], None] = lambda _imports: None,
) -> tuple[CrewReport, str]:
    """Build the crew in `child`; the report and, if there is a problem, details for the log.

    `learn` gets what the crew's project imports.
    """
    result = _describe(job, child, learn)
    if isinstance(result, Failure):
        message = explain(definition, _without_copy(result.message, definition, job))
        return _report(definition, message, ()), result.detail
    phases = tuple(phase.name for phase in result.phases)
    problem = _missing_keys(definition, result, job)
    try:
        methods = methods_of(result)
        resolved = at_methods(definition, methods) if methods else definition
        if definition.phases:
            resolve(resolved.checkpoints, phases)
        elif phases:  # else they are not known before the crew gets its inputs
            resolve_tasks(
                resolved.checkpoints,
                [translate(PhaseDefinition, phase) for phase in result.phases],
            )
        check_decision_rules(resolved, result)
        check_forms(definition, result)
    except NoRule:
        problem = NO_APPROVERS
    except BadBoundary as error:
        problem = f"crews.yml does not fit the crew: {error}."
    return replace(
        _report(definition, problem, phases), examination=_examined(definition, result)
    ), ""


def _without_copy(message: str, definition: CrewDefinition, job: Job) -> str:
    """The message with the project's own folder in place of the copy that is gone afterwards."""
    if not job.project or not definition.project:
        return message
    return message.replace(job.project, definition.project)


def project_report(definition: CrewDefinition) -> tuple[CrewReport, str] | None:
    """The report on a crew whose project cannot run, and no details. None if it may run."""
    problem = problem_of(definition)
    return None if problem is None else (_report(definition, problem, ()), "")


def _examined(definition: CrewDefinition, description: CrewDescription) -> Examination:
    names = {field.name for field in fields(Examination)} - {"inputs", "kind", "pauses", "steps"}
    tasks = tuple(task for phase in description.phases for task in phase.tasks)
    kind = "program" if definition.kind is CrewKind.COMMAND else description.kind or "crew"
    return Examination(
        **{name: getattr(description, name) for name in names if hasattr(description, name)},
        kind=kind,
        steps=description.steps or tasks,
        inputs=tuple(translate(CrewInput, each) for each in description.inputs),
        pauses=_pauses(definition, description),
    )


def _pauses(definition: CrewDefinition, description: CrewDescription) -> tuple[str, ...]:
    """Where a person is asked: at crews.yml's checkpoints and where the crew's code asks."""
    places = [
        *(pauses.place_of(each) for each in definition.checkpoints),
        *(f"after {phase}" for _name, phase, _description in description.checkpoints),
        *(pauses.gate(method) for method in description.gates),
        *(pauses.gate(each.name) for each in definition.gates if each.name in description.steps),
        *(pauses.tool(name) for name in definition.approve_tools),
        *([pauses.QUESTION] if description.questions else []),
    ]
    return tuple(dict.fromkeys(places))


def _missing_keys(definition: CrewDefinition, description: CrewDescription, job: Job) -> str | None:
    """Which keys the crew's models lack. None if the operator's model replaces them.

    A key that only a tool needs prevents no start, as the tool may never be called.
    """
    missing = [key for key in description.missing_keys if key in MODEL_KEYS]
    if not missing or OVERLAY_VARIABLE in job.model:
        return None
    place = f"in {definition.project}/.env or for the bot" if definition.project else "for the bot"
    verb = "is" if len(missing) == 1 else "are"
    return f"The crew needs {' and '.join(missing)}, which {verb} not set. Set it {place}."


def methods_of(description: CrewDescription) -> tuple[str, ...]:
    """The methods of a flow; none for another kind of crew."""
    return description.steps if description.kind == FLOW else ()


def check_decision_rules(definition: CrewDefinition, description: CrewDescription) -> None:
    """Check that somebody may decide at each pause, and that each rule belongs to a pause.

    Raises NoRule if the crew pauses by itself and has no approvers, BadBoundary if crews.yml has
    a rule for a pause that the crew does not have.
    """
    by_crew = {
        *description.gates,
        *(name for name, _after, _description in description.checkpoints),
    }
    known = {*by_crew, *definition.approve_tools}
    if definition.budget != Budget():
        known.add(BUDGET_CHECKPOINT)
    at_method = [gate for gate in definition.gates if gate.after or gate.before]
    for gate in at_method:
        if gate.after in description.gates:
            raise BadBoundary(
                f"checkpoint {gate.name!r} is after method {gate.after!r}, which asks a person by "
                f"itself (@human_feedback): write 'gate: {gate.after}' to set who decides there"
            )
    gates_with_rules = {gate.name for gate in definition.gates}
    has_rule = definition.rule is not None or definition.checkpoints or at_method
    if not has_rule and known - gates_with_rules:
        raise NoRule(definition.name)
    known |= {gate.name for gate in at_method} | {*methods_of(description)}
    unknown = gates_with_rules - known - {BUDGET_CHECKPOINT, QUESTION_CHECKPOINT}
    if unknown:
        raise BadBoundary(
            f"the crew has no pause named {', '.join(sorted(unknown))}; "
            f"its pauses are: {', '.join(sorted(known)) or 'none'}"
        )


def check_forms(definition: CrewDefinition, description: CrewDescription) -> None:
    """Raises BadBoundary if a flow has forms: it would not get their values."""
    asking = [*definition.checkpoints, *definition.gates]
    forms = [checkpoint.name for checkpoint in asking if checkpoint.form]
    if forms and description.kind == FLOW:
        raise BadBoundary(
            f"checkpoint {forms[0]!r} has a 'form', which only crews of tasks and programs can "
            "use: a flow resumes with its own state. Remove it, or let the flow ask with ask()"
        )


def failed_report(definition: CrewDefinition, problem: str) -> CrewReport:
    return _report(definition, problem, ())


def _report(definition: CrewDefinition, problem: str | None, phases: tuple[str, ...]) -> CrewReport:
    return CrewReport(definition.name, problem, phases, datetime.now(UTC))


def _describe(
    job: Job, child: Child, learn: Callable[[ProjectImports], None]
) -> CrewDescription | Failure:
    """The crew's description, or why it could not be built."""
    deadline = time.monotonic() + START_SECONDS
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
                    deadline = time.monotonic() + CHECK_SECONDS
                    child.read_pid()
                    with suppress(OSError):  # the end of an exited child is noticed by its output
                        child.channel.send_bytes(to_child(job))
                case ProjectImports():
                    learn(message)
                case CrewDescription():
                    return message
                case Failed(failure):
                    return failure
                case _:
                    continue
    if not child.has_started:
        return Failure(
            f"The crew's process did not start within {START_SECONDS:g} seconds. "
            "Check what else the machine is doing."
        )
    return Failure(
        f"Building the crew took longer than {CHECK_SECONDS:g} seconds. "
        "Move slow work into its tasks."
    )
