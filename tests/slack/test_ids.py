"""What travels to Slack comes back as it was, and anything else is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.slack.ids import (
    OUTCOMES,
    ActionId,
    ChosenOutcome,
    FormView,
    IdError,
    OfferedReply,
    StartView,
    message_key,
    short,
)
from storage.messages import OutboxKind, OutboxRow, OutboxState
from tests.support.factories import NOON

CHECKPOINT = "9f8e7d6c-0000-4000-8000-000000000000"
ROW = OutboxRow(
    key="root:1a2b",
    seq=1,
    kind=OutboxKind.ROOT,
    execution_id="1a2b",
    checkpoint_id=None,
    payload={},
    state=OutboxState.POSTED,
    channel="C1",
    thread_ts=None,
    ts="1.0",
    generation=0,
    version=1,
    shown_version=1,
    attempts=1,
    created_at=NOON,
    sent_at=NOON,
    lease_owner=None,
)


@pytest.mark.parametrize("thread_ts", ["1.000100", None])
def test_a_form_comes_back_to_where_it_was_opened(thread_ts: str | None) -> None:
    view = FormView(CHECKPOINT, "C1", thread_ts)

    assert FormView.decode(view.encode()) == view


@pytest.mark.parametrize(
    "encoded",
    [
        "",
        "{",
        "null",
        "{}",
        '["a", "b"]',
        '["a", "b", "c", "d"]',
        '["a", "b", 5]',
        '["a", null, "c"]',
        '[5, "b", "c"]',
    ],
)
def test_private_metadata_that_is_not_ours_is_refused(encoded: str) -> None:
    with pytest.raises(IdError):
        FormView.decode(encoded)


@pytest.mark.parametrize("number", [0, 7, 123_456])
def test_an_outcome_comes_back_from_its_button_and_from_a_menu(number: int) -> None:
    chosen = ChosenOutcome(CHECKPOINT, number)

    by_button = ChosenOutcome.of_click(action_id=chosen.action_id, value=CHECKPOINT)
    by_menu = ChosenOutcome.of_click(action_id=ActionId.OUTCOME, value=chosen.encode())

    assert by_button == by_menu == chosen


@pytest.mark.parametrize("number", ["", "-1", "1.5", "one", "1234567", "²", "٣"])
def test_a_number_that_no_outcome_has_is_refused(number: str) -> None:
    with pytest.raises(IdError):
        ChosenOutcome.decode(f"{CHECKPOINT} {number}")
    with pytest.raises(IdError):
        ChosenOutcome.of_click(action_id=f"{ActionId.OUTCOME}_{number}", value=CHECKPOINT)


@pytest.mark.parametrize(
    ("action_id", "is_one"),
    [
        ("checkpoint_outcome", True),
        ("checkpoint_outcome_0", True),
        ("checkpoint_outcome_12", True),
        ("checkpoint_outcome_words", False),
        ("checkpoint_outcome_", False),
        ("checkpoint_outcome_1\n", False),
        ("my_checkpoint_outcome", False),
    ],
)
def test_the_listener_of_outcomes_takes_their_buttons_and_no_other(
    action_id: str, is_one: bool
) -> None:
    assert (OUTCOMES.match(action_id) is not None) is is_one


def test_an_offered_reply_is_found_again_by_its_place_in_slack() -> None:
    offered = OfferedReply(CHECKPOINT, "1.000100", "2.000200")

    assert OfferedReply.decode(offered.encode()) == offered


@pytest.mark.parametrize("encoded", ["", "a", "a b", "a b c d"])
def test_another_value_is_no_offered_reply(encoded: str) -> None:
    with pytest.raises(IdError):
        OfferedReply.decode(encoded)


def test_a_message_that_is_posted_anew_has_another_key_than_the_deleted_one() -> None:
    assert message_key(ROW) != message_key(replace(ROW, generation=1))


def test_people_type_the_first_eight_characters_of_an_id() -> None:
    assert short(CHECKPOINT) == "9f8e7d6c"


@pytest.mark.parametrize("checkpoints", [None, (), ("a", "b")])
def test_the_form_for_inputs_comes_back_with_what_was_typed(
    checkpoints: tuple[str, ...] | None,
) -> None:
    view = StartView("launch", "C1", "German", checkpoints)

    assert StartView.decode(view.encode()) == view


@pytest.mark.parametrize(
    "encoded",
    ["", "{", "null", "[]", '["a", "b", "c"]', '["a", "b", "c", "d"]', '["a","b","c",[1]]'],
)
def test_a_form_for_inputs_that_is_not_ours_is_refused(encoded: str) -> None:
    with pytest.raises(IdError):
        StartView.decode(encoded)
