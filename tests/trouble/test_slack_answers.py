"""The effect of errors from Slack; `python -m tests.trouble --kind slack` covers all its answers
to all calls."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.trouble.db import new_database
from tests.trouble.slack import answers, stories
from tests.trouble.slack.answers import Fault
from tests.trouble.slack.stage import HurriedStage, hurried_stage


@pytest.fixture(scope="module")
def module_stage() -> Iterator[HurriedStage]:
    with new_database("sqlite") as url, hurried_stage(url) as stage:
        yield stage


@pytest.fixture
def stage(module_stage: HurriedStage) -> Iterator[HurriedStage]:
    yield module_stage
    module_stage.tidy_up()


def refusal(error: str, times: int | None = 1) -> Fault:
    return Fault("error", times, error=error)


def test_a_file_that_cannot_be_uploaded_delays_neither_checkpoints_nor_the_result(
    stage: HurriedStage,
) -> None:
    stories.upload("files.getUploadURLExternal")(stage, refusal("missing_scope", None))


def test_an_unknown_refusal_after_many_requests_to_slow_down_is_not_the_last_try(
    stage: HurriedStage,
) -> None:
    execution = stage.begin()
    campaigns = execution.channel
    stage.strike("chat.postMessage", Fault("ratelimited", 6), channel=campaigns)
    stage.strike("chat.postMessage", refusal("accesslimited"), channel=campaigns)
    stage.work()
    stage.until(lambda: stage.armed_now(execution), "the checkpoint's buttons")

    assert not stage.reported_missing(execution)


def test_the_message_gets_its_buttons_although_its_copy_may_not_be_deleted(
    stage: HurriedStage,
) -> None:
    assert stories.delete(stage, refusal("cant_delete_message", None)) == answers.RETRIED


def test_a_copy_that_appears_while_slack_cannot_be_searched_is_removed_when_it_can(
    stage: HurriedStage,
) -> None:
    execution = stage.begin()
    stage.strike("chat.postMessage", Fault("lost_request"))
    stage.work()
    stage.until(lambda: stage.about(execution), "the message")
    stage.strike("conversations.replies", Fault("http_500", 3))
    (message,) = stage.about(execution)
    stories.copy_message(stage, message)
    stage.until(lambda: stage.armed_now(execution), "the checkpoint's buttons")

    stage.until(lambda: len(stage.about(execution)) == 1, "the copy to go")


@pytest.mark.parametrize("kind", ["http_500", "ratelimited", "lost_request", "no_json"])
def test_a_person_who_is_too_late_is_told_so_even_if_slack_fails_the_first_try(
    stage: HurriedStage, kind: str
) -> None:
    fault = Fault(kind)  # type: ignore[arg-type] # a valid kind
    assert stories.answer_late(stage, fault) == answers.ANSWERED


def test_a_person_whose_form_slack_delays_is_told_at_once_how_to_continue(
    stage: HurriedStage,
) -> None:
    fault = Fault("ratelimited", 3, retry_after=30)
    assert stories.form(stage, fault) == answers.ANSWERED


def test_a_new_socket_is_requested_no_sooner_than_slack_allows(stage: HurriedStage) -> None:
    assert stories.connect(stage, Fault("ratelimited", 1, retry_after=2)) == answers.RETRIED
