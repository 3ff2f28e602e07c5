"""Loads crews.yml into CrewDefinitions."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from crew_runner.child.messages import COMMAND_PHASE
from crew_runner.config.crews_file import NOBODY, CrewEntry, CrewsFile
from crew_runner.config.inputs_entry import crew_inputs
from crew_runner.config.strict_yaml import BadFile, read
from crew_runner.config.webhooks_entry import CheckUrl, may_have_webhooks
from storage.boundaries import resolve
from storage.definitions import (
    Budget,
    CrewDefinition,
    CrewKind,
    Limits,
    PhaseDefinition,
)
from storage.webhooks import NewWebhook

_AS_WRITTEN: Final = (
    *("description", "command", "cwd", "env", "workspace", "revise", "time_limit", "tries"),
    *("model", "approve_tools", "lessons"),
)
"""Keys of a crew that are copied to its definition under the same name."""

CrewsFileError = BadFile


def load_crews(path: str | Path) -> Mapping[str, CrewDefinition]:
    """The crews by name, in the order of the file. Raises CrewsFileError with every problem."""
    folder = Path(path).parent
    file = read(Path(path), CrewsFile)
    return {name: definition(name, crew, folder) for name, crew in file.crews.items()}


def load_webhooks(
    path: str | Path, variables: Mapping[str, str], check_url: CheckUrl
) -> Mapping[str, tuple[NewWebhook, ...]]:
    """The webhooks of each crew that has any, with their secrets.

    `variables` are the values for `${VARIABLE}`. Raises CrewsFileError with every problem.
    """
    if not may_have_webhooks(Path(path)):
        return {}
    webhooks: dict[str, tuple[NewWebhook, ...]] = {}
    problems: list[str] = []
    for name, crew in read(Path(path), CrewsFile).crews.items():
        for index, entry in enumerate(crew.webhooks):
            webhook, wrong = entry.new_webhook(name, variables, check_url)
            webhooks[name] = (*webhooks.get(name, ()), webhook)
            at = f"crews.{name}.webhooks[{index}]"
            problems += [f"{at}.{'.'.join(map(str, keys))}: {message}" for keys, message in wrong]
    if problems:
        raise CrewsFileError(Path(path), problems)
    return webhooks


def definition(name: str, crew: CrewEntry, folder: Path) -> CrewDefinition:
    """The definition of an entry. `folder` is that of crews.yml, to which paths are relative."""
    defaults = crew.rule(NOBODY)
    phases = tuple(PhaseDefinition(phase.name, phase.tasks) for phase in crew.phases)
    if crew.command and not phases:
        phases = (PhaseDefinition(COMMAND_PHASE),)
    project = None if crew.project is None else _absolute(folder, crew.project)
    written = [each.definition(defaults) for each in crew.checkpoints if each.gate is None]
    return CrewDefinition(
        name=name,
        kind=CrewKind.COMMAND if crew.command else CrewKind.CREW,
        target=crew.crew,
        project=project,
        python=None if crew.python is None or project is None else _absolute(project, crew.python),
        phases=phases,
        checkpoints=resolve(written, [each.name for each in phases]) if phases else tuple(written),
        gates=tuple(each.definition(defaults) for each in crew.checkpoints if each.gate),
        rule=defaults if defaults.approvers else None,
        budget=Budget(**crew.budget.model_dump()) if crew.budget else Budget(),
        inputs=crew_inputs(crew.inputs),
        limits=Limits(**crew.limits.model_dump()) if crew.limits else Limits(),
        **crew.model_dump(include={*_AS_WRITTEN}, exclude_none=True),
    )


def _absolute(folder: Path | str, path: str) -> str:
    """The absolute path; symbolic links stay, because a virtual environment's Python is one."""
    return os.path.abspath(os.path.join(folder, os.path.expanduser(path)))
