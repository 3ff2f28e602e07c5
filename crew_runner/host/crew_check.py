"""Building a crew in a child, to see whether it can be built and what it is made of."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from datetime import UTC, datetime
from multiprocessing.connection import wait
from typing import Final

from crew_runner.child.messages import (
    QUESTION,
    BadMessage,
    Described,
    Failed,
    Job,
    Ready,
    from_child,
    to_child,
)
from crew_runner.child.monitoring.budgets import NAME as BUDGET
from crew_runner.host.fork_server_client import Child
from crew_runner.host.frames import TooLong
from storage.boundaries import BadBoundary, resolve
from storage.definitions import Budget, CrewDefinition, CrewReport
from storage.errors import NoRule
from storage.records import Failure

LONGEST_SECONDS: Final = 60.0
NOBODY_DECIDES: Final = (
    "The crew pauses for a person by itself, and its entry in crews.yml does not say who may "
    "decide: 'approvers' is needed there."
)


def report_on(definition: CrewDefinition, job: Job, child: Child) -> tuple[CrewReport, str]:
    """What building the crew gave, and the detail for the log where there is a problem."""
    found = _built(job, child)
    if isinstance(found, Failure):
        return _report(definition, found.message, ()), found.detail
    phases = tuple(phase.name for phase in found.phases)
    try:
        resolve(definition.checkpoints, phases)
        check_rule(definition, found)
    except NoRule:
        return _report(definition, NOBODY_DECIDES, phases), ""
    except BadBoundary as error:
        return _report(definition, f"crews.yml does not fit the crew: {error}.", phases), ""
    return _report(definition, None, phases), ""


def check_rule(definition: CrewDefinition, described: Described) -> None:
    """Raises NoRule where the crew pauses of its own accord and nobody may decide, and
    BadBoundary where crews.yml has a rule for what does not pause.
    """
    own = {*described.gates, *(name for name, _after, _description in described.arising)}
    pauses = {*own, *definition.approve_tools}
    if definition.budget != Budget():
        pauses.add(BUDGET)
    ruled = {gate.name for gate in definition.gates}
    if definition.rule is None and not definition.checkpoints and pauses - ruled:
        raise NoRule(definition.name)
    unknown = ruled - pauses - {BUDGET, QUESTION}
    if unknown:
        raise BadBoundary(
            f"nothing in the crew pauses by the name of {', '.join(sorted(unknown))}; "
            f"what pauses in it: {', '.join(sorted(pauses)) or 'nothing'}"
        )


def _report(definition: CrewDefinition, problem: str | None, phases: tuple[str, ...]) -> CrewReport:
    return CrewReport(definition.name, problem, phases, datetime.now(UTC))


def _built(job: Job, child: Child) -> Described | Failure:
    """What the crew is made of, or why it could not be built."""
    until = time.monotonic() + LONGEST_SECONDS
    noise = child.noise
    while (left := until - time.monotonic()) > 0:
        ready = wait([child.channel, noise], timeout=left)
        if child.channel not in ready:  # what it said counts, also when it ended right after
            if noise in ready and not os.read(noise, 65536):
                return Failure("The crew's process ended while it built the crew.")
            continue
        try:
            messages = [from_child(raw) for raw in child.hear()]
        except (EOFError, TooLong, BadMessage):
            return Failure("The crew's process ended while it built the crew.")
        for message in messages:
            match message:
                case Ready():
                    child.born()
                    with suppress(OSError):  # a child that is gone is noticed by its end
                        child.channel.send_bytes(to_child(job))
                case Described():
                    return message
                case Failed(failure):
                    return failure
                case _:
                    continue
    return Failure(f"Building the crew took longer than {LONGEST_SECONDS:g} seconds.")
