"""Messages appear without buttons, are changed in their place, and are found again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from slack_sdk import WebClient

from bot.slack.outbound.posting import Posting
from bot.slack.outbound.reconciliation import find_file, find_messages
from bot.slack.render.buttons import button
from bot.slack.render.files import Upload
from bot.slack.render.message import Rendered, section
from storage.messages import OutboxRow
from tests.slack.test_ids import ROW
from tests.support.workspace import Workspace

CHANNEL = "C00CAMPAIGN"
STOP = button("checkpoint_stop", "Stop", "9f8e")
MESSAGE = Rendered("A plan waits", (section("*A plan*"),), "A plan", (STOP,))


@pytest.fixture(scope="module")
def client() -> Iterator[WebClient]:
    """The bot's, of a workspace of this module's own."""
    with Workspace() as workspace:
        address = workspace.env()["SLACK_API_URL"]
        yield WebClient(token="xoxb-practice", base_url=address, retry_handlers=[])


@pytest.fixture
def posting(client: WebClient) -> Posting:
    return Posting(client)


def a_row(key: str, **changes: object) -> OutboxRow:
    now = datetime.now(UTC)
    row = replace(ROW, key=key, channel=CHANNEL, created_at=now, sent_at=now, ts=None)
    return replace(row, **changes)  # type: ignore[arg-type]  # by name


def kinds(client: WebClient, ts: str) -> list[str]:
    """Of the blocks of a message as it stands."""
    page = client.conversations_history(channel=CHANNEL, oldest=ts, latest=ts, inclusive=True)
    (message,) = page["messages"]
    return [block["type"] for block in message["blocks"]]


def test_a_message_is_posted_without_buttons_and_an_update_adds_them(
    client: WebClient, posting: Posting
) -> None:
    row = a_row("buttons")
    posted = posting.post(row, MESSAGE)
    assert kinds(client, posted.ts) == ["section"]

    posting.update(replace(row, ts=posted.ts), MESSAGE)

    assert kinds(client, posted.ts) == ["section", "actions"]


def test_a_message_is_found_by_its_key_in_its_channel_and_in_its_thread(
    client: WebClient, posting: Posting
) -> None:
    root = posting.post(a_row("root"), MESSAGE)
    reply = a_row("reply", thread_ts=root.ts)
    twice = [posting.post(reply, MESSAGE).ts for _ in range(2)]

    assert find_messages(client, a_row("root")) == [root.ts]
    assert find_messages(client, reply) == twice
    assert find_messages(client, replace(reply, generation=1)) == []
    assert find_messages(client, a_row("nobody posted this")) == []


def test_a_message_from_long_before_it_was_sent_is_not_looked_for(
    client: WebClient, posting: Posting
) -> None:
    row = a_row("old")
    posting.post(row, MESSAGE)

    in_two_days = datetime.now(UTC) + timedelta(days=2)

    assert find_messages(client, replace(row, sent_at=in_two_days)) == []
    assert len(find_messages(client, replace(row, sent_at=None))) == 1


def test_a_message_that_was_deleted_is_found_no_more(client: WebClient, posting: Posting) -> None:
    row = a_row("deleted")
    posted = posting.post(row, MESSAGE)

    posting.delete(channel=CHANNEL, ts=posted.ts)

    assert find_messages(client, row) == []


def test_a_file_is_found_by_its_name_in_its_thread(client: WebClient, posting: Posting) -> None:
    root = posting.post(a_row("with a file"), MESSAGE)
    row = a_row("file", thread_ts=root.ts)

    file = posting.upload(row, Upload("plan.md", "The plan", b"# A plan"))

    assert find_file(client, row, "plan.md") == file
    assert find_file(client, row, "other.md") is None
