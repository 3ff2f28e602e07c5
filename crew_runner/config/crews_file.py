"""The kinds of entries that crews.yml has: their keys, and what each key takes.

The types judge one key at a time, `problems` what keys mean together.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Final, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, Strict, StringConstraints

from crew_runner.child.environment import is_secret
from crew_runner.child.messages import COMMAND_PHASE
from crew_runner.config.durations import ALLOWED as A_DURATION
from crew_runner.config.durations import parse_duration
from crew_runner.config.strict_yaml import Entry, KeyPath, list_of, must_be, needs, one_of
from storage.boundaries import BadBoundary, resolve
from storage.definitions import RESERVED_NAMES, CheckpointDefinition, DecisionRule, OnTimeout
from storage.policy import CHANNEL, REQUESTER

Problems: TypeAlias = Iterator[tuple[KeyPath, str]]

APPROVERS: Final = (
    f"{REQUESTER}, {CHANNEL}, a Slack user id (U… or W…) or the id of a user group (S…)"
)
_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}"
_A_NAME: Final = "one word of up to 40 letters, digits, - and _"
NOBODY: Final = DecisionRule(())
_MOST: Final = 10**12


def _crew_name(name: str) -> str:
    if not re.fullmatch(_NAME, name):
        raise ValueError(f"the name is not allowed: {_A_NAME} is needed")
    if name.lower() in RESERVED_NAMES:
        raise ValueError(f"the name is not allowed: /crew {name.lower()} means something else")
    return name


def _not_secret(variable: str) -> str:
    if is_secret(variable):
        raise ValueError("is the bot's own and is not handed to crews")
    return variable


def _duration(value: object) -> timedelta:
    span = parse_duration(value) if isinstance(value, str) else None
    if span is None:
        raise ValueError(f"{value!r} is not allowed: {A_DURATION} is needed")
    return span


Text: TypeAlias = Annotated[
    str, Strict(), StringConstraints(strip_whitespace=True, min_length=1), must_be("a text")
]
Word: TypeAlias = Annotated[str, Field(coerce_numbers_to_str=True, min_length=1), must_be("a text")]
Name: TypeAlias = Annotated[
    str, Strict(), StringConstraints(strip_whitespace=True, pattern=f"^{_NAME}$"), needs(_A_NAME)
]
CrewName: TypeAlias = Annotated[str, Strict(), AfterValidator(_crew_name)]
Target: TypeAlias = Annotated[
    str,
    Strict(),
    StringConstraints(strip_whitespace=True, pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$"),
    needs("package.module:name"),
]
Variable: TypeAlias = Annotated[str, Strict(), AfterValidator(_not_secret)]
Value: TypeAlias = Annotated[str, Field(coerce_numbers_to_str=True), must_be("a text")]
Approver: TypeAlias = Annotated[
    str,
    StringConstraints(pattern=f"^({REQUESTER}|{CHANNEL}|[UWS][A-Z0-9]{{2,}})$"),
    needs(APPROVERS),
]
Flag: TypeAlias = Annotated[bool, Strict(), must_be("true or false")]
Count: TypeAlias = Annotated[
    int, Strict(), Field(ge=1, le=_MOST), needs(f"a whole number from 1 to {_MOST}")
]
CountOrZero: TypeAlias = Annotated[
    int, Strict(), Field(ge=0, le=_MOST), needs(f"a whole number from 0 to {_MOST}")
]
Tries: TypeAlias = Annotated[
    int, Strict(), Field(ge=1, le=20), needs("a whole number from 1 to 20")
]
Amount: TypeAlias = Annotated[
    float, Strict(), Field(gt=0, allow_inf_nan=False), needs("a number above 0")
]
Duration: TypeAlias = Annotated[timedelta, BeforeValidator(_duration)]


class RuleEntry(Entry):
    """Who decides. A crew's own keys are the defaults of its checkpoints."""

    approvers: Annotated[
        tuple[Approver, ...], list_of(APPROVERS, empty=f"at least one of {APPROVERS} is needed")
    ] = ()
    except_requester: Flag | None = None
    timeout: Duration | None = None
    on_timeout: Annotated[OnTimeout, one_of(OnTimeout)] | None = None

    def rule(self, defaults: DecisionRule) -> DecisionRule:
        return replace(
            defaults, **self.model_dump(include={*RuleEntry.model_fields}, exclude_unset=True)
        )


class CheckpointEntry(RuleEntry):
    """After or before a phase, or with `gate` the rule of what pauses inside the crew."""

    name: Name | None = None
    after: Text | None = None
    before: Text | None = None
    gate: Text | None = None
    description: Text = ""

    def problems(self) -> Problems:
        if self.gate is None and self.name is None:
            yield ("name",), "is missing: a text is needed"
        if self.gate is not None and self.name is not None:
            yield ("name",), "is not allowed beside 'gate', which names what pauses"
        if [self.gate, self.after, self.before].count(None) != 2:
            words = "one of 'after' and 'before' has to name a phase, or 'gate' what pauses inside"
            yield (), words

    def definition(self, defaults: DecisionRule) -> CheckpointDefinition:
        return CheckpointDefinition(
            name=self.gate or self.name or "",
            rule=self.rule(defaults),
            after=self.after,
            before=self.before,
            description=self.description,
        )


