"""The entries of crews.yml: their keys and the values that each key accepts.

The types validate each key by itself; `problems` validates keys that depend on each other.
"""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Final, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, Strict, StringConstraints

from crew_runner.child.messages import COMMAND_PHASE, QUESTION_CHECKPOINT
from crew_runner.child.monitoring.budgets import BUDGET_CHECKPOINT
from crew_runner.config.durations import EXPECTED as DURATION
from crew_runner.config.durations import parse_duration
from crew_runner.config.form_entry import MAX_FIELDS, Form
from crew_runner.config.inputs_entry import InputEntries
from crew_runner.config.strict_yaml import Entry, KeyPath, expects, list_of, must_be, one_of
from crew_runner.config.webhooks_entry import WebhookEntries
from storage.boundaries import BadBoundary, resolve
from storage.definitions import (
    RESERVED_NAMES,
    CheckpointDefinition,
    DecisionRule,
    OnTimeout,
    Workspace,
)
from storage.policy import CHANNEL, REQUESTER

Problems: TypeAlias = Iterator[tuple[KeyPath, str]]

APPROVERS: Final = (
    f"{REQUESTER}, {CHANNEL}, a Slack user id (U… or W…) or the id of a user group (S…)"
)
_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}"
_APPROVER: Final = f"({REQUESTER}|{CHANNEL}|[UWS][A-Z0-9]{{2,}})"
_NAME_RULE: Final = "one word of up to 40 letters, digits, - and _"
_MODULE_AND_NAME: Final = r"[A-Za-z_][\w.]*:[A-Za-z_]\w*"
_DEFINITION_FILE: Final = r"[^:]*[^/:]\.(jsonc|json|yaml|yml)"
NOBODY: Final = DecisionRule(())
_MAX_COUNT: Final = 10**12


def crew_name(name: str) -> str:
    """The name, if a crew may have it. Raises ValueError, which says what is allowed."""
    if not re.fullmatch(_NAME, name):
        raise ValueError(f"the name is not allowed: expected {_NAME_RULE}")
    if name.lower() in RESERVED_NAMES:
        raise ValueError(f"the name is not allowed: /crew {name.lower()} is a built-in command")
    return name


def is_approver(text: str) -> bool:
    return re.fullmatch(_APPROVER, text) is not None


def _duration(value: object) -> timedelta:
    span = parse_duration(value) if isinstance(value, str) else None
    if span is None:
        raise ValueError(f"{value!r} is not allowed: expected {DURATION}")
    return span


Text: TypeAlias = Annotated[
    str, Strict(), StringConstraints(strip_whitespace=True, min_length=1), must_be("text")
]
Scalar: TypeAlias = Annotated[str, Field(coerce_numbers_to_str=True, min_length=1), must_be("text")]
Name: TypeAlias = Annotated[
    str,
    Strict(),
    StringConstraints(strip_whitespace=True, pattern=f"^{_NAME}$"),
    expects(_NAME_RULE),
]
CrewName: TypeAlias = Annotated[str, Strict(), AfterValidator(crew_name)]
Target: TypeAlias = Annotated[
    str,
    Strict(),
    StringConstraints(strip_whitespace=True, pattern=rf"^({_MODULE_AND_NAME}|{_DEFINITION_FILE})$"),
    expects("package.module:name or, in a project, a file such as crew.jsonc or flow.yaml"),
]
Variable: TypeAlias = Annotated[str, Strict()]
Value: TypeAlias = Annotated[str, Field(coerce_numbers_to_str=True), must_be("text")]
Approver: TypeAlias = Annotated[
    str,
    StringConstraints(pattern=f"^{_APPROVER}$"),
    expects(APPROVERS),
]
Flag: TypeAlias = Annotated[bool, Strict(), must_be("true or false")]
Count: TypeAlias = Annotated[
    int, Strict(), Field(ge=1, le=_MAX_COUNT), expects(f"a whole number from 1 to {_MAX_COUNT}")
]
CountOrZero: TypeAlias = Annotated[
    int, Strict(), Field(ge=0, le=_MAX_COUNT), expects(f"a whole number from 0 to {_MAX_COUNT}")
]
Tries: TypeAlias = Annotated[
    int, Strict(), Field(ge=1, le=20), expects("a whole number from 1 to 20")
]
Amount: TypeAlias = Annotated[
    float, Strict(), Field(gt=0, allow_inf_nan=False), expects("a number above 0")
]
Duration: TypeAlias = Annotated[timedelta, BeforeValidator(_duration)]


