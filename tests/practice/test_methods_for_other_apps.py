"""Web API methods that Countersign does not call and other Bolt apps may."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from tests.support.workspace import ANA, BEN, BOT, GUS, OLGA, Workspace

CAMPAIGNS = "C00CAMPAIGN"
RANDOM = "C00RANDOM01"

ANSWERS: dict[str, tuple[Callable[[WebClient], Any], object]] = {
    "api.test": (lambda client: client.api_test(colour="blue")["args"], {"colour": "blue"}),
    "team.info": (lambda client: client.team_info()["team"]["name"], "Practice"),
    "bots.info": (lambda client: client.bots_info(bot="B00SIGN001")["bot"]["user_id"], BOT),
    "users.list": (
        lambda client: {
            user["id"] for page in client.users_list(limit=2) for user in page["members"]
        },
        {ANA, BEN, GUS, OLGA, BOT, "USLACKBOT"},
    ),
    "users.conversations": (
        lambda client: [c["name"] for c in client.users_conversations(user=OLGA)["channels"]],
        ["campaigns"],
    ),
    "users.lookupByEmail": (
        lambda client: client.users_lookupByEmail(email="BEN@practice.example")["user"]["id"],
        BEN,
    ),
    "conversations.join": (
        lambda client: client.conversations_join(channel=RANDOM)["channel"]["is_member"],
        True,
    ),
}


@pytest.mark.parametrize("method", ANSWERS)
def test_a_method_answers_as_slack_does(client: WebClient, method: str) -> None:
    call, expected = ANSWERS[method]
    assert call(client) == expected


def test_a_reaction_is_counted_once_for_each_app(client: WebClient) -> None:
    ts = client.chat_postMessage(channel=CAMPAIGNS, text="Done")["ts"]
    client.reactions_add(channel=CAMPAIGNS, timestamp=ts, name="tada")
    with pytest.raises(SlackApiError, match="already_reacted"):
        client.reactions_add(channel=CAMPAIGNS, timestamp=ts, name="tada")

    [message] = client.conversations_history(channel=CAMPAIGNS)["messages"]
    assert message["reactions"] == [{"name": "tada", "users": [BOT], "count": 1}]


def test_a_permalink_leads_to_the_message_and_its_thread(
    workspace: Workspace, client: WebClient
) -> None:
    root = client.chat_postMessage(channel=CAMPAIGNS, text="root")["ts"]
    reply = client.chat_postMessage(channel=CAMPAIGNS, text="reply", thread_ts=root)["ts"]

    link = client.chat_getPermalink(channel=CAMPAIGNS, message_ts=reply)["permalink"]
    assert link == f"{workspace.url}/#c={CAMPAIGNS}&t={root}&m={reply}"
    with pytest.raises(SlackApiError, match="message_not_found"):
        client.chat_getPermalink(channel=CAMPAIGNS, message_ts="1.0")
