"""Every refusal of a use case has a message of its own, in Slack and for REST clients."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bot.api import refusals as api_refusals
from bot.slack.render import refusals as slack_refusals
from storage.errors import (
    AlreadyDecided,
    AmbiguousExecution,
    AmbiguousToken,
    BadForm,
    BadInputs,
    BlankEdit,
    Busy,
    Conflict,
    CountersignError,
    IncompatibleSchema,
    InputFault,
    InputProblem,
    KeyOfAnotherRequest,
    KeyUnderWay,
    LeaseLost,
    LeavingOutNotAllowed,
    LimitReached,
    MessageLeaseLost,
    NoLesson,
    NoRule,
    NotAllowed,
    NotDead,
    NothingChanged,
    NotOffered,
    OutcomeNeeded,
    OutdatedMessage,
    StaleExecution,
    TextNeeded,
    TooSoon,
    UnknownCheckpoint,
    UnknownCheckpointName,
    UnknownDelivery,
    UnknownExecution,
    UnknownLesson,
    UnknownRevision,
    UnknownTasks,
    UnknownToken,
    Unreachable,
    WrongState,
    WrongStructure,
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
    BadInputs(crew(), [InputProblem(InputFault.MISSING, "topic", "topic is missing")]),
    TextNeeded("words are missing"),
    BlankEdit("the text is blank"),
    NothingChanged(WAITING),
    WrongStructure(WAITING, "plan", "It is not JSON."),
    UnknownRevision(7, WAITING),
    BadForm(WAITING, {"budget": "Budget is missing."}),
    LimitReached("output_bytes", 2000, "plan"),
    NotOffered(WAITING, Action.SKIP, (Action.CONTINUE, Action.STOP)),
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
OF_REST = (UnknownDelivery("3b1f"), NotDead("3b1f", "queued"))
"""What only REST can meet."""

INTERNAL = {LeaseLost, MessageLeaseLost, TooSoon, IncompatibleSchema}
"""Raised only to workers, message delivery and a process that starts."""

ELSEWHERE = {UnknownToken, AmbiguousToken, KeyOfAnotherRequest, KeyUnderWay}
"""Of the command line, and of the middleware for idempotency keys."""


def subclasses(base: type[CountersignError] = CountersignError) -> Iterator[type[CountersignError]]:
    for kind in base.__subclasses__():
        if kind.__module__ == CountersignError.__module__:
            yield kind
            yield from subclasses(kind)


def test_this_file_covers_every_refusal() -> None:
    covered = {type(error) for error in (*REFUSED, *OF_REST)}
    assert covered == {*subclasses()} - INTERNAL - ELSEWHERE


@pytest.mark.parametrize("error", REFUSED, ids=lambda error: type(error).__name__)
def test_slack_has_a_message_for_it(error: CountersignError) -> None:
    assert slack_refusals.refusal(error) != slack_refusals.UNEXPECTED


@pytest.mark.parametrize("error", [*REFUSED, *OF_REST], ids=lambda error: type(error).__name__)
def test_rest_has_a_status_code_and_a_detail_for_it(error: CountersignError) -> None:
    assert 400 <= api_refusals.status_code(error) <= 503
    assert api_refusals.status_code(error) != 500
    assert api_refusals.detail(error)


def test_no_two_refusals_have_the_same_message_in_slack() -> None:
    messages = [slack_refusals.refusal(error) for error in REFUSED if not isinstance(error, Busy)]

    assert len({*messages}) == len(messages)


def test_an_unexpected_error_is_not_the_clients_fault() -> None:
    class Unforeseen(CountersignError):
        """An error that neither front end knows."""

    assert slack_refusals.refusal(Unforeseen()) == slack_refusals.UNEXPECTED
    assert api_refusals.status_code(Unforeseen()) == 500