class PhaseEntry(Entry):
    name: Name
    tasks: Annotated[tuple[Word, ...], list_of("task names")] = ()


class BudgetEntry(Entry):
    tokens: Count | None = None
    dollars: Amount | None = None

    def problems(self) -> Problems:
        if not self.model_fields_set:
            yield (), "is empty: tokens or dollars is needed"


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
            yield (), f"is empty: one of {', '.join(type(self).model_fields)} is needed"


class CrewEntry(RuleEntry):
    """`crew` or `command` names what runs."""

    description: Text = ""
    crew: Target | None = None
    command: Annotated[
        tuple[Word, ...], list_of("words", empty="the program and its arguments are needed")
    ] = ()
    cwd: Text | None = None
    env: dict[Variable, Value] = Field(default_factory=dict)
    phases: Annotated[
        tuple[PhaseEntry, ...],
        list_of("phases, each with a name and tasks", empty="without it every task is a phase"),
    ] = ()
    checkpoints: Annotated[
        tuple[CheckpointEntry, ...], list_of("checkpoints, each with a name and a phase")
    ] = ()
    time_limit: Duration | None = None
    tries: Tries | None = None
    model: Text | None = None
    approve_tools: Annotated[
        tuple[Word, ...], list_of("tool names", empty="the names of the tools that wait are needed")
    ] = ()
    budget: BudgetEntry | None = None
    limits: LimitsEntry | None = None
    lessons: Flag = False

    def problems(self) -> Problems:
        if self.crew is None and not self.command:
            yield (), "names nothing to run: 'crew' (module:name) or 'command' is needed"
        elif self.crew is not None:
            yield from self._beside_crew()
        else:
            yield from self._beside_command()
        yield from _duplicates("phases", (phase.name for phase in self.phases))
        yield from _duplicates("checkpoints", (each.gate or each.name for each in self.checkpoints))
        yield from _duplicates("approve_tools", self.approve_tools)
        phase_of: dict[str, str] = {}
        for phase in self.phases:
            for task in phase.tasks:
                if task in phase_of:
                    words = f"task {task!r} is in {phase_of[task]!r} and {phase.name!r}"
                    yield ("phases",), f"{words}: one phase is allowed"
                phase_of[task] = phase.name
        yield from self._nobody_decides()
        yield from self._boundaries()

    def _beside_crew(self) -> Problems:
        if self.command:
            yield ("command",), "is not allowed beside 'crew': only one of the two is"
        for key in sorted({"cwd", "env"} & self.model_fields_set):
            yield (key,), "is only allowed beside 'command'"
        for index, phase in enumerate(self.phases):
            if not phase.tasks:
                words = "is missing or empty: the names of the phase's tasks are needed"
                yield ("phases", index, "tasks"), words

    def _beside_command(self) -> Problems:
        beside = "is not allowed beside 'command'"
        if self.approve_tools:
            yield ("approve_tools",), f"{beside}: its tools are its own"
        if self.limits and self.limits.model_calls is not None:
            yield ("limits", "model_calls"), f"{beside}: its calls are its own"
        for index, checkpoint in enumerate(self.checkpoints):
            if checkpoint.gate is not None:
                words = f"{beside}: a program pauses after its phases"
                yield ("checkpoints", index, "gate"), words

    def _nobody_decides(self) -> Problems:
        defaults = self.rule(NOBODY)
        entries: list[tuple[KeyPath, RuleEntry]] = [((), self)]
        entries += ((("checkpoints", index), each) for index, each in enumerate(self.checkpoints))
        for path, entry in entries:
            rule = entry.rule(defaults)
            if not rule.approvers and entry is not self:
                words = f"nobody could decide. A list of {APPROVERS} is needed"
                yield (*path, "approvers"), f"is missing, here and on the crew: {words}"
            written = entry.approvers or entry.except_requester
            if written and rule.except_requester and rule.approvers == (REQUESTER,):
                words = f"leaves nobody who may decide: approvers is {REQUESTER} alone"
                yield (*path, "except_requester"), words

    def _boundaries(self) -> Problems:
        """Which phases they name. Without `phases` this waits until the crew describes itself."""
        phases = [phase.name for phase in self.phases] or [COMMAND_PHASE] * bool(self.command)
        fitting: list[CheckpointDefinition] = []
        for index, each in enumerate(self.checkpoints if phases else ()):
            if each.gate is not None:
                continue
            try:
                resolve([*fitting, each.definition(NOBODY)], phases)
            except BadBoundary as error:
                yield ("checkpoints", index), str(error)
            else:
                fitting.append(each.definition(NOBODY))


class CrewsFile(Entry):
    crews: dict[CrewName, CrewEntry] = Field(default_factory=dict)

    def problems(self) -> Problems:
        if not self.crews:
            yield ("crews",), "is missing or empty: at least one crew is needed"


def _duplicates(key: str, names: Iterable[str | None]) -> Problems:
    for name, times in Counter(names).items():
        if name is not None and times > 1:
            yield (key,), f"duplicate name {name!r}"
