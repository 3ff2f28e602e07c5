"""Building a crew never runs it, however its own code starts it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from storage.definitions import CrewReport
from storage.states import ExecutionState
from tests.crew_runner.building.checks import check, definition
from tests.crew_runner.conftest import RunnerFixture

ENTRY_POINTS = "tests.crew_runner.building.entry_points"
SCRIPT = "tests.crew_runner.building.script"
IMPORTS_SCRIPT = "tests.crew_runner.building.imports_script"
LEFT_OUT = "tests.crew_runner.building.left_out"
ANOTHER = (
    "It starts another crew after that, or the same one again, which is left out. Make the crews "
    "the steps of a flow."
)
OF_A_CREW = [
    f"{ENTRY_POINTS}:run",
    f"{ENTRY_POINTS}:run_streamed",
    f"{ENTRY_POINTS}:run_async",
    f"{ENTRY_POINTS}:run_natively_async",
    f"{ENTRY_POINTS}:run_in_a_task_group",
    f"{ENTRY_POINTS}:run_gathered",
    f"{ENTRY_POINTS}:run_in_a_thread",
    f"{ENTRY_POINTS}:run_in_an_executor",
    f"{ENTRY_POINTS}:run_with_a_bare_except",
    f"{ENTRY_POINTS}:run_for_each",
    f"{ENTRY_POINTS}:run_for_each_async",
    f"{ENTRY_POINTS}:run_after_an_agent",
    f"{ENTRY_POINTS}:run_after_tasks",
    f"{SCRIPT}:my_crew",
    f"{SCRIPT}:result",
    f"{SCRIPT}:Maker",
    f"{SCRIPT}:other_crew",
]
OF_A_FLOW = [
    f"{ENTRY_POINTS}:run_flow",
    f"{ENTRY_POINTS}:run_flow_async",
    f"{ENTRY_POINTS}:run_flow_streamed",
]


def reports_of(runner: RunnerFixture, *targets: str) -> dict[str, CrewReport]:
    """The reports of these targets, by the name after the colon."""
    reports = check(runner, *map(definition, targets))
    return {report.crew.partition(":")[2]: report for report in reports}


@dataclass(frozen=True, slots=True)
class Checked:
    """The reports of a check, the model calls that it caused and the files that it left."""

    reports: dict[str, CrewReport]
    model_calls: int
    files: set[str]


@pytest.fixture(scope="module")
def checked(runner: RunnerFixture) -> Checked:
    calls, files = len(runner.model.calls), files_of(runner)
    reports = reports_of(runner, *OF_A_CREW, *OF_A_FLOW)
    return Checked(reports, len(runner.model.calls) - calls, files_of(runner) - files)


def files_of(runner: RunnerFixture) -> set[str]:
    names = ("report.md", "prepared", "afterwards")
    return {name for name in names if Path(runner.folder, name).exists()}


def test_a_check_asks_no_model_and_writes_no_file_of_the_run(checked: Checked) -> None:
    assert checked.model_calls == 0
    assert checked.files == {"prepared"}


@pytest.mark.parametrize("target", OF_A_CREW)
def test_a_kickoff_of_a_crew_names_the_crew(checked: Checked, target: str) -> None:
    report = checked.reports[target.partition(":")[2]]

    assert (report.problem, report.phases) == (None, ("research",))


@pytest.mark.parametrize("target", OF_A_FLOW)
def test_a_kickoff_of_a_flow_names_the_flow(checked: Checked, target: str) -> None:
    report = checked.reports[target.partition(":")[2]]

    assert (report.problem, report.phases) == (None, ("start",))


def test_the_check_says_what_was_left_out(checked: Checked) -> None:
    after_an_agent = checked.reports["run_after_an_agent"].examination.notes
    for_each = checked.reports["run_for_each"].examination.notes

    after_tasks = checked.reports["run_after_tasks"].examination.notes

    assert len(after_an_agent) == len(after_tasks) == 3
    assert after_an_agent[0].startswith("entry_points.py, line ")
    assert after_an_agent[0].endswith(
        " asks the agent 'Researcher' while the crew is built. It gets an empty answer there. "
        "Move the call into a task or a flow's method."
    )
    assert for_each[0].endswith(
        " starts the crew once for each of 2 sets of inputs. One execution uses one set; the first "
        "one gives the defaults."
    )


FOLLOWING = {
    "prints": (),
    "saves": ("What its code does after that is left out.",),
    "one_after_the_other": (ANOTHER,),
    "calls_functions": (ANOTHER,),
    "loops": (ANOTHER,),
}


def test_the_check_says_if_code_after_the_kickoff_is_left_out(runner: RunnerFixture) -> None:
    reports = reports_of(runner, *(f"{LEFT_OUT}:{name}" for name in FOLLOWING))

    notes = {name: report.examination.notes for name, report in reports.items()}
    assert {
        name: tuple(note.partition(" starts the crew. ")[2] for note in notes[name])
        for name in FOLLOWING
    } == FOLLOWING
    assert notes["saves"][0].startswith("left_out.py, line 19 starts the crew. ")


PROBLEMS = {
    "train": "its code trains the crew (entry_points.py, line ",
    "replay": f"{ENTRY_POINTS}:replay reads arguments of a command line (sys.argv)",
    "asks": f"{ENTRY_POINTS}:asks asks for input on a console, and there is none.",
    "exits": f"{ENTRY_POINTS}:exits calls sys.exit() (no key).",
    "only_an_agent": f"{ENTRY_POINTS}:only_an_agent is not a crew but NoneType.",
    "INPUTS": f"{ENTRY_POINTS}:INPUTS is not a crew but dict.",
}


def test_what_cannot_be_intercepted_is_said(runner: RunnerFixture) -> None:
    reports = reports_of(runner, *(f"{ENTRY_POINTS}:{name}" for name in PROBLEMS))

    problems = {name: report.problem or "" for name, report in reports.items()}
    assert {name: text for name, text in problems.items() if PROBLEMS[name] not in text} == {}


def test_inputs_of_a_script_are_defaults_of_its_own_crew_alone(checked: Checked) -> None:
    defaults = {
        name: [each.default for each in checked.reports[name].examination.inputs]
        for name in ("my_crew", "result", "Maker", "other_crew")
    }
    own = ["harbours", "2031"]

    assert defaults == {"my_crew": own, "result": own, "Maker": own, "other_crew": [None]}


def test_a_misspelled_name_of_a_script_is_not_taken_for_its_crew(runner: RunnerFixture) -> None:
    [report] = reports_of(runner, f"{SCRIPT}:my_crw").values()

    assert report.problem == (
        f"The crew cannot be built: {SCRIPT} has no 'my_crw'. Did you mean 'my_crew'?"
    )


def test_a_module_that_imports_a_script_is_not_taken_for_it(runner: RunnerFixture) -> None:
    [report] = reports_of(runner, f"{IMPORTS_SCRIPT}:other").values()

    assert report.problem == (
        "The crew cannot be built: a module that it imports starts a crew (script.py, line 29). "
        'Put that line under `if __name__ == "__main__":`, or name that module in crews.yml.'
    )


@pytest.mark.parametrize("target", [f"{ENTRY_POINTS}:run", f"{SCRIPT}:my_crew"])
def test_an_entry_point_runs_with_its_own_inputs_once_somebody_starts_it(
    runner: RunnerFixture, target: str
) -> None:
    calls = len(runner.model.calls)
    execution = runner.harness.ended(runner.harness.start(definition(target), "harbours"))
    [run] = runner.harness.runs(execution.id)

    assert execution.state is ExecutionState.COMPLETED, execution.error
    assert len(runner.model.calls) == calls + 1
    assert runner.model.calls[-1].task == f"Research harbours in {execution.created_at.year}."
    assert run.output is not None
    assert Path(runner.folder, "report.md").read_text() == run.output.output
    assert not Path(runner.folder, "afterwards").exists()


def test_a_flow_that_is_kicked_off_runs_the_crews_in_its_methods(runner: RunnerFixture) -> None:
    target = f"{ENTRY_POINTS}:run_flow"
    execution = runner.harness.ended(runner.harness.start(definition(target), "harbours"))

    assert execution.state is ExecutionState.COMPLETED, execution.error
    assert runner.model.calls[-1].task == "Research harbours in 2031."


def test_files_that_an_entry_point_passes_reach_the_run(runner: RunnerFixture) -> None:
    target = f"{ENTRY_POINTS}:run_with_files"
    execution = runner.harness.ended(runner.harness.start(definition(target), "harbours"))

    assert execution.result is not None
    assert execution.result.output == "tea: ['label']"
