"""The check of crews before anybody starts them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from crew_runner.child.messages import FLOW, CrewDescription, Ready, to_worker
from crew_runner.child.records import PhaseDefinition
from crew_runner.host.crew_check import check_crew, check_forms
from crew_runner.host.fork_server_client import Child
from crew_runner.host.jobs import check_job
from crew_runner.host.worker import WorkerPool
from storage.boundaries import BadBoundary
from storage.definitions import (
    CheckpointDefinition,
    CrewDefinition,
    CrewKind,
    CrewReport,
    FormField,
    ModelSettings,
)
from tests.crew_runner.conftest import CREWS, RunnerFixture
from tests.crew_runner.harness import RULE, Harness, crew, program
from tests.support.processes import wait_until

ROOT = Path(__file__).parent.parent.parent


def test_each_crew_is_built_at_start_and_its_problem_recorded(runner: RunnerFixture) -> None:
    wait_until(
        lambda: runner.harness.reads.crew_reports().keys() >= CREWS.keys(),
        within=90,
        what="every crew was checked",
    )
    reports = runner.harness.reads.crew_reports()

    def problem(name: str) -> str:
        return reports[name].problem or ""

    assert reports["three_tasks"].problem is None
    assert reports["three_tasks"].phases == ("all",)
    assert "the price list is missing" in problem("cannot_be_built")
    assert (problem("AFlow"), reports["AFlow"].phases) == ("", ("start",))
    assert "does not have: lost. It has: task_1, last." in problem("unnamed")
    assert "names phase 'way', which is not one of: gather, weigh, write" in problem("describes")


def test_the_check_works_without_a_started_pool(tmp_path: Path) -> None:
    harness = Harness(tmp_path / "check.db")
    crews = {
        "good": program(tmp_path, ["run"]),
        "bad": CrewDefinition("bad", CrewKind.COMMAND, command=("no-such-program",)),
    }
    pool = WorkerPool(
        state=harness.state,
        reads=harness.reads,
        model=ModelSettings(),
        crews=crews,
        lease=harness.lease,
    )
    reports: tuple[CrewReport, ...] = pool.check_crews()
    pool.stop(timedelta(seconds=1))

    assert [report.problem for report in reports] == [
        None,
        "The crew's program 'no-such-program' was not found or cannot be executed. "
        "Fix `command` in crews.yml.",
    ]
    assert reports[0].phases == ("run",)


def test_the_serving_process_never_imports_crewai() -> None:
    imports = "import sys, crew_runner.host.worker, crew_runner.config.registry"
    script = f"{imports}; print('crewai' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert result.stdout == "False\n"


def test_a_crew_that_does_not_match_crews_yml_fails_with_a_readable_message(
    runner: RunnerFixture,
) -> None:
    run = runner.harness.start(crew("three_tasks", None, "way"), "oats")

    assert "names phase 'way'" in (runner.harness.ended(run).error or "")


def exited_child(*messages: Ready | CrewDescription) -> Child:
    """A child that exited after sending these messages, before anybody received them."""
    ours, theirs = socket.socketpair()
    child_end = Connection(theirs.detach())
    for message in messages:
        child_end.send_bytes(to_worker(message))
    child_end.close()
    output, output_end = os.pipe()
    status, status_end = os.pipe()
    os.write(status_end, (4242).to_bytes(4, "big"))
    os.close(output_end)
    os.close(status_end)
    return Child(Connection(ours.detach()), output, status, lambda _pid, _number: None)


def test_the_messages_of_a_child_count_even_if_it_has_exited() -> None:
    definition = CrewDefinition(
        name="quick",
        description="Ends at once",
        kind=CrewKind.COMMAND,
        command=("true",),
        time_limit=timedelta(minutes=1),
    )
    child = exited_child(Ready(), CrewDescription((PhaseDefinition("run"),)))

    report, _ = check_crew(definition, check_job(definition, model={}, extra={}, storage=""), child)

    child.close()
    assert report.problem is None
    assert report.phases == ("run",)


def test_a_form_in_a_flow_is_refused_and_in_other_crews_it_is_not() -> None:
    form = (FormField("budget", "Budget"),)
    asking = CheckpointDefinition("begun", RULE, after="begin", form=form)
    definition = replace(crew("AFlow"), gates=(asking,))

    with pytest.raises(BadBoundary, match="checkpoint 'begun' has a 'form', which only crews"):
        check_forms(definition, CrewDescription((), kind=FLOW))
    check_forms(definition, CrewDescription((PhaseDefinition("begin"),), kind="crew"))