class RuleEntry(Entry):
    """Who decides, and until when. A crew's keys are the defaults for its checkpoints."""

    approvers: Annotated[
        tuple[Approver, ...], list_of(APPROVERS, empty=f"name at least one of {APPROVERS}")
    ] = ()
    except_requester: Flag | None = None
    timeout: Duration | None = None
    on_timeout: Annotated[OnTimeout, one_of(OnTimeout)] | None = None

    def rule(self, defaults: DecisionRule) -> DecisionRule:
        return replace(
            defaults, **self.model_dump(include={*RuleEntry.model_fields}, exclude_unset=True)
        )


class CheckpointEntry(RuleEntry):
    """A checkpoint after or before a phase or, with `gate`, the rule for a pause in the crew."""

    name: Name | None = None
    after: Text | None = None
    before: Text | None = None
    gate: Text | None = None
    description: Text = ""
    summary: Text = ""
    form: Form = ()

    def problems(self) -> Problems:
        yield from _duplicates("form", (each.name for each in self.form))
        if len(self.form) > MAX_FIELDS:
            yield ("form",), f"names {len(self.form)} fields: at most {MAX_FIELDS} are allowed"
        if self.gate is None and self.name is None:
            yield ("name",), "is missing: expected text"
        if self.gate is not None and self.name is not None:
            yield ("name",), "is not allowed together with 'gate', which names the checkpoint"
        if [self.gate, self.after, self.before].count(None) != 2:
            message = (
                "set exactly one of 'after' and 'before' (a phase) and 'gate' (a pause inside)"
            )
            yield (), message

    def definition(self, defaults: DecisionRule) -> CheckpointDefinition:
        return CheckpointDefinition(
            name=self.gate or self.name or "",
            rule=self.rule(defaults),
            after=self.after,
            before=self.before,
            description=self.description,
            summary=self.summary,
            form=tuple(each.field() for each in self.form),
        )


class PhaseEntry(Entry):
    name: Name
    tasks: Annotated[tuple[Scalar, ...], list_of("task names")] = ()


class BudgetEntry(Entry):
    tokens: Count | None = None
    dollars: Amount | None = None

    def problems(self) -> Problems:
        if not self.model_fields_set:
            yield (), "is empty: set tokens or dollars"


class LimitsEntry(Entry):
    model_calls: Count | None = None
    output_bytes: Count | None = None
    memory_megabytes: Count | None = None
    revisions: CountOrZero | None = None
    at_once: Count | None = None
    per_person: Count | None = None
    starts_per_hour: Count | None = None

    def problems(self) -> Problems:
        if not self.model_fields_set:
            yield (), f"is empty: set one of {', '.join(type(self).model_fields)}"


