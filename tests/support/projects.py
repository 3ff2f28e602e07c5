"""Small CrewAI projects, written into a folder as people lay them out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

AGENTS_YAML = """
writer:
  role: Writer
  goal: Write about {topic}
  backstory: You write.
"""

TASKS_YAML = """
research:
  description: Research {topic}
  expected_output: Facts
  agent: writer
report:
  description: Write a report on {topic}
  expected_output: A report
  agent: writer
"""

CREW_PY = """
from crewai import Agent, Crew, Task
from crewai.project import CrewBase, agent, crew, task


@CrewBase
class Launch:
    @agent
    def writer(self) -> Agent:
        return Agent(config=self.agents_config["writer"])

    @task
    def research(self) -> Task:
        return Task(config=self.tasks_config["research"])

    @task
    def report(self) -> Task:
        return Task(config=self.tasks_config["report"])

    @crew
    def crew(self) -> Crew:
        return Crew(agents=self.agents, tasks=self.tasks)
"""

MODULE_PY = """
from crewai import Agent, Crew, Task

writer = Agent(role="Writer", goal="Write", backstory="You write.")
report = Task(name="report", description="Write", expected_output="A report", agent=writer)
crew = Crew(agents=[writer], tasks=[report])
"""

FLOW_PY = """
from crewai.flow import Flow, listen, start


class PostFlow(Flow):
    @start()
    def plan(self):
        return "plan"

    @listen(plan)
    def publish(self, text):
        return text
"""


def write(folder: Path, files: Mapping[str, str]) -> Path:
    """Write the files, by their path in the folder, and return the folder."""
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text))
    return folder


def classic(folder: Path, **changed: str | None) -> Path:
    """A `@CrewBase` crew of two tasks with its YAML files, in src/launch.

    `changed` replaces files: crew, agents, tasks, pyproject; None leaves one out.
    """
    files: dict[str, str | None] = {"crew": CREW_PY, "agents": AGENTS_YAML, "tasks": TASKS_YAML}
    places = {
        "crew": "src/launch/crew.py",
        "agents": "src/launch/config/agents.yaml",
        "tasks": "src/launch/config/tasks.yaml",
        "pyproject": "pyproject.toml",
    }
    files |= changed
    written = {places[name]: text for name, text in files.items() if text is not None}
    return write(folder, {"src/launch/__init__.py": "", **written})
