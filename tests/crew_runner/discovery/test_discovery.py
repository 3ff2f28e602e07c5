"""The crew of a project is found in its files, which are read and never run."""

from __future__ import annotations

from pathlib import Path

import pytest

from crew_runner.projects.discovery import (
    candidates,
    default_target,
    own_python,
    problem_of,
    target_of,
)
from crew_runner.projects.pyproject import ProjectProblem
from storage.definitions import CrewDefinition, CrewKind
from tests.support.projects import CREW_PY, FLOW_PY, MODULE_PY, classic, write

CREWAI = '[project]\nname = "launch"\ndependencies = ["crewai[tools]>=1"]\n'
MAIN = "def run():\n    raise SystemExit('it was run')\n"
STOP = "raise SystemExit('it was imported')\n"


@pytest.mark.parametrize(
    ("files", "target"),
    [
        pytest.param(
            {
                "pyproject.toml": f'{CREWAI}[project.scripts]\nlaunch = "launch.main:run"\n'
                'run_crew = "launch.main:run"\n[tool.crewai]\ntype = "crew"\n',
                "src/launch/crew.py": STOP + CREW_PY,
                "src/launch/main.py": STOP + MAIN,
            },
            "launch.main:run",
            id="create crew --classic",
        ),
        pytest.param(
            {
                "pyproject.toml": f"{CREWAI}[project.scripts]\n"
                'run_crew = "launch.main:other"\nkickoff = "launch.main:kickoff"\n'
                '[tool.crewai]\ntype = "flow"\n',
                "src/launch/main.py": FLOW_PY,
            },
            "launch.main:kickoff",
            id="create flow",
        ),
        pytest.param(
            {
                "pyproject.toml": f'{CREWAI}[tool.crewai]\ntype = "flow"\n'
                'definition = "src/launch/flow.yaml"\n',
                "src/launch/flow.yaml": "schema: crewai.flow/v1\n",
                "flow.yaml": "schema: crewai.flow/v1\n",
            },
            "src/launch/flow.yaml",
            id="create flow --declarative",
        ),
        pytest.param(
            {
                "pyproject.toml": f'{CREWAI}[tool.crewai]\ntype = "crew"\n'
                'definition = "crew.jsonc"\n',
                "crew.jsonc": "{}",
            },
            "crew.jsonc",
            id="create crew",
        ),
        pytest.param({"crew.json": "{}"}, "crew.json", id="a JSON crew alone"),
        pytest.param({"src/launch/flow.yaml": ""}, "src/launch/flow.yaml", id="a flow.yaml alone"),
        pytest.param(
            {
                "pyproject.toml": '[tool.poetry]\nname = "x"\n[tool.poetry.dependencies]\n'
                'crewai = "^1"\n[tool.poetry.scripts]\nrun_crew = "launch.main:run"\n'
            },
            "launch.main:run",
            id="Poetry",
        ),
        pytest.param(
            {"pyproject.toml": f"{CREWAI}", "src/launch/crew.py": CREW_PY, "main.py": MAIN},
            "launch.crew:Launch",
            id="a class, as pyproject.toml names nothing",
        ),
        pytest.param(
            {"src/post/main.py": FLOW_PY, "src/post/crews/poem/poem.py": CREW_PY},
            "post.main:PostFlow",
            id="a flow with a crew beside it",
        ),
        pytest.param(
            {"launch/crew.py": CREW_PY, "launch/__init__.py": ""},
            "launch.crew:Launch",
            id="a package without src",
        ),
        pytest.param({"main.py": MODULE_PY}, "main:crew", id="a plain module"),
        pytest.param({"job.py": MODULE_PY}, "job:crew", id="a module with another name"),
        pytest.param(
            {"crew.py": "def make_crew(topic):\n    return Crew(agents=[], tasks=[])\n"},
            "crew:make_crew",
            id="a function",
        ),
        pytest.param(
            {"crew.py": "import crewai\ndef build() -> crewai.Crew:\n    ...\n"},
            "crew:build",
            id="a function with a return type",
        ),
        pytest.param(
            {
                "main.py": "class Trip:\n    def __init__(self, city): ...\n"
                "    def run(self):\n        return Crew(tasks=[]).kickoff()\n"
                "def main():\n    return Trip(input()).run()\n"
            },
            "main:Trip",
            id="a class with arguments",
        ),
        pytest.param(
            {"main.py": "def main():\n    Crew(tasks=[]).kickoff()\n"},
            "main:main",
            id="a function that starts a crew",
        ),
        pytest.param(
            {"flow.py": "class Base(Flow[State]): ...\nclass Post(Base): ...\n"},
            "flow:Post",
            id="a flow that derives from another",
        ),
        pytest.param(
            {
                ".venv/lib/x/crew.py": CREW_PY,
                "tests/crew.py": CREW_PY,
                "env/pyvenv.cfg": "",
                "env/crew.py": CREW_PY,
                "app/jobs/it.py": MODULE_PY,
            },
            "app.jobs.it:crew",
            id="environments and tests are not searched",
        ),
    ],
)
def test_the_target_is_found_without_running_anything(
    tmp_path: Path, files: dict[str, str], target: str
) -> None:
    assert default_target(write(tmp_path, files)).target == target


