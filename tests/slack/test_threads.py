"""A reply is looked up where it was written, and taken only from its author."""

from __future__ import annotations

import pytest
from slack_sdk import WebClient

from bot.slack.inbound.parse import Person
from bot.slack.people.threads import find_reply

ANA = Person("UANA")
THREAD: list[dict[str, str | None]] = [
    {"ts": "1.0", "user": "UBOT", "text": "Checkpoint"},
    {"ts": "2.0", "user": "UANA", "text": "<@UBOT> shorter &amp; louder"},
    {"ts": "3.0", "user": "UBEN", "text": None},
]


class Slack(WebClient):
    """Holds one thread."""

    def conversations_replies(  # type: ignore[override]  # a page and nothing else of a response
        self, *, channel: str, ts: str, oldest: str, latest: str, **_more: object
    ) -> dict[str, object]:
        assert (channel, ts) == ("C1", "1.0")
        page = [each for each in THREAD if oldest <= str(each["ts"]) <= latest]
        return {"messages": [THREAD[0], *page]}


def reply(ts: str, by: Person) -> str | None:
    written = find_reply(Slack(), channel="C1", thread_ts="1.0", ts=ts, by=by)
    return None if written is None else written.mrkdwn


def test_a_reply_is_its_words_as_they_stand_now() -> None:
    assert reply("2.0", ANA) == "<@UBOT> shorter &amp; louder"


@pytest.mark.parametrize(("ts", "by"), [("2.0", Person("UBEN")), ("2.5", ANA)])
def test_a_reply_of_somebody_else_or_one_that_was_deleted_is_none(ts: str, by: Person) -> None:
    assert reply(ts, by) is None


def test_a_reply_without_words_is_empty() -> None:
    assert reply("3.0", Person("UBEN")) == ""
