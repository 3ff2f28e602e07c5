"""Small projects on disk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

CREW = """
from crewai import Agent, Crew, Task

def crew(**settings):
    agent = Agent(role="Clerk", goal="Note", backstory="Writes.", **settings)
    tasks = [
        Task(name=name, description=f"Write {name}.", expected_output="Text", agent=agent)
        for name in ("first", "second")
    ]
    return Crew(agents=[agent], tasks=tasks)
"""


def write_project(folder: Path, files: Mapping[str, str]) -> str:
    """A project with a package `demo` that has a crew, and with these files."""
    for name, text in {"demo/__init__.py": "", "demo/crew.py": CREW, **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))
    return str(folder)