def test_what_the_project_names_comes_before_what_its_source_has(tmp_path: Path) -> None:
    classic(
        tmp_path,
        pyproject=f'{CREWAI}[project.scripts]\nrun_crew = "launch.main:run"\n'
        '[tool.crewai]\ntype = "crew"\n',
    )

    assert [(each.target, each.reason) for each in candidates(tmp_path)] == [
        ("launch.main:run", "the script run_crew in pyproject.toml"),
        ("launch.crew:Launch", "a @CrewBase class in src/launch/crew.py, line 7"),
    ]


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({}, "is empty. Put the project into it."),
        ({"notes.txt": ""}, "There is no crew.jsonc, no flow.yaml and no Python file with a crew"),
        (
            {
                "pyproject.toml": '[project]\nname = "crewai-free"\ndependencies = ["crewai-x"]\n'
                '[project.scripts]\nrun_crew = "a:b"\n'
            },
            "or a flow, and pyproject.toml does not require crewai. Name it with `crew`",
        ),
        ({"pyproject.toml": "[project\n"}, "pyproject.toml is not valid TOML: "),
        (
            {"pyproject.toml": '[tool.crewai]\ndefinition = "crew.jsonc"\n'},
            "names the definition crew.jsonc, which does not exist. Fix `definition` under",
        ),
        ({"crew.py": "\n\ndef crew(:\n"}, "cannot be read: crew.py, line 3: invalid syntax."),
        (
            {"a.py": MODULE_PY, "b.py": MODULE_PY},
            "has several crews: a:crew, b:crew. Name it with `crew` in crews.yml.",
        ),
    ],
)
def test_a_project_without_a_crew_is_refused_in_a_sentence(
    tmp_path: Path, files: dict[str, str], problem: str
) -> None:
    with pytest.raises(ProjectProblem) as refusal:
        default_target(write(tmp_path, files))

    assert problem in str(refusal.value)


def defined(folder: Path, **more: object) -> CrewDefinition:
    return CrewDefinition("launch", CrewKind.CREW, project=str(folder), **more)  # type: ignore[arg-type]


def test_crews_yml_comes_before_what_the_project_says(tmp_path: Path) -> None:
    classic(tmp_path)

    assert target_of(defined(tmp_path)) == "launch.crew:Launch"
    assert target_of(defined(tmp_path, target="launch.crew:Other")) == "launch.crew:Other"
    assert target_of(CrewDefinition("x", CrewKind.CREW, target="a:b")) == "a:b"
    assert target_of(CrewDefinition("x", CrewKind.COMMAND, project=str(tmp_path))) is None


def test_problems_that_the_files_show_are_named(tmp_path: Path) -> None:
    classic(tmp_path)
    (tmp_path / "crew.jsonc").write_text("{}")
    nowhere = tmp_path / "nowhere"

    def problem(folder: Path = tmp_path, **more: object) -> str:
        return problem_of(defined(folder, **more)) or ""

    assert problem() == ""
    assert problem(nowhere) == (
        f"The project's folder {nowhere} does not exist. Fix `project` in crews.yml."
    )
    assert "is not a folder" in problem(tmp_path / "crew.jsonc")
    assert problem(target="crew.json") == (
        f"There is no file crew.json in {tmp_path}. Did you mean 'crew.jsonc'? Fix `crew` in "
        "crews.yml."
    )
    assert problem(python=f"{nowhere}/python") == (
        f"The interpreter {nowhere}/python does not exist. Create the environment with `uv sync` "
        f"in {tmp_path}, or fix `python` in crews.yml."
    )
    assert "is not a program" in problem(python=str(tmp_path / "crew.jsonc"))


def test_the_environment_of_a_project_is_found(tmp_path: Path) -> None:
    assert own_python(tmp_path) is None

    write(tmp_path, {".venv/bin/python": ""})

    assert own_python(tmp_path) == tmp_path / ".venv" / "bin" / "python"
