"""What became of a checkpoint: who decided what, when, and in which words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.slack.render import decision, people
from storage.definitions import OnTimeout
from storage.records import HELD, TIMEOUT, Action, Checkpoint, CheckpointKind, Feedback
from storage.states import CheckpointState
from tests.slack.test_render import a_checkpoint
from tests.support.factories import BEN, NOON


def decided(
    state: CheckpointState,
    action: Action | OnTimeout,
    text: str = "",
    *,
    kind: CheckpointKind = CheckpointKind.PHASE,
    outcome: str | None = None,
    tasks: tuple[str, ...] = (),
) -> Checkpoint:
    by = TIMEOUT if isinstance(action, OnTimeout) else BEN
    feedback = Feedback(action, text, by, NOON, tasks, outcome)
    return replace(a_checkpoint(state=state, feedback=feedback), kind=kind)


@pytest.mark.parametrize(
    ("state", "action", "line"),
    [
        (CheckpointState.APPROVED, Action.CONTINUE, ":white_check_mark: Continued by <@UBEN>"),
        (CheckpointState.REVISED, Action.REVISE, ":pencil2: Revision requested by <@UBEN>"),
        (CheckpointState.REJECTED, Action.STOP, ":octagonal_sign: Stopped by <@UBEN>"),
        (CheckpointState.SKIPPED, Action.SKIP, ":fast_forward: Skipped by <@UBEN>"),
    ],
)
@pytest.mark.parametrize("kind", [CheckpointKind.PHASE, CheckpointKind.GATE])
def test_a_decision_names_its_action_and_its_person(
    state: CheckpointState, action: Action, line: str, kind: CheckpointKind
) -> None:
    assert decision.decision_line(decided(state, action, kind=kind)).startswith(line)


@pytest.mark.parametrize(
    ("state", "action", "words"),
    [
        (CheckpointState.APPROVED, Action.CONTINUE, "the tool is called"),
        (CheckpointState.REVISED, Action.REVISE, "the tool is not called"),
        (CheckpointState.SKIPPED, Action.SKIP, "the tool is not called"),
    ],
)
def test_a_decision_about_a_tool_says_whether_it_is_called(
    state: CheckpointState, action: Action, words: str
) -> None:
    assert words in decision.decision_line(decided(state, action, kind=CheckpointKind.TOOL))


@pytest.mark.parametrize("state", [CheckpointState.APPROVED, CheckpointState.REVISED])
def test_a_question_was_answered_and_not_continued(state: CheckpointState) -> None:
    shown = decided(state, Action.CONTINUE, kind=CheckpointKind.QUESTION)

    assert decision.decision_line(shown) == ":speech_balloon: Answered by <@UBEN>"


def test_a_decision_is_told_with_its_time_and_the_persons_words() -> None:
    shown = decided(
        CheckpointState.REVISED,
        Action.REVISE,
        "Shorter.\n<!channel>",
        tasks=("trend_research", "plan"),
    )

    first, tasks, *quoted = decision.decision(shown).split("\n")
    assert first == f":pencil2: Revision requested by <@UBEN> · {people.when(NOON)}"
    assert tasks.endswith(": trend research, plan")
    assert quoted == ["> Shorter.", "> &lt;!channel&gt;"]


def test_a_decision_without_words_is_one_line() -> None:
    assert "\n" not in decision.decision(decided(CheckpointState.APPROVED, Action.CONTINUE))


def test_long_words_are_clipped() -> None:
    shown = decided(CheckpointState.REVISED, Action.REVISE, "x" * 5000)

    quoted = decision.decision(shown).split("\n")[1]
    assert len(quoted) == len("> ") + decision.FEEDBACK_LIMIT
    assert quoted.endswith("…")


@pytest.mark.parametrize(
    ("state", "action", "sign"),
    [
        (CheckpointState.APPROVED, Action.CONTINUE, ":white_check_mark:"),
        (CheckpointState.SKIPPED, Action.SKIP, ":fast_forward:"),
    ],
)
def test_a_chosen_outcome_is_set_off_from_our_own_words(
    state: CheckpointState, action: Action, sign: str
) -> None:
    shown = decided(state, action, kind=CheckpointKind.GATE, outcome="approved <@UEVE>")

    assert decision.decision_line(shown) == f"{sign} “approved &lt;@UEVE&gt;” chosen by <@UBEN>"


def test_a_revision_at_a_gate_is_a_revision_whatever_outcome_came_with_it() -> None:
    shown = decided(
        CheckpointState.REVISED, Action.REVISE, kind=CheckpointKind.GATE, outcome="approved"
    )

    assert "chosen" not in decision.decision_line(shown)


@pytest.mark.parametrize(
    ("on_timeout", "chose"),
    [
        (OnTimeout.CONTINUE, True),
        (OnTimeout.SKIP, True),
        (OnTimeout.STOP, False),
        (OnTimeout.FAIL, False),
    ],
)
def test_a_deadline_chooses_an_outcome_only_if_the_run_goes_on(
    on_timeout: OnTimeout, chose: bool
) -> None:
    expired = decided(
        CheckpointState.EXPIRED, on_timeout, kind=CheckpointKind.GATE, outcome="approved"
    )

    line = decision.decision_line(expired)
    assert line.startswith(":hourglass: Nobody decided in time; the deadline ")
    assert ("chose “approved”" in line) is chose


@pytest.mark.parametrize("kind", CheckpointKind)
def test_a_checkpoint_cancelled_with_its_run_says_so_or_that_what_asked_has_ended(
    kind: CheckpointKind,
) -> None:
    cancelled = replace(a_checkpoint(state=CheckpointState.CANCELLED), kind=kind)

    line = decision.decision_line(cancelled)
    assert decision.decision(cancelled) == line
    assert ("the work that asked has ended" in line) is (kind in HELD)
    assert ("the run was cancelled" in line) is (kind not in HELD)


@pytest.mark.parametrize("kind", CheckpointKind)
def test_a_waiting_checkpoint_waits_for_a_decision(kind: CheckpointKind) -> None:
    waiting = replace(a_checkpoint(), kind=kind)

    assert decision.decision_line(waiting) == "Waiting for a decision"
