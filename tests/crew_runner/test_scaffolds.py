"""The projects that CrewAI's command line creates run as they are, to a decided end."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.definitions import CheckpointDefinition, CrewDefinition, CrewKind, InputType
from storage.records import Action
from storage.states import ExecutionState
from tests.crew_runner.building.checks import check, start
from tests.crew_runner.conftest import RunnerFixture
from tests.crew_runner.harness import RULE
from tests.crew_runner.scaffolds import KINDS, create


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("projects")
    return {name: create(folder, name) for name in KINDS}


def crew(project: Path, target: str, *after: str) -> CrewDefinition:
    return CrewDefinition(
        name=target,
        kind=CrewKind.CREW,
        target=target,
        project=str(project),
        rule=RULE,
        checkpoints=tuple(
            CheckpointDefinition(f"after_{name}", RULE, after=name) for name in after
        ),
    )


def test_the_classic_crew_is_revised_and_ends(
    runner: RunnerFixture, projects: dict[str, Path]
) -> None:
    definition = crew(projects["classic_crew"], "classic_crew.main:run", "research_task")
    [report] = check(runner, definition)
    execution_id = start(runner, definition, values={"topic": "harbours"})

    checkpoint = runner.harness.checkpoint(execution_id)
    runner.harness.decide(checkpoint, Action.REVISE, "shorter please")
    revised = runner.harness.checkpoint(execution_id)
    runner.harness.decide(revised, Action.CONTINUE)
    execution = runner.harness.ended(execution_id)

    assert report.problem is None
    assert report.examination.steps == ("research_task", "reporting_task")
    assert report.examination.agents == (
        "{topic} Senior Data Researcher",
        "{topic} Reporting Analyst",
    )
    defaults = {each.name: each.default for each in report.examination.inputs}
    assert defaults["topic"] == "AI LLMs"
    assert defaults.keys() == {"topic", "current_year"}
    assert execution.state is ExecutionState.COMPLETED, execution.error


def test_the_json_crew_ends(runner: RunnerFixture, projects: dict[str, Path]) -> None:
    definition = crew(projects["json_crew"], "crew.jsonc", "research_task")
    [report] = check(runner, definition)
    execution_id = start(runner, definition, values={})

    checkpoint = runner.harness.checkpoint(execution_id)
    runner.harness.decide(checkpoint, Action.REVISE, "shorter please")
    runner.harness.decide(runner.harness.checkpoint(execution_id), Action.CONTINUE)
    execution = runner.harness.ended(execution_id)

    assert (report.problem, report.examination.steps) == (None, ("research_task",))
    assert execution.state is ExecutionState.COMPLETED, execution.error


@pytest.mark.parametrize("target", ["python_flow.main:kickoff", "python_flow.main:ContentFlow"])
def test_the_flow_ends(runner: RunnerFixture, projects: dict[str, Path], target: str) -> None:
    definition = crew(projects["python_flow"], target)
    [report] = check(runner, definition)
    execution = runner.harness.ended(start(runner, definition, values={"topic": "harbours"}))

    assert report.problem is None
    assert report.examination.kind == "flow"
    assert report.examination.steps == ("plan_content", "generate_content", "save_content")
    [topic] = report.examination.inputs
    assert (topic.name, topic.type, topic.default) == ("topic", InputType.TEXT, "AI Agents")
    assert execution.state is ExecutionState.COMPLETED, execution.error


def test_the_declared_flow_ends(runner: RunnerFixture, projects: dict[str, Path]) -> None:
    definition = crew(projects["declared_flow"], "src/declared_flow/flow.yaml")
    [report] = check(runner, definition)
    execution = runner.harness.ended(start(runner, definition, values={"topic": "harbours"}))

    [topic] = report.examination.inputs
    assert (topic.name, topic.default) == ("topic", "AI agents")
    assert execution.state is ExecutionState.COMPLETED, execution.error
    assert execution.result is not None
    assert execution.result.output == "harbours"