class CrewEntry(RuleEntry):
    """One crew. `crew` or `command` names what runs; without both, it is found in `project`."""

    description: Text = ""
    project: Text | None = None
    crew: Target | None = None
    command: Annotated[
        tuple[Scalar, ...], list_of("words", empty="name the program and its arguments")
    ] = ()
    cwd: Text | None = None
    env: dict[Variable, Value] = Field(default_factory=dict)
    python: Text | None = None
    workspace: Annotated[Workspace, one_of(Workspace)] = Workspace.COPY
    revise: Flag = True
    phases: Annotated[
        tuple[PhaseEntry, ...],
        list_of(
            "phases, each with a name and tasks",
            empty="leave it out to cut the crew at its checkpoints",
        ),
    ] = ()
    checkpoints: Annotated[
        tuple[CheckpointEntry, ...], list_of("checkpoints, each with a name and a phase")
    ] = ()
    time_limit: Duration | None = None
    tries: Tries | None = None
    model: Text | None = None
    approve_tools: Annotated[
        tuple[Scalar, ...],
        list_of("tool names", empty="name the tools that need approval"),
    ] = ()
    budget: BudgetEntry | None = None
    limits: LimitsEntry | None = None
    lessons: Flag = False
    inputs: InputEntries = Field(default_factory=dict)
    webhooks: WebhookEntries = ()

    def problems(self) -> Problems:
        if self.crew is None and not self.command and self.project is None:
            yield (
                (),
                "names nothing to run: set 'project' (a folder), 'crew' (module:name) or 'command'",
            )
        elif self.crew is None and self.command:
            yield from self._check_command_keys()
        else:
            yield from self._check_crew_keys()
        yield from self._check_project_keys()
        yield from _duplicates("phases", (phase.name for phase in self.phases))
        yield from _duplicates("checkpoints", (each.gate or each.name for each in self.checkpoints))
        yield from _duplicates("approve_tools", self.approve_tools)
        phase_of: dict[str, str] = {}
        for phase in self.phases:
            for task in phase.tasks:
                if task in phase_of:
                    message = f"task {task!r} is in {phase_of[task]!r} and {phase.name!r}"
                    yield ("phases",), f"{message}: a task belongs to one phase"
                phase_of[task] = phase.name
        yield from self._check_approvers()
        yield from self._check_forms()
        yield from self._check_boundaries()

    def _check_crew_keys(self) -> Problems:
        if self.command:
            yield ("command",), "is not allowed together with 'crew': keep one of the two"
        if self.cwd is not None:
            yield ("cwd",), "is only allowed together with 'command'"
        for index, phase in enumerate(self.phases):
            if not phase.tasks:
                message = "is missing or empty: name the phase's tasks"
                yield ("phases", index, "tasks"), message

    def _check_command_keys(self) -> Problems:
        not_allowed = "is not allowed together with 'command'"
        if self.python is not None:
            yield ("python",), f"{not_allowed}: name the interpreter in the command"
        if self.approve_tools:
            yield ("approve_tools",), f"{not_allowed}: a program calls its tools itself"
        if self.limits and self.limits.model_calls is not None:
            yield ("limits", "model_calls"), f"{not_allowed}: a program calls its models itself"
        for index, checkpoint in enumerate(self.checkpoints):
            if checkpoint.gate is not None:
                message = f"{not_allowed}: a program pauses only after its phases"
                yield ("checkpoints", index, "gate"), message

    def _check_project_keys(self) -> Problems:
        if self.project is None:
            for key in sorted({"python", "workspace"} & self.model_fields_set):
                yield (key,), "is only allowed together with 'project'"
            if self.crew is not None and ":" not in self.crew:
                message = f"{self.crew!r} is a file of a project: set 'project' to its folder"
                yield ("crew",), message
        elif self.crew is not None and not _is_inside(self.crew):
            yield ("crew",), f"{self.crew!r} is outside of the project: name a file inside it"

    def _check_approvers(self) -> Problems:
        defaults = self.rule(NOBODY)
        entries: list[tuple[KeyPath, RuleEntry]] = [((), self)]
        entries += ((("checkpoints", index), each) for index, each in enumerate(self.checkpoints))
        for path, entry in entries:
            rule = entry.rule(defaults)
            if not rule.approvers and entry is not self:
                message = f"nobody could decide. List at least one of {APPROVERS}"
                yield (*path, "approvers"), f"is missing, here and on the crew: {message}"
            is_set = entry.approvers or entry.except_requester
            if is_set and rule.except_requester and rule.approvers == (REQUESTER,):
                message = f"leaves nobody who may decide: approvers names only {REQUESTER}"
                yield (*path, "except_requester"), message

    def _check_forms(self) -> Problems:
        held = {*self.approve_tools, QUESTION_CHECKPOINT, BUDGET_CHECKPOINT}
        for index, each in enumerate(self.checkpoints):
            rule = each.rule(self.rule(NOBODY))
            path = ("checkpoints", index, "form")
            if each.form and each.gate in held:
                yield (
                    path,
                    "is not allowed here: only a checkpoint after a phase can ask for values",
                )
            continues = rule.timeout is not None and rule.on_timeout is OnTimeout.CONTINUE
            if continues and any(field.required for field in each.form):
                message = (
                    "is not allowed together with 'on_timeout: continue', which cannot fill it in: "
                    "write 'required: false' for each field, or choose another on_timeout"
                )
                yield path, message

    def _check_boundaries(self) -> Problems:
        """Check the phases that checkpoints name. Without `phases`, the built crew is checked."""
        phases = [phase.name for phase in self.phases] or [COMMAND_PHASE] * bool(self.command)
        resolved: list[CheckpointDefinition] = []
        for index, each in enumerate(self.checkpoints if phases else ()):
            if each.gate is not None:
                continue
            try:
                resolve([*resolved, each.definition(NOBODY)], phases)
            except BadBoundary as error:
                yield ("checkpoints", index), str(error)
            else:
                resolved.append(each.definition(NOBODY))


class CrewsFile(Entry):
    crews: dict[CrewName, CrewEntry] = Field(default_factory=dict)

    def problems(self) -> Problems:
        if not self.crews:
            yield ("crews",), "is missing or empty: define at least one crew"
        spelled: dict[str, str] = {}
        for name in self.crews:
            first = spelled.setdefault(name.lower(), name)
            if first != name:
                message = f"differs from {first!r} only in capital letters: rename one of them"
                yield ("crews", name), message


def _is_inside(file: str) -> bool:
    """Whether a relative path stays in its folder. True for a module."""
    return not posixpath.isabs(file) and posixpath.normpath(file).split("/")[0] != ".."


def _duplicates(key: str, names: Iterable[str | None]) -> Problems:
    for name, times in Counter(names).items():
        if name is not None and times > 1:
            yield (key,), f"duplicate name {name!r}"
