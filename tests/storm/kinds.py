"""What a storm runs: the kinds of crews, and how people decide about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from random import Random
from typing import Any, Final

import yaml

from tests.storm.slips import EFFECTS, PARTS
from tests.support.prefork_server import MARK
from tests.support.processes import ROOT


class Move(StrEnum):
    """What somebody does about a checkpoint."""

    CONTINUE = "continue"
    RACE = "race"  # two people continue at once
    SKIP = "skip"
    STOP = "stop"
    LEAVE = "leave"  # nobody decides
    FORM = "form"  # asks for a revision in the form
    REPLY = "reply"  # … in a reply, after the form was closed
    MENTION = "mention"  # … in a reply that mentions the bot
    AGAIN = "again"  # clicks the outcome that leads back


@dataclass(frozen=True)
class Kind:
    """A crew of crews.yml. `steps`: how many checkpoints have to be passed, besides those at
    which a running crew is held: for a tool's call, a question or its budget.

    `passing` and `revising` are how. `words_pass`: what people say leads on, and not back.
    `rounds`: how often it has to be asked for anew before it may pass.
    """

    name: str
    entry: Mapping[str, Any]
    steps: int = 2
    passing: Sequence[Move] = (Move.CONTINUE, Move.CONTINUE, Move.CONTINUE, Move.RACE, Move.SKIP)
    revising: Sequence[Move] = (Move.FORM, Move.REPLY, Move.MENTION)
    words_pass: bool = False
    rounds: int = 0
    parts: Sequence[str] = field(default=PARTS)


def _looks(phases: Sequence[str]) -> list[dict[str, str]]:
    return [{"name": f"after_{name}", "after": name} for name in phases]


_WRITTEN: Final = {
    "phases": [{"name": part, "tasks": [part]} for part in PARTS],
    "checkpoints": _looks(PARTS[:2]),
}
_CHOSEN: Final = (Move.FORM, Move.AGAIN, Move.MENTION)
_ONWARD: Final = (Move.CONTINUE, Move.CONTINUE, Move.RACE)

KINDS: Final = (
    Kind("crew_class", {"crew": "tests.storm.crews:StormCrew", **_WRITTEN}),
    Kind("crew_function", {"crew": "tests.storm.crews:plain", **_WRITTEN}),
    Kind("human_input", {"crew": "tests.storm.crews:asking"}),
    Kind(
        "flow_outcomes",
        {"crew": "tests.storm.flows:WithOutcomes"},
        passing=_ONWARD,
        revising=_CHOSEN,
    ),
    Kind("flow_words", {"crew": "tests.storm.flows:WithWords"}, words_pass=True),
    Kind(
        "flow_loop",
        {"crew": "tests.storm.flows:Loop"},
        steps=1,
        passing=_ONWARD,
        revising=_CHOSEN,
        rounds=1,
        parts=PARTS[:2],
    ),
    Kind("flow_asks", {"crew": "tests.storm.flows:WithQuestion"}, words_pass=True),
    Kind(
        "tool_gate",
        {
            "crew": "tests.storm.crews:posting",
            "approve_tools": ["Post a note"],
            **_WRITTEN,
        },
    ),
    Kind(
        "budget",
        {"crew": "tests.storm.crews:StormCrew", "budget": {"tokens": 150}, **_WRITTEN},
    ),
    Kind(
        "program",
        {
            "command": ["python", "-m", "tests.storm.program"],
            "phases": [{"name": part} for part in PARTS],
            "checkpoints": _looks(PARTS[:2]),
        },
    ),
)


def crews_yml(effects: Path, mark: str) -> str:
    """All kinds as a file. Programs are given no variables but those that stand here."""
    about = {"description": "Written in a storm", "approvers": ["@channel"]}
    env = {EFFECTS: str(effects), MARK: mark, "PYTHONPATH": str(ROOT)}
    crews = {
        kind.name: {**about, **kind.entry, **({"env": env} if "command" in kind.entry else {})}
        for kind in KINDS
    }
    return yaml.safe_dump({"crews": crews})


@dataclass(frozen=True)
class Plan:
    """One execution as it is to go: the moves at its checkpoints, in their order."""

    token: str
    kind: Kind
    channel: str
    moves: tuple[Move, ...]


_ASKED_ANEW: Final = 0.2
_MOST_ROUNDS: Final = 2
_STOPPED: Final = 0.02
_LEFT: Final = 0.04


def plans(executions: int, channels: Sequence[str], random: Random) -> list[Plan]:
    """The kinds take turns, and so do the channels."""
    return [
        Plan(
            token=f"t{number:03}q{random.getrandbits(32):08x}",
            kind=KINDS[number % len(KINDS)],
            channel=channels[number % len(channels)],
            moves=_moves(KINDS[number % len(KINDS)], random),
        )
        for number in range(executions)
    ]


def _moves(kind: Kind, random: Random) -> tuple[Move, ...]:
    moves: list[Move] = []
    for _ in range(kind.steps):
        rounds = kind.rounds
        while rounds < _MOST_ROUNDS and random.random() < _ASKED_ANEW:
            rounds += 1
        if rounds and kind.words_pass:
            moves.append(random.choice(kind.revising))
            continue
        moves += [random.choice(kind.revising) for _ in range(rounds)]
        chance = random.random()
        if chance < _STOPPED + _LEFT:
            return (*moves, Move.STOP if chance < _STOPPED else Move.LEAVE)
        moves.append(random.choice(kind.passing))
    return tuple(moves)
