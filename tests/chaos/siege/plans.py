"""What is asked for under siege, and how people decide about it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from random import Random
from typing import Final

import yaml

from tests.support.processes import ROOT
from tests.support.workspace import GUS

EFFECTS: Final = "effects.log"
PHASES: Final = ("draft", "check", "finish")


class Move(StrEnum):
    """What somebody does about a checkpoint."""

    CONTINUE = "continue"
    SKIP = "skip"
    STOP = "stop"
    FORM = "form"  # a revision, asked for in the form
    REPLY = "reply"  # … in a reply
    RACE = "race"  # two people click and a client asks at once
    REST = "rest"
    CANCEL = "cancel"
    LEAVE = "leave"  # nobody decides


_WEIGHTS: Final = {
    Move.CONTINUE: 38,
    Move.RACE: 16,
    Move.FORM: 10,
    Move.REPLY: 8,
    Move.SKIP: 8,
    Move.REST: 10,
    Move.STOP: 4,
    Move.CANCEL: 4,
    Move.LEAVE: 2,
}
_ONWARD_AFTER: Final = 5
HOSTILE: Final = f"<!channel> <@{GUS}> <https://example.org/a|b> [c](https://example.org/d) *e*"
"""Stands in every request, and in every answer of the crew."""


@dataclass(frozen=True)
class Plan:
    """A run as it is asked for. `token` tells it from every other."""

    token: str
    crew: str
    words: str

    def move(self, number: int) -> Move:
        """At the checkpoint before which it came to so many."""
        if number >= _ONWARD_AFTER:
            return Move.CONTINUE
        chance = Random(f"{self.token}/{number}")
        return chance.choices([*_WEIGHTS], weights=[*_WEIGHTS.values()])[0]

    def is_tried(self, number: int) -> bool:
        """Whether somebody who may not decides first."""
        return Random(f"{self.token}/{number}/who").random() < 0.25

    def wish(self, number: int) -> str:
        """What is asked for in a revision."""
        return f"shorter, {self.token}, round {number}"


def plan(number: int, random: Random) -> Plan:
    token = f"q{number:04}x{random.getrandbits(24):06x}"
    chance = random.random()
    traits = "slowly " if chance < 0.15 else ""
    crew = "brittle" if chance > 0.88 else "steps"
    fails = "fails " if crew == "brittle" else ""
    return Plan(token, crew, f"{token} {traits}{fails}{HOSTILE}")


def crews_yml(folder: Path, **env: str) -> str:
    program = str(ROOT / "tests" / "chaos" / "siege" / "program.py")
    steps = {
        "description": "A draft, a check and the end of it",
        "command": ["python", program],
        "env": {"EFFECTS": str(folder / EFFECTS), **env},
        "phases": [{"name": name} for name in PHASES],
        "approvers": ["@channel"],
        "checkpoints": [
            {"name": f"after_{name}", "after": name, "description": f"Read the {name}"}
            for name in PHASES[:2]
        ],
    }
    return yaml.safe_dump({"crews": {"steps": steps, "brittle": {**steps, "tries": 1}}})


@dataclass(frozen=True)
class Effect:
    """A line of the crews' own log."""

    at: float
    event: str
    phase: str
    token: str
    feedback: str
    pid: int


def effects(folder: Path) -> list[Effect]:
    file = folder / EFFECTS
    written = file.read_text().splitlines() if file.exists() else []
    return [Effect(**json.loads(line)) for line in written if line.endswith("}")]
