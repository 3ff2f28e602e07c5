"""What a check says that a crew or a flow consists of."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from tests.crew_runner.building.checks import check, definition
from tests.crew_runner.building.projects import write_project
from tests.crew_runner.conftest import RunnerFixture

HIERARCHICAL = """
from crewai import Agent, Crew, Process, Task
from crewai.tools import BaseTool, EnvVar, tool

class Search(BaseTool):
    name: str = "Search the web"
    description: str = "Searches."
    env_vars: list[EnvVar] = [
        EnvVar(name="SERPER_API_KEY", description="key"),
        EnvVar(name="SERPER_REGION", description="region", required=False),
    ]

    def _run(self, query: str) -> str:
        return query

@tool("Save a note")
def save(text: str) -> str:
    "Saves."
    return text

def crew():
    manager = Agent(role="Chief", goal="Lead", backstory="Leads.", llm="openai/gpt-4o")
    reader = Agent(
        role="Reader of  {field}",
        goal="Read",
        backstory="Reads.",
        tools=[Search()],
        llm="anthropic/claude-sonnet-4-5",
    )
    task = Task(
        name="read", description="Read.", expected_output="Facts", agent=reader, tools=[save]
    )
    return Crew(
        agents=[reader], tasks=[task], process=Process.hierarchical, manager_agent=manager
    )
"""


def test_a_hierarchical_crew_with_tools_and_models_of_its_own(
    runner: RunnerFixture, tmp_path: Path
) -> None:
    project = write_project(tmp_path, {"demo/team.py": HIERARCHICAL})
    [report] = check(runner, definition("demo.team:crew", project=project))
    found = report.examination

    assert (report.problem or "").startswith("The crew needs ANTHROPIC_API_KEY, which is not set.")
    assert (found.kind, found.steps) == ("crew", ("read",))
    assert found.agents == ("Chief", "Reader of {field}")
    assert found.tools == ("Search the web", "Save a note")
    assert found.models == ("openai/gpt-4o", "anthropic/claude-sonnet-4-5")
    assert found.missing_keys == ("ANTHROPIC_API_KEY", "SERPER_API_KEY")
    assert [each.name for each in found.inputs] == ["field"]
    assert found.crewai == version("crewai")


OWN_MODEL = """
from crewai import Agent, Crew, Task
from crewai.llms.base_llm import BaseLLM

class Reciter(BaseLLM):
    def call(self, *asked, **named):
        return "Final Answer: a verse"

def crew():
    agent = Agent(role="Reciter", goal="g", backstory="b", llm=Reciter(model="own"))
    return Crew(
        agents=[agent], tasks=[Task(description="Recite.", expected_output="x", agent=agent)]
    )
"""


def test_a_model_class_of_the_crews_own_needs_no_key(runner: RunnerFixture, tmp_path: Path) -> None:
    project = write_project(tmp_path, {"demo/verse.py": OWN_MODEL})

    [report] = check(runner, definition("demo.verse:crew", project=project))

    assert report.problem is None
    assert report.examination.models == ("own",)
    assert report.examination.missing_keys == ()
