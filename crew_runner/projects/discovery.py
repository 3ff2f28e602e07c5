"""Finds the crew or flow of a project by reading its files, as `crewai run` would.

Nothing of the project is imported or run.
"""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from crew_runner.projects.config_files import mistakes
from crew_runner.projects.pyproject import ProjectProblem, Pyproject, read_pyproject
from crew_runner.projects.source import Definition, SourceSearch, search
from storage.definitions import CrewDefinition, CrewKind

DEFINITION_FILES: Final = ("crew.jsonc", "crew.json", "flow.yaml", "flow.yml")
_DEFINITION_SUFFIXES: Final = frozenset(Path(name).suffix for name in DEFINITION_FILES)
_YAML_ERRORS: Final = ("KeyError: ", "ParserError: ", "ScannerError: ")
_NOT_BUILT: Final = "The crew cannot be built: "
_MISSING_FILE: Final = re.compile(
    rf"{_NOT_BUILT}FileNotFoundError: (?:File not found: |\[Errno 2\] [^:]*: ')([^']+)'?"
)
_NAME_IT: Final = "Name it with `crew` in crews.yml."


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something that can be run: `module:name` or a file of the project, and why it was chosen."""

    target: str
    reason: str


def candidates(folder: Path) -> tuple[Candidate, ...]:
    """What the project may run, best first. Raises ProjectProblem if there is nothing.

    What its files name comes before what its source has.
    """
    named, in_source = _search_all(folder)
    by_target: dict[str, Candidate] = {}
    for each in (*named, *(_from_source(definition) for definition in in_source)):
        by_target.setdefault(each.target, each)
    return tuple(by_target.values())


def default_target(folder: Path) -> Candidate:
    """What the project runs if crews.yml does not say it; of several crews none is guessed.

    Raises ProjectProblem.
    """
    named, in_source = _search_all(folder)
    if named:
        return named[0]
    best = [each for each in in_source if each.rank == in_source[0].rank]
    if len(best) > 1:
        names = ", ".join(each.target for each in best)
        raise ProjectProblem(f"The project {folder} has several crews: {names}. {_NAME_IT}")
    return _from_source(best[0])


def target_of(definition: CrewDefinition) -> str | None:
    """What the crew runs: as in crews.yml or found in its project; None if there is nothing."""
    if definition.kind is CrewKind.COMMAND or definition.target or definition.project is None:
        return definition.target
    try:
        return default_target(Path(definition.project)).target
    except ProjectProblem:
        return None


def problem_of(definition: CrewDefinition) -> str | None:
    """Why the crew's project cannot run, as far as its files show. None without a project."""
    if definition.project is None:
        return None
    folder = Path(definition.project)
    try:
        check_folder(folder)
        if definition.python is not None:
            _check_python(Path(definition.python), folder)
        if definition.kind is CrewKind.CREW:
            _check_target(folder, definition.target)
    except ProjectProblem as problem:
        return str(problem)
    return None


def explain(definition: CrewDefinition, message: str) -> str:
    """The `message` of a build that failed, or a better one that the project's files allow."""
    if definition.project is None:
        return message
    if any(name in message for name in _YAML_ERRORS):
        sentences = list(mistakes(Path(definition.project)))
        return f"{_NOT_BUILT}{' '.join(sentences)}" if sentences else message
    if (missing := _MISSING_FILE.fullmatch(message)) is not None:
        return (
            f"{_NOT_BUILT}there is no file {missing[1]}. Relative paths start at the project's "
            f"folder, {definition.project}."
        )
    return message


def check_folder(folder: Path) -> None:
    """Raises ProjectProblem if the folder is missing or empty."""
    if not folder.exists():
        raise ProjectProblem(
            f"The project's folder {folder} does not exist. Fix `project` in crews.yml."
        )
    if not folder.is_dir():
        raise ProjectProblem(f"{folder} is not a folder. Fix `project` in crews.yml.")
    try:
        is_empty = next(folder.iterdir(), None) is None
    except OSError as error:
        raise ProjectProblem(f"The project's folder {folder} cannot be read: {error}.") from error
    if is_empty:
        raise ProjectProblem(f"The project's folder {folder} is empty. Put the project into it.")


def own_python(folder: Path) -> Path | None:
    """The interpreter of the project's own environment, if it has one."""
    environment = folder / os.environ.get("UV_PROJECT_ENVIRONMENT", ".venv")
    return environment / "bin" / "python" if environment.is_dir() else None


def _check_python(python: Path, folder: Path) -> None:
    if not python.exists():
        raise ProjectProblem(
            f"The interpreter {python} does not exist. Create the environment with `uv sync` in "
            f"{folder}, or fix `python` in crews.yml."
        )
    if python.is_dir() or not os.access(python, os.X_OK):
        raise ProjectProblem(f"{python} is not a program. Fix `python` in crews.yml.")


def _check_target(folder: Path, target: str | None) -> None:
    if target is None:
        default_target(folder)
    elif Path(target).suffix in _DEFINITION_SUFFIXES and not (folder / target).is_file():
        near = difflib.get_close_matches(target, [each.name for each in folder.iterdir()], n=1)
        suggestion = f" Did you mean {near[0]!r}?" if near else ""
        raise ProjectProblem(
            f"There is no file {target} in {folder}.{suggestion} Fix `crew` in crews.yml."
        )


def _search_all(folder: Path) -> tuple[list[Candidate], tuple[Definition, ...]]:
    """What the files of the project name, and what its source has; one of them is not empty."""
    check_folder(folder)
    pyproject = read_pyproject(folder)
    named = [*_configured(folder, pyproject or Pyproject()), *_definition_files(folder)]
    source = search(folder)
    if not named and not source.definitions:
        raise ProjectProblem(_nothing_found(folder, pyproject, source))
    return named, source.definitions


def _from_source(definition: Definition) -> Candidate:
    reason = f"{definition.what} in {definition.file}, line {definition.line}"
    return Candidate(definition.target, reason)


def _configured(folder: Path, pyproject: Pyproject) -> list[Candidate]:
    """What pyproject.toml names: a definition file first, as `crewai run` does."""
    named = []
    if pyproject.definition is not None:
        if not (folder / pyproject.definition).is_file():
            raise ProjectProblem(
                f"{folder / 'pyproject.toml'} names the definition {pyproject.definition}, which "
                "does not exist. Fix `definition` under [tool.crewai]."
            )
        named.append(Candidate(pyproject.definition, "the definition in pyproject.toml"))
    for script, target in (pyproject.entry_points or {}).items():
        named.append(Candidate(target, f"the script {script} in pyproject.toml"))
    return named


def _definition_files(folder: Path) -> list[Candidate]:
    places = [folder, *sorted((folder / "src").glob("*/"))]
    files = [place / name for name in DEFINITION_FILES for place in places]
    return [
        Candidate(file.relative_to(folder).as_posix(), "a definition file of CrewAI")
        for file in files
        if file.is_file()
    ]


def _nothing_found(folder: Path, pyproject: Pyproject | None, source: SourceSearch) -> str:
    if source.problems:
        return f"The project {folder} cannot be read: {' '.join(source.problems)} Fix the file."
    searched = "There is no crew.jsonc, no flow.yaml and no Python file with a crew or a flow"
    if pyproject is not None and not pyproject.uses_crewai:
        searched += ", and pyproject.toml does not require crewai"
    return f"No crew was found in {folder}. {searched}. {_NAME_IT}"
