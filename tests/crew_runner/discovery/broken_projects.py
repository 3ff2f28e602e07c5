"""Broken and incomplete projects, and the sentence that each must get before anybody starts it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from tests.support.projects import AGENTS_YAML, CREW_PY, MODULE_PY, TASKS_YAML

_CLASSIC: Final = {
    "src/launch/__init__.py": "",
    "src/launch/crew.py": CREW_PY,
    "src/launch/config/agents.yaml": AGENTS_YAML,
    "src/launch/config/tasks.yaml": TASKS_YAML,
}
_FLOW_YAML: Final = """
schema: crewai.flow/v1
name: Post
methods:
  begin:
    start: true
    do: {call: expression, expr: state.topic
"""
_NEEDY: Final = """

class Plan:
    def __init__(self, database):
        self.rows = database.rows()

    def crew(self):
        return crew
"""
_KNOWLEDGE: Final = """
from crewai.knowledge.source.text_file_knowledge_source import TextFileKnowledgeSource

facts = TextFileKnowledgeSource(file_paths=["prices.txt"])
"""


@dataclass(frozen=True, slots=True)
class Broken:
    """A project and its entry. `sentence` has `{folder}` for the project's folder.

    Without `files` the folder does not exist.
    """

    sentence: str
    files: Mapping[str, str] | None = None
    entry: Mapping[str, object] = field(default_factory=dict)
    has_empty_environment: bool = False


def _classic(**changed: str) -> Mapping[str, str]:
    places = {"crew": "crew.py", "agents": "config/agents.yaml", "tasks": "config/tasks.yaml"}
    return {**_CLASSIC, **{f"src/launch/{places[name]}": text for name, text in changed.items()}}


def _without(name: str) -> Mapping[str, str]:
    return {file: text for file, text in _CLASSIC.items() if not file.endswith(name)}


BROKEN: Final[Mapping[str, Broken]] = {
    "no_folder": Broken(
        "The project's folder {folder} does not exist. Fix `project` in crews.yml."
    ),
    "empty_folder": Broken("The project's folder {folder} is empty. Put the project into it.", {}),
    "something_else": Broken(
        "No crew was found in {folder}. There is no crew.jsonc, no flow.yaml and no Python file "
        "with a crew or a flow, and pyproject.toml does not require crewai. Name it with `crew` "
        "in crews.yml.",
        {"pyproject.toml": '[project]\nname = "web"\ndependencies = ["flask"]\n', "app.py": "x=1"},
    ),
    "syntax_error": Broken(
        "The project {folder} cannot be read: src/launch/crew.py, line 4: invalid syntax. "
        "Fix the file.",
        _classic(crew="import crewai\n\n\ndef crew(:\n    pass\n"),
    ),
    "missing_package": Broken(
        "The crew cannot be built: the package acme-tools is not installed. Install it into ",
        _classic(crew=f"import acme_tools\n{CREW_PY}"),
    ),
    "wrong_module": Broken(
        "there is no module 'lunch' in {folder}, ",
        _CLASSIC,
        {"crew": "lunch.crew:Launch"},
    ),
    "wrong_name": Broken(
        "launch.crew has no 'Lunch'. Did you mean 'Launch'?",
        _CLASSIC,
        {"crew": "launch.crew:Lunch"},
    ),
    "returns_none": Broken(
        "main:make is not a crew but NoneType. Name a @CrewBase class, ",
        {"main.py": f"{MODULE_PY}\ndef make():\n    crew\n"},
        {"crew": "main:make"},
    ),
    "unknown_arguments": Broken(
        "It was built with placeholders for database: if they are the reason, give them a "
        "`default` under `inputs` in crews.yml.",
        {"main.py": f"{MODULE_PY}{_NEEDY}"},
        {"crew": "main:Plan"},
    ),
    "no_agents_yaml": Broken(
        "The crew cannot be built: src/launch/config/agents.yaml does not exist, and "
        "src/launch/crew.py reads it.",
        _without("agents.yaml"),
    ),
    "bad_yaml": Broken(
        "The crew cannot be built: src/launch/config/agents.yaml, line 3: expected ',' or ']', but "
        "got '<stream end>'.",
        _classic(agents="writer:\n  role: [Writer\n"),
    ),
    "unknown_agent": Broken(
        "The crew cannot be built: src/launch/config/tasks.yaml: the task 'research' names the "
        "agent 'wrtier'. It has: writer. Did you mean 'writer'?",
        _classic(tasks=TASKS_YAML.replace("agent: writer", "agent: wrtier")),
    ),
    "unknown_key": Broken(
        "The crew cannot be built: src/launch/config/agents.yaml has no agent 'writer', which "
        "src/launch/crew.py uses in line 10. It has: author.",
        _classic(agents=AGENTS_YAML.replace("writer:", "author:")),
    ),
    "no_knowledge": Broken(
        "The crew cannot be built: there is no file knowledge/prices.txt. Relative paths start at "
        "the project's folder, {folder}.",
        {"main.py": _KNOWLEDGE + MODULE_PY},
    ),
    "unknown_task": Broken(
        "crews.yml does not fit the crew: checkpoint 'look' names phase 'reserch', which is not "
        "one of: research, report.",
        _CLASSIC,
        {"checkpoints": [{"name": "look", "after": "reserch"}]},
    ),
    "no_approvers": Broken(
        "The crew pauses for a person, but its entry in crews.yml does not say who may decide. "
        "Add 'approvers' to it.",
        {"main.py": MODULE_PY.replace("agent=writer)", "agent=writer, human_input=True)")},
        {"approvers": None},
    ),
    "no_key": Broken(
        "The crew needs ANTHROPIC_API_KEY, which is not set. Set it in {folder}/.env or "
        "for the bot.",
        {
            "main.py": MODULE_PY.replace(
                'backstory="You write.")', 'backstory="You write.", llm="anthropic/claude-x")'
            )
        },
    ),
    "bad_json": Broken(
        "{folder}/crew.jsonc: invalid JSON at line 2, column 1: Expecting ',' delimiter",
        {"crew.jsonc": '{"name": "x", "agents": ["writer"\n'},
    ),
    "no_agent_file": Broken(
        "Agent definition for 'writer' not found in {folder}/agents ",
        {
            "crew.jsonc": '{"name": "x", "agents": ["writer"], "tasks": [{"name": "a", '
            '"description": "d", "expected_output": "e", "agent": "writer"}]}'
        },
    ),
    "bad_flow": Broken(
        "The crew cannot be built: flow.yaml, line 8: expected ',' or '}}', but got "
        "'<stream end>'.",
        {"flow.yaml": _FLOW_YAML},
    ),
    "no_crewai": Broken(
        "crewai is not installed in {folder}/.venv: run `uv sync` or `crewai install` in the "
        "project.",
        _CLASSIC,
        has_empty_environment=True,
    ),
    "no_python": Broken(
        "The interpreter {folder}/.venv/bin/python does not exist. Create the environment with "
        "`uv sync` in {folder}, or fix `python` in crews.yml.",
        _CLASSIC,
        {"python": ".venv/bin/python"},
    ),
    "asks_console": Broken(
        "main:crew asks for input on a console, and there is none. Name the crew or flow itself in "
        "crews.yml",
        {"main.py": f"topic = input('Topic? ')\n{MODULE_PY}"},
    ),
    "exits": Broken(
        "main:crew calls sys.exit() (no licence). Name the crew itself, or a function that ",
        {"main.py": f"import sys\nsys.exit('no licence')\n{MODULE_PY}"},
    ),
    "no_tasks": Broken(
        "The crew has no agents or no tasks. Add at least one of each to it.",
        {"main.py": "from crewai import Crew\n\ncrew = Crew(agents=[], tasks=[])\n"},
    ),
    "bad_toml": Broken(
        "{folder}/pyproject.toml is not valid TOML: ", {"pyproject.toml": "[project\n"}
    ),
    "several": Broken(
        "The project {folder} has several crews: one:crew, other:crew. Name it with `crew` in "
        "crews.yml.",
        {"one.py": MODULE_PY, "other.py": MODULE_PY},
    ),
    "no_file": Broken(
        "There is no file crew.json in {folder}. Did you mean 'crew.jsonc'? Fix `crew` in "
        "crews.yml.",
        {"crew.jsonc": "{}"},
        {"crew": "crew.json"},
    ),
}
