"""The commented entry that `countersign add` writes into crews.yml."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import yaml

from crew_runner.projects.discovery import Candidate
from storage.definitions import CrewReport

FLOW: Final = "flow"

_PLAIN: Final = re.compile(r"[A-Za-z_./~][\w./@:~-]*")
_MAX_NAME: Final = 40


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint after a task of a crew or a method of a flow."""

    name: str
    after: str


@dataclass(frozen=True, slots=True)
class Suggestion:
    """The checkpoints to write, and the other possible ones."""

    chosen: tuple[Checkpoint, ...] = ()
    possible: tuple[Checkpoint, ...] = ()


@dataclass(frozen=True, slots=True)
class NewEntry:
    """An entry of crews.yml. `project` is the path as it is written there.

    The target is a comment, as the bot finds it in the project, unless it `is_named` by a person.
    """

    name: str
    project: str
    target: Candidate
    approvers: tuple[str, ...]
    is_flow: bool
    is_named: bool = False
    description: str = ""
    checkpoints: Suggestion = Suggestion()

    def lines(self, indent: str, step: str) -> list[str]:
        """The lines of the entry. Each level of nesting is indented by one more `step`."""
        lines = [f"{indent}{scalar(self.name)}:"]
        inner = indent + step
        lines += [f"{inner}{line}" for line in self._keys()]
        lines += [f"{inner}{line}" for line in self._checkpoint_lines(step)]
        return lines

    def _keys(self) -> Iterator[str]:
        if self.description:
            yield f"description: {scalar(self.description)}"
        yield f"project: {scalar(self.project)}"
        if self.is_named:
            yield f"crew: {scalar(self.target.target)}"
        else:
            yield f"# crew: {self.target.target}  # the default: {self.target.reason}"
        yield "# python: .venv/bin/python  # default: the project's own environment, else the bot's"
        yield '# env: {SERPER_API_KEY: "…"}  # more variables; those of its .env are there anyway'
        approvers = ", ".join(json.dumps(each) for each in self.approvers)
        yield f"approvers: [{approvers}]  # @requester, @channel, U… (a person), S… (a group)"
        yield "# timeout: 4h  # without it, a checkpoint waits for ever"
        yield "# on_timeout: stop  # or continue, skip, fail"

    def _checkpoint_lines(self, step: str) -> Iterator[str]:
        chosen, possible = self.checkpoints.chosen, self.checkpoints.possible
        if chosen:
            yield "checkpoints:"
            yield from (f"{step}- {_flow_mapping(each)}" for each in chosen)
            yield from (f"{step}# - {_flow_mapping(each)}" for each in possible)
        elif possible:
            if self.is_flow:
                yield "# To ask at a method, choose one. `before:` in place of `after:` asks first."
            yield "# checkpoints:"
            yield from (f"# {step}- {_flow_mapping(each)}" for each in possible)


def suggest(report: CrewReport) -> Suggestion:
    """Where to ask: after the last task but one of a crew that asks nobody, else nowhere.

    A flow's methods are only possible places, because its author knows what each of them does.
    """
    examination = report.examination
    steps = examination.steps or report.phases
    taken = {f"after {step}" for step in steps} & set(examination.pauses)
    free = [step for step in steps if f"after {step}" not in taken]
    checkpoints = dict(zip(free, _named(free), strict=True))
    if examination.pauses or examination.kind == FLOW or not free:
        return Suggestion((), tuple(checkpoints.values()))
    chosen = checkpoints.pop(free[-2] if len(free) > 1 else free[0])
    return Suggestion((chosen,), tuple(checkpoints.values()))


def _named(steps: Sequence[str]) -> Iterator[Checkpoint]:
    names: set[str] = set()
    for step in steps:
        word = re.sub(r"[^A-Za-z0-9_-]+", "_", step).strip("_")
        name = base = f"after_{word}"[: _MAX_NAME - 3]
        number = 2
        while name in names:
            name, number = f"{base}_{number}", number + 1
        names.add(name)
        yield Checkpoint(name, step)


def _flow_mapping(checkpoint: Checkpoint) -> str:
    question = json.dumps(f"Review {checkpoint.after.replace('_', ' ')}", ensure_ascii=False)
    after = scalar(checkpoint.after)
    return f"{{name: {scalar(checkpoint.name)}, after: {after}, description: {question}}}"


def scalar(text: str) -> str:
    """The text in YAML, in quotes where they are needed."""
    if _PLAIN.fullmatch(text) and yaml.safe_load(text) == text:
        return text
    return json.dumps(text, ensure_ascii=False)
