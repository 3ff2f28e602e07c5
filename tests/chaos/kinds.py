"""The two kinds of crew that are killed: a program, and the shipped crew in real CrewAI."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.support.prefork_server import MARK
from tests.support.processes import ROOT
from tests.support.workspace import Mode

EFFECTS = "effects.log"
SECONDS = {"check": 1.3}

_STEPS = """
crews:
  steps:
    description: A draft, a check and the end of it
    command: [python, {program}]
    env: {env}
    phases: [{{name: draft}}, {{name: check}}, {{name: finish}}]
    approvers: ["@channel"]
    checkpoints:
      - {{name: after_draft, after: draft, description: Read the draft}}
      - {{name: after_check, after: check, description: Read the check}}
"""

_PLAN = """
crews:
  plan:
    description: The shipped crew, which also writes down what it has done
    crew: tests.support.logged_plan:logged_plan
    phases:
      - {name: planning, tasks: [create_content_plan]}
      - {name: analysis, tasks: [analyze_sentiment, research_trends]}
      - {name: strategy, tasks: [draft_strategy]}
      - {name: finalization, tasks: [finalize_strategy]}
    approvers: ["@channel"]
    checkpoints:
      - {name: after_planning, after: planning, description: Read the plan}
      - {name: after_analysis, after: analysis, description: Read the analysis}
      - {name: before_finalization, before: finalization, description: Read the strategy}
"""


@dataclass(frozen=True)
class Kind:
    """A crew and how its runs are played.

    `choices` are the decisions at its checkpoints in the order in which they come up (Reply is a
    revision, too); `start` is
    how many seconds a start may take; `bots` is how many run on one database; `phase_of`
    names the phase of what the crew's own log speaks of, where that is not the phase itself.
    """

    name: str
    crew: str
    phases: Sequence[str]
    choices: Sequence[str]
    start: float
    bots: int = 1
    mode: Mode = "socket"
    phase_of: Mapping[str, str] = field(default_factory=dict)

    def crews_yml(self, folder: Path, mark: str) -> str:
        if self.crew == "plan":
            return _PLAN
        program = ROOT / "tests" / "support" / "steps.py"
        effects = str(folder / EFFECTS)
        env = {"EFFECTS": effects, "SECONDS": json.dumps(SECONDS), MARK: mark}
        return _STEPS.format(program=json.dumps(str(program)), env=json.dumps(env))


COMMAND = Kind(
    name="command",
    crew="steps",
    phases=("draft", "check", "finish"),
    choices=("Reply", "Revise", "Continue", "Continue"),
    start=3.0,
)

CREW = Kind(
    name="crew",
    crew="plan",
    phases=("planning", "analysis", "strategy", "finalization"),
    choices=("Revise", "Continue", "Continue", "Skip"),
    start=6.0,
    phase_of={
        "create_content_plan": "planning",
        "analyze_sentiment": "analysis",
        "research_trends": "analysis",
        "draft_strategy": "strategy",
        "finalize_strategy": "finalization",
    },
)

PAIR = replace(COMMAND, name="pair", bots=2)
"""Two bots, of which one dies and the other goes on."""

HTTP = replace(COMMAND, name="http", mode="http")
"""Slack reaches the bot at its own address instead of a socket."""

KINDS = {kind.name: kind for kind in (COMMAND, CREW, PAIR, HTTP)}
