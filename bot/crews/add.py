"""`countersign add`: examines a project and writes an entry for it into crews.yml."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bot.crews import environments
from bot.crews.describe import details, start_command
from bot.crews.examine import CREW_SECONDS, examine
from bot.settings import Settings
from crew_runner.config.crews_file import APPROVERS, crew_name, is_approver
from crew_runner.projects.crews_yml import CannotAdd, add_entry, names_in
from crew_runner.projects.discovery import Candidate, default_target, own_python
from crew_runner.projects.entry import FLOW, NewEntry, suggest
from crew_runner.projects.pyproject import ProjectProblem, read_pyproject
from storage import pauses
from storage.definitions import CrewDefinition, CrewKind, CrewReport, DecisionRule
from storage.policy import REQUESTER

OK: Final = 0
PROBLEM: Final = 1
WRONG_USE: Final = 2

_MAX_NAME: Final = 40
_DEFAULT_APPROVERS: Final = (REQUESTER,)
_SCAFFOLDED: Final = "using crewAI"
"""The end of the description that CrewAI's scaffolds write, which describes nothing."""


@dataclass(frozen=True, slots=True)
class Options:
    """The arguments of the command. `approvers` is None if they were not named."""

    path: Path
    name: str | None = None
    crew: str | None = None
    approvers: tuple[str, ...] | None = None
    yes: bool = False
    install: bool = False


class _Refused(Exception):
    """Nothing was written. The message says why, and what to do."""

    def __init__(self, message: str, code: int = PROBLEM) -> None:
        super().__init__(message)
        self.code = code


def run(settings: Settings, options: Options) -> int:
    """Add the project. Returns 0, 1 if it cannot be added, or 2 if an argument is wrong."""
    logging.disable(logging.CRITICAL)  # what is printed here reports the errors
    try:
        _add(settings, options)
    except _Refused as refusal:
        print(refusal, file=sys.stderr)
        return refusal.code
    except (CannotAdd, ProjectProblem, environments.CannotCreate) as problem:
        print(problem, file=sys.stderr)
        return PROBLEM
    except (EOFError, KeyboardInterrupt):
        print("\nNothing was written.", file=sys.stderr)
        return PROBLEM
    finally:
        logging.disable(logging.NOTSET)
    return OK


def _add(settings: Settings, options: Options) -> None:
    folder = _folder(options.path)
    name = _name(options.name, folder)
    _check_approvers(options)
    crews_file = settings.crews_file
    if name in names_in(crews_file):
        raise _Refused(
            f"{crews_file} already has a crew {name}, which is left as it is. Choose another name "
            "with --name."
        )
    target = _target(options, folder)
    print(f"Found {target.target}, {target.reason}.")
    _prepare_environment(options, folder, target)
    print(f"Examining {name}. This builds the crew and asks no model…", flush=True)
    definition, report = _examine(settings, name, folder, options.crew)
    checkpoints = suggest(report)
    places = [*report.examination.pauses, *(f"after {each.after}" for each in checkpoints.chosen)]
    print("\n".join(details(definition, report, asks=", ".join(places))), flush=True)
    approvers = options.approvers or _ask_approvers(options)
    entry = NewEntry(
        name=name,
        project=_relative(options.path, folder, crews_file),
        target=target,
        is_named=options.crew is not None,
        approvers=approvers,
        is_flow=report.examination.kind == FLOW,
        description=_description(folder),
        checkpoints=checkpoints,
    )
    add_entry(crews_file, entry)
    print("\n".join(_result(crews_file, entry, report, places)))


# --- arguments ------------------------------------------------------------------------------


def _folder(path: Path) -> Path:
    folder = Path(os.path.abspath(path.expanduser()))
    if not folder.exists():
        raise _Refused(f"There is no folder {folder}. Name the project's folder.", WRONG_USE)
    if not folder.is_dir():
        message = f"{folder} is not a folder. Name the project's folder, {folder.parent}?"
        raise _Refused(message, WRONG_USE)
    return folder


def _name(name: str | None, folder: Path) -> str:
    """The crew's name: as given, or made from the folder's."""
    chosen = name or re.sub(r"[^a-z0-9_-]+", "-", folder.name.lower()).strip("-_")[:_MAX_NAME]
    try:
        return crew_name(chosen)
    except ValueError as error:
        advice = "Choose another one" if name else "Choose a name"
        raise _Refused(f"{chosen!r}: {error}. {advice} with --name.", WRONG_USE) from error


