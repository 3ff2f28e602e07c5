"""What becomes of a matter when Slack answers badly; `python -m tests.chaos.weather` has all of
its answers to all calls."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chaos.weather import answers, plots
from tests.chaos.weather.answers import Fault
from tests.chaos.weather.ground import ground
from tests.chaos.weather.house import House, house_on


@pytest.fixture(scope="module")
def opened() -> Iterator[House]:
    with ground("sqlite") as url, house_on(url) as house:
        yield house


@pytest.fixture
def house(opened: House) -> Iterator[House]:
    yield opened
    opened.tidy_up()


def refusal(error: str, times: int | None = 1) -> Fault:
    return Fault(error, "error", times, error=error)


def test_a_file_that_cannot_go_up_holds_up_neither_checkpoints_nor_the_result(
    house: House,
) -> None:
    plots.upload("files.getUploadURLExternal")(house, refusal("missing_scope", None))


def test_an_unknown_refusal_after_many_requests_to_slow_down_is_not_the_last_try(
    house: House,
) -> None:
    execution = house.begin()
    campaigns = execution.channel
    house.strike("chat.postMessage", "ratelimited", times=6, channel=campaigns)
    house.strike("chat.postMessage", "error", error="accesslimited", channel=campaigns)
    house.work()
    house.until(lambda: house.armed_now(execution), "the checkpoint's buttons")

    assert not house.told_of(execution)


def test_a_copy_that_may_not_be_deleted_does_not_keep_the_message_from_its_buttons(
    house: House,
) -> None:
    assert plots.delete(house, refusal("cant_delete_message", None)) == answers.RETRIED


def test_a_copy_that_appears_while_slack_cannot_be_searched_is_removed_when_it_can(
    house: House,
) -> None:
    execution = house.begin()
    house.strike("chat.postMessage", "lost_request")
    house.work()
    house.until(lambda: house.about(execution), "the message")
    house.strike("conversations.replies", "http_500", times=3)
    (message,) = house.about(execution)
    plots.copy_message(house, message)
    house.until(lambda: house.armed_now(execution), "the checkpoint's buttons")

    house.until(lambda: len(house.about(execution)) == 1, "the copy to go")


@pytest.mark.parametrize("kind", ["http_500", "ratelimited", "lost_request", "no_json"])
def test_whoever_comes_too_late_is_told_so_at_the_second_try_too(house: House, kind: str) -> None:
    fault = Fault(kind, kind)  # type: ignore[arg-type] # one of its words
    assert plots.answer_late(house, fault) == answers.ANSWERED


def test_somebody_whose_form_slack_puts_off_is_told_at_once_how_to_go_on(house: House) -> None:
    fault = Fault("429", "ratelimited", 3, retry_after=30)
    assert plots.form(house, fault) == answers.ANSWERED


def test_a_socket_is_asked_for_no_sooner_than_slack_allows(house: House) -> None:
    assert plots.connect(house, Fault("429", "ratelimited", 1, retry_after=2)) == answers.RETRIED
