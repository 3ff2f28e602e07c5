"""An answer to one person is sent once, tried again if that may help, and never raised."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from slack_bolt import Respond
from slack_sdk.webhook import WebhookResponse

from bot.slack.listeners import responses
from bot.slack.listeners.responses import Responder
from bot.slack.render.answers import Answer
from storage.backoff import Backoff

URL = "https://hooks.slack.com/actions/1"


def answer(status: int = 200, body: str = "ok", **headers: object) -> WebhookResponse:
    return WebhookResponse(url=URL, status_code=status, body=body, headers=headers)


class Address(Respond):
    """The address of an interaction, which answers with these in turn, the last one for ever."""

    def __init__(self, *answers: WebhookResponse | Exception) -> None:
        super().__init__(response_url=URL)
        self.sent: list[dict[str, object]] = []
        self._answers = list(answers)

    def __call__(self, **said: object) -> WebhookResponse:  # type: ignore[override]  # by name
        self.sent.append(said)
        given = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(given, Exception):
            raise given
        return given


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(responses, "BACKOFF", Backoff(first=0.0, longest=0.0))


@pytest.fixture
def answering() -> Iterator[Responder]:
    made = Responder()
    yield made
    made.close()


def sent(answering: Responder, address: Address, said: str | Answer | None = "Done.") -> int:
    """How often the answer went out until it was taken or given up."""
    answering.reply_privately(address, said)
    answering._executor.shutdown(wait=True)
    return len(address.sent)


def test_an_answer_is_private_and_links_to_nothing(answering: Responder) -> None:
    address = Address(answer())

    assert sent(answering, address) == 1

    assert address.sent[0]["text"] == "Done."
    assert address.sent[0]["response_type"] == "ephemeral"
    assert address.sent[0]["blocks"] is None
    assert address.sent[0]["unfurl_links"] is address.sent[0]["unfurl_media"] is False


def test_without_an_answer_nothing_is_sent(answering: Responder) -> None:
    assert sent(answering, Address(answer()), None) == 0


@pytest.mark.parametrize(
    "first",
    [
        answer(500, "later"),
        answer(429, "slow down", **{"Retry-After": "0"}),
        answer(200, "<html>a proxy's page</html>"),
        TimeoutError("no answer"),
    ],
)
def test_what_may_pass_is_tried_again(
    first: WebhookResponse | Exception, answering: Responder, caplog: pytest.LogCaptureFixture
) -> None:
    assert sent(answering, Address(first, answer())) == 2
    assert caplog.records == []


@pytest.mark.parametrize(
    ("refused", "times", "logged"),
    [
        (answer(404, "expired_url"), 1, "status_404"),
        (answer(500, "later"), 3, "status_500"),
        (ConnectionResetError(), 3, "ConnectionResetError"),
    ],
)
def test_an_answer_that_is_not_taken_is_logged_and_lost(
    refused: WebhookResponse | Exception,
    times: int,
    logged: str,
    answering: Responder,
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert sent(answering, Address(refused)) == times
    assert [vars(record)["error"] for record in caplog.records] == [logged]


def test_a_bot_that_ends_does_not_wait_for_what_slack_puts_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(responses, "BACKOFF", Backoff(first=600.0, longest=600.0))
    answering, address = Responder(), Address(answer(500, "later"))
    answering.reply_privately(address, "Done.")

    answering.close()

    assert len(address.sent) == 2  # the last try follows at once
