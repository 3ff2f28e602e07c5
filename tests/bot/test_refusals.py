"""Whatever a use case refuses is said in words of its own, in Slack and to clients of REST."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bot.api import refusals as api_words
from bot.slack.render import refusals as slack_words
from storage.errors import (
    AlreadyDecided,
    AmbiguousExecution,
    Busy,
    Conflict,
    CountersignError,
    IncompatibleSchema,
    LeaseLost,
    LeavingOutNotAllowed,
    LimitReached,
    MessageLeaseLost,
    NoLesson,
    NoRule,
    NotAllowed,
    NotOffered,
    OutcomeNeeded,
    OutdatedMessage,
    StaleExecution,
    TextNeeded,
    TooSoon,
    UnknownCheckpoint,
    UnknownCheckpointName,
    UnknownExecution,
    UnknownLesson,
    UnknownTasks,
    Unreachable,
    WrongState,
)
from storage.policy import Refusal
from storage.records import Action
from storage.states import CheckpointState, ExecutionState
from tests.slack.test_render import a_checkpoint, an_execution
from tests.support.factories import crew, rule

WAITING = a_checkpoint()
DECIDED = a_checkpoint(state=CheckpointState.APPROVED)
RUN = an_execution(ExecutionState.WAITING_FEEDBACK)

REFUSED = (
    UnknownExecution("1a2b"),
    AmbiguousExecution("1"),
    UnknownCheckpoint("9f8e"),
    AlreadyDecided(DECIDED),
    OutdatedMessage(WAITING),
    NotAllowed(Refusal.GUEST, RUN, rule()),
    LeavingOutNotAllowed("after_planning", Refusal.NOT_AN_APPROVER, rule()),
    UnknownCheckpointName("after_lunch", crew()),
    TextNeeded("words are missing"),
    NotOffered(WAITING, Action.SKIP),
    UnknownTasks(("lunch",), WAITING),
    NoRule("plan"),
    OutcomeNeeded(WAITING, None),
    LimitReached("revisions", 2, "plan"),
    LimitReached("at_once", 2, "plan"),
    LimitReached("per_person", 2, "plan"),
    LimitReached("starts_per_hour", 2, "plan"),
    UnknownLesson("5e6f"),
    NoLesson(WAITING),
    WrongState(RUN, "retry"),
    Busy("locked"),
    Conflict("another writer was faster"),
    Unreachable("the database does not answer"),
    StaleExecution("1a2b"),
)
TOLD_TO_NO_PERSON = {LeaseLost, MessageLeaseLost, TooSoon, IncompatibleSchema}
"""Only workers, deliverers and a process that starts meet these."""


def every_kind(of: type[CountersignError] = CountersignError) -> Iterator[type[CountersignError]]:
    for kind in of.__subclasses__():
        if kind.__module__ == CountersignError.__module__:
            yield kind
            yield from every_kind(kind)


def test_every_refusal_is_among_those_looked_at_here() -> None:
    assert {type(error) for error in REFUSED} == {*every_kind()} - TOLD_TO_NO_PERSON


@pytest.mark.parametrize("error", REFUSED, ids=lambda error: type(error).__name__)
def test_slack_has_words_for_it(error: CountersignError) -> None:
    assert slack_words.refusal(error) != slack_words.UNEXPECTED


@pytest.mark.parametrize("error", REFUSED, ids=lambda error: type(error).__name__)
def test_a_client_is_given_a_status_and_words_for_it(error: CountersignError) -> None:
    assert 400 <= api_words.status_code(error) <= 503
    assert api_words.status_code(error) != 500
    assert api_words.detail(error)


def test_no_two_kinds_of_refusal_are_said_in_the_same_words() -> None:
    said = [slack_words.refusal(error) for error in REFUSED if not isinstance(error, Busy)]

    assert len({*said}) == len(said)


def test_what_nobody_foresaw_is_not_called_the_clients_fault() -> None:
    class Unforeseen(CountersignError):
        """Not one of the tree: it goes with this test."""

    assert slack_words.refusal(Unforeseen()) == slack_words.UNEXPECTED
    assert api_words.status_code(Unforeseen()) == 500
