"""What words, and a yes or a no, decide."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.amp import answers
from bot.amp.answers import Answer
from storage.errors import OutcomeNeeded
from storage.records import OFFERED, Action, Checkpoint, CheckpointKind, Pause, PhaseOutput
from storage.states import CheckpointState
from tests.support.factories import NOON, rule

PHASE = Checkpoint(
    id="c",
    execution_id="e",
    phase_run_id="r",
    name="look",
    description="",
    phase="writing",
    revision=1,
    rule=rule(),
    state=CheckpointState.PENDING,
    created_at=NOON,
    deadline=None,
    output=PhaseOutput("a draft"),
)
GATE = replace(
    PHASE, kind=CheckpointKind.GATE, output=PhaseOutput("a draft", pause=Pause("review"))
)
EMIT = replace(GATE, outcomes=("approve", "reject", "request_changes"))


def decided(checkpoint: Checkpoint, text: str, approves: bool | None = None) -> Answer:
    return answers.read(checkpoint, OFFERED[checkpoint.kind], text=text, approves=approves)


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("approve", "approve"),
        ("Request changes!", "request_changes"),
        ("Approved. Great article!", "approve"),
        ("rejected: too long", "reject"),
        ("looks good", "approve"),
        ("Do not approve this", "reject"),
    ],
)
def test_words_beyond_doubt_pick_an_outcome(text: str, outcome: str) -> None:
    assert decided(EMIT, text) == Answer(Action.CONTINUE, outcome)


@pytest.mark.parametrize(
    "text",
    [
        "Good, but the price is wrong",
        "Approve it once the price is right",
        "Approved. But name the prices first",
        "approve, and name the prices",
        "approve or reject, I don't mind",
    ],
)
def test_other_words_never_approve(text: str) -> None:
    assert decided(EMIT, text) == Answer(Action.REVISE)
    assert decided(PHASE, text) == Answer(Action.REVISE)


def test_an_approval_without_a_single_outcome_that_means_yes_is_asked_which() -> None:
    with pytest.raises(OutcomeNeeded):
        decided(replace(EMIT, outcomes=("red", "green")), "", approves=True)


def test_a_gate_without_outcomes_and_a_question_take_the_words_as_they_are() -> None:
    assert decided(GATE, "make it shorter") == Answer(Action.CONTINUE)
    assert decided(replace(PHASE, kind=CheckpointKind.QUESTION), "no") == Answer(Action.CONTINUE)


def test_yes_and_no_continue_and_revise() -> None:
    assert decided(PHASE, "", approves=True) == Answer(Action.CONTINUE)
    assert decided(PHASE, "shorter", approves=False) == Answer(Action.REVISE)
    assert decided(PHASE, "lgtm") == Answer(Action.CONTINUE)


def test_a_budget_that_is_refused_stops_the_run() -> None:
    budget = replace(PHASE, kind=CheckpointKind.BUDGET)
    assert decided(budget, "", approves=False) == Answer(Action.STOP)