def _check_approvers(options: Options) -> None:
    wrong = [each for each in options.approvers or () if not is_approver(each)]
    if wrong or options.approvers == ():
        message = f"--approvers: {', '.join(wrong) or 'nothing'} is not allowed"
        raise _Refused(f"{message}: expected {APPROVERS}, separated by commas.", WRONG_USE)
    if options.approvers is None and not options.yes and not sys.stdin.isatty():
        raise _Refused(
            "Who may decide at the crew's checkpoints? There is no terminal to ask, so add "
            f"--approvers {REQUESTER} (or others, separated by commas), or --yes for {REQUESTER}.",
            WRONG_USE,
        )


def _target(options: Options, folder: Path) -> Candidate:
    if options.crew is not None:
        return Candidate(options.crew, "as --crew says")
    try:
        return default_target(folder)
    except ProjectProblem as problem:
        raise _Refused(f"{problem} Or add it with --crew module:name.") from problem


# --- the environment ------------------------------------------------------------------------


def _prepare_environment(options: Options, folder: Path, target: Candidate) -> None:
    """Create the project's environment, if somebody wants that, and say which one is used."""
    if not environments.can_be_created(folder):
        if own_python(folder) is None:
            print("The project has no environment of its own, so Countersign's is used.")
        return
    arguments = environments.sync_arguments(target.target)
    command = f"`uv {' '.join(arguments)}` in {folder}"
    if options.install or _agrees(
        options,
        f"The project has no environment of its own. Create one now? It runs {command}, which "
        "downloads the packages that it names. [y/N] ",
    ):
        print(f"Running {command}…", flush=True)
        environments.create(folder, arguments)
    else:
        print(
            "The project has no environment of its own, so Countersign's is used. To create one, "
            f"run {command}, or add the project with --install."
        )


def _agrees(options: Options, question: str) -> bool:
    if options.yes or not sys.stdin.isatty():
        return False
    return input(question).strip().lower() in ("y", "yes")


# --- the examination ------------------------------------------------------------------------


def _examine(
    settings: Settings, name: str, folder: Path, target: str | None
) -> tuple[CrewDefinition, CrewReport]:
    """The crew without checkpoints, and its report. Raises _Refused if it cannot be built."""
    definition = CrewDefinition(
        name=name,
        kind=CrewKind.CREW,
        target=target,
        project=str(folder),
        rule=DecisionRule(_DEFAULT_APPROVERS),
    )
    [(_definition, report)] = examine({name: definition}, settings)
    if report is None:
        raise _Refused(f"✗ {name} was not built within {CREW_SECONDS:.0f} s. Nothing was written.")
    if report.problem is not None:
        raise _Refused(f"✗ {report.problem}\nNothing was written. Fix it, then add it again.")
    return definition, report


def _description(folder: Path) -> str:
    pyproject = read_pyproject(folder)
    description = " ".join(pyproject.description.split()) if pyproject else ""
    return "" if description.endswith(_SCAFFOLDED) else description


# --- who decides ----------------------------------------------------------------------------


def _ask_approvers(options: Options) -> tuple[str, ...]:
    if options.yes:
        print(f"Nobody was named with --approvers, so {REQUESTER} decides: who starts the crew.")
        return _DEFAULT_APPROVERS
    print(f"Who may decide at its checkpoints? {APPROVERS}; several with commas.")
    while True:
        answer = input(f"Approvers [{REQUESTER}]: ").strip()
        approvers = split_approvers(answer) or _DEFAULT_APPROVERS
        wrong = [each for each in approvers if not is_approver(each)]
        if not wrong:
            return approvers
        print(f"{', '.join(wrong)} is not allowed.")


def split_approvers(text: str) -> tuple[str, ...]:
    return tuple(part for each in text.split(",") if (part := each.strip()))


# --- the result -----------------------------------------------------------------------------


def _relative(path: Path, folder: Path, crews_file: Path) -> str:
    """The project as it is written: relative to crews.yml, if it was named by a relative path."""
    if path.expanduser().is_absolute():
        return str(folder)
    return os.path.relpath(folder, os.path.abspath(crews_file.parent))


def _result(
    crews_file: Path, entry: NewEntry, report: CrewReport, places: Sequence[str]
) -> list[str]:
    """What was written, whom it asks, and what to do next."""
    lines = [f"Written to {crews_file}: {entry.name}."]
    if places:
        lines.append(f"It asks {' or '.join(entry.approvers)} {', '.join(places)}.")
    else:
        lines.append(f"! {entry.name} {pauses.ASKS_NOBODY}.")
        possible = ", ".join(each.after for each in entry.checkpoints.possible)
        if possible:
            lines.append(f"  It could ask after: {possible}. The entry has these as comments.")
    return [
        *lines,
        "Next: run `countersign practice`, or start the bot again, and type in Slack:",
        f"    {start_command(entry.name, report.examination.inputs)}",
    ]
