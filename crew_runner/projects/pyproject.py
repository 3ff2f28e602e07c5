"""What a project's pyproject.toml says about its crew or flow."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_REQUIRES_CREWAI: Final = re.compile(r"\s*crewai(?![A-Za-z0-9_.-]*[A-Za-z0-9_])", re.IGNORECASE)
_SCRIPTS: Final = {
    "flow": ("kickoff", "run_flow", "run_crew"),
    "crew": ("run_crew", "kickoff", "run_flow"),
}
"""The names that CrewAI's own scaffolds and commands give to the entry point, by kind."""


class ProjectProblem(Exception):
    """The project cannot be used. The message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Pyproject:
    """`kind` is crew, flow or empty; `definition` is a file such as crew.jsonc.

    `entry_points` are `module:name` by the name of the script, those that start it first.
    """

    name: str = ""
    description: str = ""
    uses_crewai: bool = False
    kind: str = ""
    definition: str | None = None
    entry_points: Mapping[str, str] | None = None


def read_pyproject(folder: Path) -> Pyproject | None:
    """None if the project has none. Raises ProjectProblem if it cannot be read."""
    file = folder / "pyproject.toml"
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ProjectProblem(f"{file} cannot be read: {error}. Fix the file.") from error
    except tomllib.TOMLDecodeError as error:
        raise ProjectProblem(f"{file} is not valid TOML: {error}. Fix the file.") from error
    project, poetry = _table(data, "project"), _table(data, "tool", "poetry")
    crewai = _table(data, "tool", "crewai")
    kind = _text(crewai.get("type"))
    scripts = {**_table(poetry, "scripts"), **_table(project, "scripts")}
    name = _text(project.get("name") or poetry.get("name"))
    uses_crewai = bool(crewai) or _requires_crewai(project, poetry)
    return Pyproject(
        name=name,
        description=_text(project.get("description") or poetry.get("description")),
        uses_crewai=uses_crewai,
        kind=kind,
        definition=_text(crewai.get("definition")) or None,
        entry_points=_entry_points(scripts, kind, name) if uses_crewai else {},
    )


def _entry_points(scripts: Mapping[str, Any], kind: str, name: str) -> dict[str, str]:
    ordered = (*_SCRIPTS.get(kind, _SCRIPTS["crew"]), name, "run")
    return {
        script: target.strip()
        for script in ordered
        if isinstance(target := scripts.get(script), str) and ":" in target
    }


def _requires_crewai(project: Mapping[str, Any], poetry: Mapping[str, Any]) -> bool:
    requirements = project.get("dependencies")
    named = [str(each) for each in requirements] if isinstance(requirements, list) else []
    return any(map(_REQUIRES_CREWAI.match, [*named, *_table(poetry, "dependencies")]))


def _table(data: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    table: Any = data
    for key in keys:
        table = table.get(key) if isinstance(table, dict) else None
    return table if isinstance(table, dict) else {}


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""
