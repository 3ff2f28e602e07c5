"""What a deadline will do and did is said as it is, for each kind of checkpoint."""

from __future__ import annotations

import itertools

import pytest

from bot.slack.render import deadlines
from storage.definitions import OnTimeout
from storage.records import TIMEOUT, CheckpointKind, Feedback
from tests.support.factories import NOON

ALL = list(itertools.product(CheckpointKind, OnTimeout))


def did(kind: CheckpointKind, on_timeout: OnTimeout) -> str:
    return deadlines.timeout_result(kind, Feedback(on_timeout, "", TIMEOUT, NOON))


@pytest.mark.parametrize(("kind", "on_timeout"), ALL)
def test_every_deadline_is_foretold_and_told_in_different_words(
    kind: CheckpointKind, on_timeout: OnTimeout
) -> None:
    will, done = deadlines.timeout_effect(kind, on_timeout), did(kind, on_timeout)

    assert will
    assert done.startswith("; the deadline ")
    assert will not in done


@pytest.mark.parametrize("kind", CheckpointKind)
def test_a_deadline_that_stops_or_fails_the_run_does_so_whatever_waits(
    kind: CheckpointKind,
) -> None:
    for on_timeout, word in ((OnTimeout.STOP, "stop"), (OnTimeout.FAIL, "retried")):
        assert word in deadlines.timeout_effect(kind, on_timeout)
        assert word in did(kind, on_timeout)


@pytest.mark.parametrize("kind", [CheckpointKind.PHASE, CheckpointKind.GATE])
def test_approval_is_spoken_of_where_there_is_something_to_approve(kind: CheckpointKind) -> None:
    assert "as if approved" in deadlines.timeout_effect(kind, OnTimeout.CONTINUE)
    assert "as if approved" in did(kind, OnTimeout.CONTINUE)
    assert "without approval" in deadlines.timeout_effect(kind, OnTimeout.SKIP)
    assert "without approval" in did(kind, OnTimeout.SKIP)


@pytest.mark.parametrize(
    ("kind", "on_timeout", "word"),
    [
        (CheckpointKind.TOOL, OnTimeout.CONTINUE, "called"),
        (CheckpointKind.TOOL, OnTimeout.SKIP, "not called"),
        (CheckpointKind.QUESTION, OnTimeout.CONTINUE, "without an answer"),
        (CheckpointKind.QUESTION, OnTimeout.SKIP, "without an answer"),
        (CheckpointKind.BUDGET, OnTimeout.CONTINUE, "budget"),
        (CheckpointKind.BUDGET, OnTimeout.SKIP, "budget"),
    ],
)
def test_what_arises_inside_a_crew_says_what_becomes_of_it(
    kind: CheckpointKind, on_timeout: OnTimeout, word: str
) -> None:
    for words in (deadlines.timeout_effect(kind, on_timeout), did(kind, on_timeout)):
        assert word in words
        assert "approv" not in words


@pytest.mark.parametrize("kind", CheckpointKind)
def test_questions_are_answered_and_all_else_is_decided(kind: CheckpointKind) -> None:
    verb = "answer" if kind is CheckpointKind.QUESTION else "decide"

    assert deadlines.response_words(kind).verb == verb
    assert deadlines.response_words(kind).past.startswith(verb)
