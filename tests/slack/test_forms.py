"""A form opens, or the person is told how to go on without it."""

from __future__ import annotations

import pytest
from slack_sdk import WebClient
from slack_sdk.models.views import View

from bot.slack.actions.forms import open_form
from bot.slack.render.answers import Answer
from tests.slack.test_slack_errors import refusal

FORM = View(type="modal", title="Revise")
OTHERWISE = Answer("Reply in the thread instead.")


class Slack(WebClient):
    """Answers one call, or fails at it."""

    def __init__(self, fault: Exception | None = None) -> None:
        super().__init__()
        self.opened: list[tuple[object, object]] = []
        self._fault = fault

    def views_open(self, **asked: object) -> None:  # type: ignore[override]  # nothing is read
        if self._fault is not None:
            raise self._fault
        self.opened.append((asked["trigger_id"], asked["view"]))


def test_a_form_is_opened_with_the_trigger_of_the_click() -> None:
    slack = Slack()

    assert open_form(slack, FORM, trigger_id="t1", fallback=OTHERWISE) is None
    assert slack.opened == [("t1", FORM)]


@pytest.mark.parametrize(
    ("fault", "logged"),
    [
        (refusal("expired_trigger_id"), "expired_trigger_id"),
        (TimeoutError("too slow"), "TimeoutError"),
    ],
)
def test_a_form_that_slack_does_not_open_is_answered_and_logged_without_raising(
    fault: Exception, logged: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = open_form(Slack(fault), FORM, trigger_id="t1", fallback=OTHERWISE)

    assert answer is OTHERWISE
    assert vars(caplog.records[0])["error"] == logged


def test_an_error_of_ours_is_not_taken_for_one_of_slacks() -> None:
    with pytest.raises(KeyError):
        open_form(Slack(KeyError("view")), FORM, trigger_id="t1", fallback=OTHERWISE)
