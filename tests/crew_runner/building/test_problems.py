"""A crew that cannot be built is told why, and what to do, in a sentence."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from tests.crew_runner.building.checks import check, definition
from tests.crew_runner.building.projects import write_project
from tests.crew_runner.conftest import RunnerFixture

INSTALL = f"Install it into {sys.prefix} with `"

CASES: dict[str, tuple[str, Mapping[str, str], str]] = {
    "a package of CrewAI": (
        "demo.main:run",
        {"demo/main.py": "from crewai_tools import SerperDevTool\n"},
        f"The crew cannot be built: the package crewai-tools is not installed. {INSTALL}",
    ),
    "a package with another name": (
        "demo.main:run",
        {"demo/main.py": "def run():\n    import cv2\n"},
        f"The crew cannot be built: the package opencv-python is not installed. {INSTALL}",
    ),
    "a module of the project": (
        "demo.main:run",
        {"demo/main.py": "from demo.tools.search import search\n"},
        "The crew cannot be built: it imports 'demo.tools', which its folders do not contain. Add "
        "the file, or correct the import.",
    ),
    "a target that is not there": (
        "demo.mian:run",
        {},
        "The crew cannot be built: there is no module 'demo.mian' in ",
    ),
    "a file that is not there": (
        "crews/crew.jsonc",
        {},
        "There is no file crews/crew.jsonc in ",
    ),
    "no target": ("demo", {}, "'demo' does not name a crew. Set `crew` in crews.yml to "),
    "a broken JSON crew": (
        "crew.jsonc",
        {"crew.jsonc": '{"name": "demo", "agents": ["nobody"], "tasks": []}'},
        "The crew cannot be built: ",
    ),
    "an error behind an except": (
        "demo.main:run",
        {
            "demo/main.py": """
            def run():
                try:
                    import bs4_of_nobody
                except Exception as error:
                    raise Exception(f"An error occurred while running the crew: {error}")
            """
        },
        "The crew cannot be built: the package bs4-of-nobody is not installed.",
    ),
    "arguments of a command line": (
        "demo.main:run",
        {
            "demo/main.py": """
            import argparse

            def run():
                parser = argparse.ArgumentParser()
                parser.add_argument("topic")
                parser.parse_args()
            """
        },
        "The crew cannot be built: demo.main:run calls sys.exit() (exit code 2).",
    ),
    "a missing client of a model": (
        "demo.main:run",
        {
            "demo/main.py": """
            from demo.crew import crew

            def run():
                crew(llm="groq/llama-3.3-70b").kickoff()
            """
        },
        "The crew names a model whose client is not installed: ",
    ),
}


def test_each_broken_project_gets_its_sentence(runner: RunnerFixture, tmp_path: Path) -> None:
    crews = {}
    for number, (name, (target, files, _sentence)) in enumerate(CASES.items()):
        project = write_project(tmp_path / str(number), files)
        crews[target + name] = definition(target, project=project, name=name)

    problems = {report.crew: report.problem or "" for report in check(runner, *crews.values())}

    wrong = {name: problems[name] for name in CASES if CASES[name][2] not in problems[name]}
    assert wrong == {}
