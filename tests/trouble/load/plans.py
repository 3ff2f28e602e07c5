"""What runs under load: the kinds of crews, and plans of how people decide in each execution."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, Final

import yaml

from tests.support.prefork_server import MARK
from tests.support.processes import ROOT
from tests.support.workspace import GUS
from tests.trouble.crews.effects import EFFECTS, PARTS, note


class Move(StrEnum):
    """What a reviewer does at a checkpoint."""

    CONTINUE = "continue"
    TWICE = "twice"  # two people continue at once
    RACE = "race"  # one continues, another skips and a REST client continues, at once
    REST = "rest"  # a REST client continues
    SKIP = "skip"
    STOP = "stop"
    CANCEL = "cancel"  # the requester cancels the execution
    LEAVE = "leave"  # nobody decides
    FORM = "form"  # asks for a revision by the form
    REPLY = "reply"  # … by a reply, after closing the form
    MENTION = "mention"  # … by a reply that mentions the bot
    AGAIN = "again"  # clicks the outcome of a gate that leads back


WITH_WORDS: Final = frozenset({Move.FORM, Move.REPLY, Move.MENTION})


@dataclass(frozen=True)
class Kind:
    """A crew of crews.yml. `phases` is empty if the crew describes itself.

    `steps`: the number of checkpoints to pass, not counting those at which a running crew waits for
    the answer to a tool call, a question or its budget. `passing` and `revising`: the moves that
    pass or revise. `words_pass`: feedback leads on instead of back. `rounds`: the revisions needed
    before a checkpoint may pass. `marked`: whether its texts are marked. `logs_begin`: whether it
    also logs the start of a phase. `phase_of`: the phases of its parts, if they differ.
    """

    name: str
    entry: Mapping[str, Any]
    phases: Sequence[str] = PARTS
    parts: Sequence[str] = PARTS
    steps: int = 2
    passing: Sequence[Move] = (Move.CONTINUE,) * 3 + (Move.TWICE, Move.SKIP)
    revising: Sequence[Move] = (Move.FORM, Move.REPLY, Move.MENTION)
    words_pass: bool = False
    rounds: int = 0
    marked: bool = True
    logs_begin: bool = False
    phase_of: Mapping[str, str] = field(default_factory=dict)


def _checkpoints(*phases: str) -> list[dict[str, str]]:
    return [{"name": f"after_{name}", "after": name} for name in phases]


_TASKS: Final = {
    "phases": [{"name": part, "tasks": [part]} for part in PARTS],
    "checkpoints": _checkpoints(*PARTS[:2]),
}
_PROGRAM: Final = {
    "command": ["python", "-m", "tests.trouble.crews.program"],
    "phases": [{"name": part} for part in PARTS],
    "checkpoints": _checkpoints(*PARTS[:2]),
}
_SHIPPED_PHASES: Final = {
    "planning": ["create_content_plan"],
    "analysis": ["analyze_sentiment", "research_trends"],
    "strategy": ["draft_strategy"],
    "finalization": ["finalize_strategy"],
}
_CREWS, _FLOWS = "tests.trouble.crews.crews", "tests.trouble.crews.flows"
_CHOSEN: Final = (Move.FORM, Move.AGAIN, Move.MENTION)
_ONWARD: Final = (Move.CONTINUE, Move.CONTINUE, Move.TWICE)

STEPS: Final = Kind("steps", _PROGRAM, marked=False, logs_begin=True)
BRITTLE: Final = Kind("brittle", {**_PROGRAM, "tries": 1}, marked=False, logs_begin=True)
"""A crew with a single try: the first failure of its check fails the execution."""

SHIPPED: Final = Kind(
    "shipped",
    {
        "crew": "tests.trouble.crews.shipped:logged_plan",
        "phases": [{"name": name, "tasks": tasks} for name, tasks in _SHIPPED_PHASES.items()],
        "checkpoints": [
            *_checkpoints("planning", "analysis"),
            {"name": "before_finalization", "before": "finalization"},
        ],
    },
    phases=tuple(_SHIPPED_PHASES),
    marked=False,
    phase_of={task: name for name, tasks in _SHIPPED_PHASES.items() for task in tasks},
)

KINDS: Final = (
    Kind("crew_class", {"crew": f"{_CREWS}:WriterCrew", **_TASKS}),
    Kind("crew_function", {"crew": f"{_CREWS}:plain", **_TASKS}),
    Kind("human_input", {"crew": f"{_CREWS}:asking"}, phases=()),
    Kind(
        "flow_outcomes",
        {"crew": f"{_FLOWS}:WithOutcomes"},
        phases=(),
        passing=_ONWARD,
        revising=_CHOSEN,
    ),
    Kind("flow_words", {"crew": f"{_FLOWS}:WithWords"}, phases=(), words_pass=True),
    Kind(
        "flow_loop",
        {"crew": f"{_FLOWS}:Loop"},
        phases=(),
        parts=PARTS[:2],
        steps=1,
        passing=_ONWARD,
        revising=_CHOSEN,
        rounds=1,
    ),
    Kind("flow_asks", {"crew": f"{_FLOWS}:WithQuestion"}, phases=(), words_pass=True),
    Kind("tool_gate", {"crew": f"{_CREWS}:posting", "approve_tools": ["Post a note"], **_TASKS}),
    Kind("budget", {"crew": f"{_CREWS}:WriterCrew", "budget": {"tokens": 150}, **_TASKS}),
    Kind("program", _PROGRAM, logs_begin=True),
)
"""A crew of every form that the product supports. All write marked texts."""


def crews_yml(
    folder: Path, kinds: Sequence[Kind], *, mark: str = "", seconds: Mapping[str, float]
) -> None:
    """Write crews.yml with these kinds. Programs get only the environment that is set here."""
    defaults = {"description": "Written under load", "approvers": ["@channel"]}
    env = {
        EFFECTS: str(folder / EFFECTS),
        MARK: mark,
        "PYTHONPATH": str(ROOT),
        "SECONDS": json.dumps(dict(seconds)),
    }
    crews = {
        kind.name: {**defaults, **kind.entry, **({"env": env} if "command" in kind.entry else {})}
        for kind in kinds
    }
    (folder / "crews.yml").write_text(yaml.safe_dump({"crews": crews}))


# --- plans ----------------------------------------------------------------------------------------

PLACE: Final = "campaigns"
HOSTILE: Final = f"<!channel> <@{GUS}> <https://example.org/a|b> [c](https://example.org/d) *e*"
"""Part of every request of a random plan, and of every answer to it."""


@dataclass(frozen=True)
class Plan:
    """The plan of one execution: the moves at its checkpoints, in order.

    `token` is unique. `exact`: it must go exactly as planned; otherwise CONTINUE follows the moves,
    and another person may be faster. `by_rest`: a REST client runs it if one is free.
    """

    token: str
    kind: Kind
    moves: tuple[Move, ...]
    words: str = ""
    channel: str = PLACE
    exact: bool = True
    by_rest: bool = False

    def move(self, number: int) -> Move | None:
        """The move at a checkpoint, numbered from 0; None if the plan has no such checkpoint."""
        if number < len(self.moves):
            return self.moves[number]
        return None if self.exact else Move.CONTINUE

    def is_tried(self, number: int) -> bool:
        """Whether people who may not decide try first."""
        return not self.exact and Random(f"{self.token}/{number}").random() < 0.25

    def wish(self, number: int) -> str:
        """The text of a revision request."""
        return note(self.token, number)


def _token(number: int, random: Random) -> str:
    return f"t{number:04}q{random.getrandbits(32):08x}"


_RANDOM_MOVES: Final = {
    Move.CONTINUE: 38,
    Move.RACE: 16,
    Move.FORM: 10,
    Move.MENTION: 8,
    Move.SKIP: 8,
    Move.REST: 10,
    Move.STOP: 4,
    Move.CANCEL: 4,
    Move.LEAVE: 2,
}
_MAX_RANDOM_MOVES: Final = 5


def random_plans(random: Random) -> Iterator[Plan]:
    """An endless sequence of plans for programs; one in five runs by REST."""
    for number in count(1):
        chance = random.random()
        traits = "slowly " if chance < 0.15 else "fails " if chance > 0.88 else ""
        moves = random.choices(
            [*_RANDOM_MOVES], weights=[*_RANDOM_MOVES.values()], k=_MAX_RANDOM_MOVES
        )
        yield Plan(
            _token(number, random),
            BRITTLE if traits == "fails " else STEPS,
            tuple(moves),
            words=f"{traits}{HOSTILE}",
            exact=False,
            by_rest=random.random() < 0.2,
        )


def scripted_plan(number: int, random: Random, *, kind: Kind = STEPS, slowly: bool = False) -> Plan:
    """A plan with the same moves every time: revisions, then decisions that continue."""
    if kind is SHIPPED:
        moves = (Move.FORM, Move.CONTINUE, Move.CONTINUE, Move.SKIP)
    else:
        moves = (Move.MENTION, Move.FORM, Move.CONTINUE, Move.CONTINUE)
    return Plan(_token(number, random), kind, moves, words="slowly" if slowly else "run")


_REVISION_SHARE, _MAX_ROUNDS, _STOP_SHARE, _LEAVE_SHARE = 0.2, 2, 0.02, 0.04


def plans_of_all_kinds(executions: int, channels: Sequence[str], random: Random) -> list[Plan]:
    """`executions` plans; kinds and channels alternate."""
    return [
        Plan(
            _token(number, random),
            KINDS[number % len(KINDS)],
            _moves(KINDS[number % len(KINDS)], random),
            channel=channels[number % len(channels)],
        )
        for number in range(executions)
    ]


def _moves(kind: Kind, random: Random) -> tuple[Move, ...]:
    moves: list[Move] = []
    for _ in range(kind.steps):
        rounds = kind.rounds
        while rounds < _MAX_ROUNDS and random.random() < _REVISION_SHARE:
            rounds += 1
        if rounds and kind.words_pass:
            moves.append(random.choice(kind.revising))
            continue
        moves += [random.choice(kind.revising) for _ in range(rounds)]
        chance = random.random()
        if chance < _STOP_SHARE + _LEAVE_SHARE:
            return (*moves, Move.STOP if chance < _STOP_SHARE else Move.LEAVE)
        moves.append(random.choice(kind.passing))
    return tuple(moves)
