"""Finds mistakes in the YAML files of a project, whose errors in Python name no file or no cause.

`@CrewBase` reads config/agents.yaml and config/tasks.yaml beside the class: a file that is missing
or an agent whose name is misspelled ends in a bare KeyError.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

import yaml

from crew_runner.projects.source import crew_classes, python_files

_CONFIGS: Final = {"agents_config": "config/agents.yaml", "tasks_config": "config/tasks.yaml"}
_KINDS: Final = {"agents_config": "agent", "tasks_config": "task"}
_FLOWS: Final = ("flow.yaml", "flow.yml", "src/*/flow.yaml", "src/*/flow.yml")


class _Unreadable(Exception):
    """A YAML file that cannot be read; the message is a sentence."""


def mistakes(folder: Path) -> Iterator[str]:
    """A sentence for each mistake."""
    for pattern in _FLOWS:
        for file in sorted(folder.glob(pattern)):
            try:
                _mapping(file, folder)
            except _Unreadable as error:
                yield str(error)
    for file in python_files(folder):
        for crew_class in crew_classes(file):
            yield from _mistakes_of_class(crew_class, file, folder)


def _mistakes_of_class(crew_class: ast.ClassDef, file: Path, folder: Path) -> Iterator[str]:
    names: dict[str, Collection[str]] = {}
    shown = file.relative_to(folder).as_posix()
    for attribute, default in _CONFIGS.items():
        config = file.parent / _assigned(crew_class, attribute, default)
        used = list(_keys_of(crew_class, attribute))
        if not used:
            continue
        if not config.is_file():
            yield f"{_shown(config, folder)} does not exist, and {shown} reads it."
            continue
        try:
            names[attribute] = mapping = _mapping(config, folder)
        except _Unreadable as error:
            yield str(error)
            continue
        for key, line in used:
            if key not in mapping:
                yield (
                    f"{_shown(config, folder)} has no {_KINDS[attribute]} {key!r}, which {shown} "
                    f"uses in line {line}. {_has(key, mapping)}"
                )
        if attribute == "tasks_config":
            agents = _agents(crew_class)
            yield from _unknown_agents(mapping, agents, _shown(config, folder))


def _unknown_agents(tasks: dict[str, object], agents: Collection[str], shown: str) -> Iterator[str]:
    for name, task in tasks.items():
        agent = task.get("agent") if isinstance(task, dict) else None
        if isinstance(agent, str) and agents and agent not in agents:
            yield f"{shown}: the task {name!r} names the agent {agent!r}. {_has(agent, agents)}"


def _mapping(file: Path, folder: Path) -> dict[str, object]:
    shown = _shown(file, folder)
    try:
        data = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise _Unreadable(f"{shown}{line}: {error.problem}.") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise _Unreadable(f"{shown} cannot be read: {error}.") from error
    if not isinstance(data, dict):
        raise _Unreadable(f"{shown} is not a mapping of names.")
    return data


def _assigned(crew_class: ast.ClassDef, name: str, default: str) -> str:
    for node in crew_class.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=target)], value=ast.Constant(value=str(path))):
                if target == name:
                    return path
            case _:
                continue
    return default


def _keys_of(crew_class: ast.ClassDef, attribute: str) -> Iterator[tuple[str, int]]:
    """The keys in `self.agents_config["key"]`, with their lines."""
    for node in ast.walk(crew_class):
        match node:
            case ast.Subscript(
                value=ast.Attribute(attr=name), slice=ast.Constant(value=str(key)), lineno=line
            ) if name == attribute:
                yield key, line
            case _:
                continue


def _agents(crew_class: ast.ClassDef) -> set[str]:
    """The methods of the class that are marked with `@agent`, by whose names tasks name them."""
    return {
        node.name
        for node in crew_class.body
        if isinstance(node, ast.FunctionDef)
        and any(isinstance(each, ast.Name) and each.id == "agent" for each in node.decorator_list)
    }


def _has(name: str, names: Collection[str]) -> str:
    near = difflib.get_close_matches(name, names, n=1)
    suggestion = f" Did you mean {near[0]!r}?" if near else ""
    return f"It has: {', '.join(names) or 'none'}.{suggestion}"


def _shown(file: Path, folder: Path) -> str:
    return file.relative_to(folder).as_posix() if file.is_relative_to(folder) else str(file)
