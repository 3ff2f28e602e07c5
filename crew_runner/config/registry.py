"""crews.yml → CrewDefinitions. A file with any problem is refused, with all of them said."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import yaml

from crew_runner.child.environment import is_secret
from crew_runner.config.crews_file import Entry, Problem, Problems
from storage.boundaries import BadBoundary, resolve
from storage.definitions import (
    Budget,
    CheckpointDefinition,
    CrewDefinition,
    CrewKind,
    DecisionRule,
    Limits,
    OnTimeout,
    PhaseDefinition,
)
from storage.policy import CHANNEL, REQUESTER

COMMAND_PHASE: Final = "run"
"""The phase of a command crew that names none."""

TAKEN_NAMES: Final = ("help", "list", "status", "cancel", "retry", "lessons")
"""First words of `/crew` that mean something else."""

_RULE_KEYS: Final = ("approvers", "except_requester", "timeout", "on_timeout")
_CREW_KEYS: Final = (
    "description",
    "crew",
    "command",
    "cwd",
    "env",
    "phases",
    "checkpoints",
    *_RULE_KEYS,
    "time_limit",
    "tries",
    "model",
    "approve_tools",
    "budget",
    "limits",
    "lessons",
)
_BUDGET_KEYS: Final = tuple(field.name for field in fields(Budget))
_LIMIT_KEYS: Final = tuple(field.name for field in fields(Limits))
_PHASE_KEYS: Final = ("name", "tasks")
_CHECKPOINT_KEYS: Final = ("name", "after", "before", "description", *_RULE_KEYS)
_GATE_KEYS: Final = ("gate", "description", *_RULE_KEYS)

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
_NAME_ALLOWED: Final = "one word of up to 40 letters, digits, - and _"
_TARGET: Final = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_APPROVER: Final = re.compile(r"[UWS][A-Z0-9]{2,}")
_APPROVERS_ALLOWED: Final = (
    f"{REQUESTER}, {CHANNEL}, a Slack user id (U… or W…) or the id of a user group (S…)"
)
_MOST_TRIES: Final = 20
_MOST: Final = 10**12
DEFAULT_TRIES: Final = 3
DEFAULT_TIME_LIMIT: Final = timedelta(minutes=30)


class CrewsFileError(Exception):
    """The file cannot be used. `problems` holds everything that is wrong with it."""

    def __init__(self, path: Path, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(f"{path}: {problem}" for problem in problems))
        self.path = path
        self.problems = tuple(problems)


def load_crews(path: str | Path) -> Mapping[str, CrewDefinition]:
    """The crews of the file by name, in its order. Raises CrewsFileError."""
    path = Path(path)
    problems = Problems()
    top = Entry(_read(path), "", problems)
    top.allow(["crews"])
    crews: dict[str, CrewDefinition] = {}
    if "crews" not in top or top.is_empty("crews"):
        if not problems.found:
            problems.note("crews", "is missing or empty: at least one crew is needed")
    else:
        entries = top.entry("crews")
        crews = {name: _crew(name, entries.entry(name)) for name in entries.keys()}  # noqa: SIM118
    if problems.found:
        raise CrewsFileError(path, problems.found)
    return crews


class _StrictLoader(yaml.SafeLoader):
    """YAML in which a key that stands twice is an error: the second would hide the first."""


def _mapping(loader: _StrictLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    loader.flatten_mapping(node)
    keys = Counter(loader.construct_object(key, deep=True) for key, _value in node.value)
    for key, times in keys.items():
        if times > 1:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {key!r} stands {times} times", node.start_mark
            )
    return loader.construct_mapping(node, deep=True)


_StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def _read(path: Path) -> object:
    try:
        return yaml.load(path.read_text(encoding="utf-8"), _StrictLoader)  # noqa: S506 a SafeLoader
    except FileNotFoundError:
        raise CrewsFileError(path, [Problem("", "the file does not exist")]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise CrewsFileError(path, [Problem("", f"cannot be read: {error}")]) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise CrewsFileError(path, [Problem("", f"{where}{error.problem}")]) from error
    except (yaml.YAMLError, TypeError) as error:
        raise CrewsFileError(path, [Problem("", f"is no YAML: {error}")]) from error


def _crew(name: str, entry: Entry) -> CrewDefinition:
    if not _NAME.fullmatch(name):
        entry.problems.note(entry.at, f"the name is not allowed: {_NAME_ALLOWED} is needed")
    elif name.lower() in TAKEN_NAMES:
        entry.problems.note(
            entry.at, f"the name is not allowed: /crew {name.lower()} means something else"
        )
    entry.allow(_CREW_KEYS)
    kind = _kind(entry)
    phases = _phases(entry, kind)
    defaults = _rule(entry, DecisionRule(()))
    written = entry.entries("checkpoints", "checkpoints, each with a name and a phase")
    gates = tuple(_gate(each, defaults, kind) for each in written if "gate" in each)
    checkpoints = tuple(_checkpoint(each, defaults) for each in written if "gate" not in each)
    _no_name_twice(entry, "checkpoints", (each.name for each in (*checkpoints, *gates)))
    checkpoints = _standing(entry, checkpoints, phases)
    return CrewDefinition(
        name=name,
        kind=kind,
        description=entry.text("description") or "",
        target=_target(entry) if kind is CrewKind.CREW else None,
        command=entry.texts("command", "words") if kind is CrewKind.COMMAND else (),
        cwd=entry.text("cwd"),
        env=_env(entry),
        phases=phases,
        checkpoints=checkpoints,
        gates=gates,
        rule=defaults if defaults.approvers else None,
        tries=entry.count("tries", least=1, most=_MOST_TRIES) or DEFAULT_TRIES,
        time_limit=entry.duration("time_limit") or DEFAULT_TIME_LIMIT,
        model=entry.text("model"),
        approve_tools=_tools(entry, kind),
        budget=_budget(entry),
        limits=_limits(entry, kind),
        lessons=entry.flag("lessons") or False,
    )


def _kind(entry: Entry) -> CrewKind:
    if "crew" in entry and "command" in entry:
        entry.note("command", "stands beside 'crew': only one of the two is allowed")
    if "crew" not in entry and "command" not in entry:
        entry.problems.note(
            entry.at, "names nothing to run: 'crew' (module:name) or 'command' is needed"
        )
    if "command" in entry and "crew" not in entry:
        return CrewKind.COMMAND
    for key in ("cwd", "env"):
        if key in entry:
            entry.note(key, "is only allowed beside 'command'")
    return CrewKind.CREW


def _target(entry: Entry) -> str | None:
    target = entry.text("crew")
    if target is not None and not _TARGET.fullmatch(target):
        entry.note("crew", f"{target!r} is not allowed: package.module:name is needed")
    return target


def _env(entry: Entry) -> dict[str, str]:
    env = entry.text_map("env")
    for name in env:
        if is_secret(name):
            entry.note(f"env.{name}", "is the bot's own and is not handed to crews")
    return env


def _tools(entry: Entry, kind: CrewKind) -> tuple[str, ...]:
    tools = entry.texts("approve_tools", "tool names")
    if entry.is_empty("approve_tools"):
        entry.note("approve_tools", "is empty: the names of the tools that wait are needed")
    if tools and kind is CrewKind.COMMAND:
        entry.note("approve_tools", "is not allowed beside 'command': its tools are its own")
    _no_name_twice(entry, "approve_tools", tools)
    return tools


def _budget(entry: Entry) -> Budget:
    if "budget" not in entry:
        return Budget()
    budget = entry.entry("budget")
    budget.allow(_BUDGET_KEYS)
    if entry.is_empty("budget"):
        entry.note("budget", f"is empty: {' or '.join(_BUDGET_KEYS)} is needed")
    return Budget(
        tokens=budget.count("tokens", least=1, most=_MOST), dollars=budget.amount("dollars")
    )


def _limits(entry: Entry, kind: CrewKind) -> Limits:
    if "limits" not in entry:
        return Limits()
    limits = entry.entry("limits")
    limits.allow(_LIMIT_KEYS)
    if entry.is_empty("limits"):
        entry.note("limits", f"is empty: one of {', '.join(_LIMIT_KEYS)} is needed")
    if "model_calls" in limits and kind is CrewKind.COMMAND:
        limits.note("model_calls", "is not allowed beside 'command': its calls are its own")
    found = {
        key: limits.count(key, least=0 if key == "revisions" else 1, most=_MOST)
        for key in _LIMIT_KEYS
    }
    return Limits(**found)


def _phases(entry: Entry, kind: CrewKind) -> tuple[PhaseDefinition, ...]:
    phases = []
    for each in entry.entries("phases", "phases, each with a name and tasks"):
        each.allow(_PHASE_KEYS)
        tasks = each.texts("tasks", "task names")
        if not tasks and kind is CrewKind.CREW:
            each.note("tasks", "is missing or empty: the names of the phase's tasks are needed")
        phases.append(PhaseDefinition(_word(each), tasks))
    if entry.is_empty("phases"):
        entry.note("phases", "is empty: leave it out, then every task is a phase")
    _no_name_twice(entry, "phases", (phase.name for phase in phases))
    where: dict[str, str] = {}
    for phase in phases:
        for task in phase.tasks:
            if task in where:
                entry.note(
                    "phases",
                    f"task {task!r} stands in {where[task]!r} and {phase.name!r}: "
                    "one phase is allowed",
                )
            where[task] = phase.name
    if kind is CrewKind.COMMAND and not phases:
        return (PhaseDefinition(COMMAND_PHASE),)
    return tuple(phases)


def _gate(entry: Entry, defaults: DecisionRule, kind: CrewKind) -> CheckpointDefinition:
    """The rule of a checkpoint that arises inside the crew, under the name of what brings it."""
    entry.allow(_GATE_KEYS)
    if kind is CrewKind.COMMAND:
        entry.note("gate", "is not allowed beside 'command': a program pauses after its phases")
    return CheckpointDefinition(
        name=entry.text("gate") or "",
        rule=_rule_of(entry, defaults),
        description=entry.text("description") or "",
    )


def _checkpoint(entry: Entry, defaults: DecisionRule) -> CheckpointDefinition:
    entry.allow(_CHECKPOINT_KEYS)
    name = _word(entry)
    after, before = entry.text("after"), entry.text("before")
    if (after is None) == (before is None):
        entry.problems.note(
            entry.at,
            "one of 'after' and 'before' has to name a phase, or 'gate' what pauses inside",
        )
    return CheckpointDefinition(
        name=name,
        rule=_rule_of(entry, defaults),
        after=after,
        before=before,
        description=entry.text("description") or "",
    )


def _rule_of(entry: Entry, defaults: DecisionRule) -> DecisionRule:
    """The rule of a checkpoint, by which somebody has to be able to decide."""
    rule = _rule(entry, defaults)
    if not rule.approvers and "approvers" not in entry:
        entry.note(
            "approvers",
            "is missing, here and on the crew: nobody could decide. "
            f"A list of {_APPROVERS_ALLOWED} is needed",
        )
    return rule


def _rule(entry: Entry, defaults: DecisionRule) -> DecisionRule:
    approvers = entry.texts("approvers", _APPROVERS_ALLOWED)
    if entry.is_empty("approvers"):
        entry.note("approvers", f"is empty: at least one of {_APPROVERS_ALLOWED} is needed")
    for index, approver in enumerate(approvers):
        if approver not in (REQUESTER, CHANNEL) and not _APPROVER.fullmatch(approver):
            entry.note(
                f"approvers[{index}]",
                f"{approver!r} is not allowed: {_APPROVERS_ALLOWED} is needed",
            )
    four_eyes = entry.flag("except_requester")
    rule = DecisionRule(
        approvers=approvers or defaults.approvers,
        except_requester=defaults.except_requester if four_eyes is None else four_eyes,
        timeout=entry.duration("timeout") or defaults.timeout,
        on_timeout=entry.choice("on_timeout", OnTimeout) or defaults.on_timeout,
    )
    if rule.except_requester and rule.approvers == (REQUESTER,):
        entry.note(
            "except_requester", f"leaves nobody who may decide: approvers is {REQUESTER} alone"
        )
    return rule


def _word(entry: Entry) -> str:
    name = entry.text("name", needed=True)
    if name is not None and not _NAME.fullmatch(name):
        entry.note("name", f"{name!r} is not allowed: {_NAME_ALLOWED} is needed")
    return name or ""


def _no_name_twice(entry: Entry, key: str, names: Iterable[str]) -> None:
    for name, times in Counter(name for name in names if name).items():
        if times > 1:
            entry.note(key, f"the name {name!r} stands {times} times: each has to be another")


def _standing(
    entry: Entry, checkpoints: Sequence[CheckpointDefinition], phases: Sequence[PhaseDefinition]
) -> tuple[CheckpointDefinition, ...]:
    """The checkpoints as `after:` a phase, in the order of the phases.

    Where the phases are not written down, this waits until the crew describes itself.
    """
    names = [phase.name for phase in phases]
    if not names:
        return tuple(checkpoints)
    fitting: list[CheckpointDefinition] = []
    for index, checkpoint in enumerate(checkpoints):
        if (checkpoint.after is None) == (checkpoint.before is None):
            continue
        try:
            resolve([*fitting, checkpoint], names)
        except BadBoundary as error:
            entry.note(f"checkpoints[{index}]", str(error))
        else:
            fitting.append(checkpoint)
    return resolve(fitting, names)
