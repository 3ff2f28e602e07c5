"""Checks of crews that no worker runs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from crew_runner.host.worker import WorkerPool
from storage.definitions import CrewDefinition, CrewKind, CrewReport
from storage.records import Execution, Request
from tests.crew_runner.conftest import RunnerFixture
from tests.crew_runner.harness import ANYBODY, RULE


def definition(target: str, *, name: str = "", **more: Any) -> CrewDefinition:
    return CrewDefinition(name=name or target, kind=CrewKind.CREW, target=target, rule=RULE, **more)


def check(runner: RunnerFixture, *crews: CrewDefinition) -> list[CrewReport]:
    """The reports of these crews, which are built in a child each."""
    pool = WorkerPool(
        state=runner.harness.state,
        reads=runner.harness.reads,
        model=runner.model.settings(),
        crews={crew.name: crew for crew in crews},
        lease=timedelta(seconds=60),
        environment={"TESTS_FOLDER": str(runner.folder)},
    )
    try:
        return list(pool.check_crews())
    finally:
        pool.stop(timedelta(seconds=1))


def run(runner: RunnerFixture, crew: CrewDefinition, *, values: Mapping[str, object]) -> Execution:
    """The execution of the crew with these inputs and a request, after it has ended."""
    return runner.harness.ended(start(runner, crew, values=values))


def start(runner: RunnerFixture, crew: CrewDefinition, *, values: Mapping[str, object]) -> str:
    """The id of the new execution."""
    started = runner.harness.state.start_execution(
        definition=crew, request=Request("harbours", values=values), requester=ANYBODY
    )
    return started.id
