"""The Web API as slack_sdk sees it: results and errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from tests.practice.samples import button, question
from tests.support.workspace import ANA, BEN, BOT, GUS, OLGA, REVIEWERS, MessageSnapshot, Workspace

CAMPAIGNS, RANDOM = "C00CAMPAIGN", "C00RANDOM01"


def refused(act: Callable[[], object]) -> str:
    """The error code that the call fails with."""
    with pytest.raises(SlackApiError) as caught:
        act()
    return str(caught.value.response["error"])


def post(client: WebClient, **message: Any) -> str:
    return str(client.chat_postMessage(**({"channel": CAMPAIGNS, "text": "hi"} | message))["ts"])


def shown(workspace: Workspace, ts: str) -> MessageSnapshot:
    return next(m for m in workspace.messages() if m.ts == ts)


def test_tokens_are_required_and_must_be_of_the_right_type(
    workspace: Workspace, client: WebClient
) -> None:
    url = client.base_url
    assert client.auth_test()["user_id"] == BOT
    assert "chat:write" in client.auth_test().headers["x-oauth-scopes"]
    assert refused(WebClient(base_url=url).auth_test) == "not_authed"
    assert refused(WebClient(token="xoxb-other", base_url=url).auth_test) == "invalid_auth"
    wrong_kind = lambda: client.apps_connections_open(app_token="xoxb-practice")  # noqa: E731
    assert refused(wrong_kind) == "not_allowed_token_type"
    assert refused(lambda: client.api_call("chat.nothing")) == "unknown_method"


def test_a_missing_scope_is_named(workspace: Workspace, client: WebClient) -> None:
    workspace.scopes("chat:write", "channels:read")

    with pytest.raises(SlackApiError) as caught:
        client.usergroups_list()
    assert caught.value.response["error"] == "missing_scope"
    assert caught.value.response["needed"] == "usergroups:read"
    assert caught.value.response["provided"] == "chat:write,channels:read"
    assert refused(lambda: client.conversations_replies(channel=CAMPAIGNS, ts="1.0")) == (
        "missing_scope"
    )
    assert client.conversations_members(channel=CAMPAIGNS)["ok"]


def test_channels_where_the_bot_cannot_post_give_slacks_errors(
    workspace: Workspace, client: WebClient
) -> None:
    assert refused(lambda: post(client, channel="C0NOWHERE")) == "channel_not_found"
    assert refused(lambda: post(client, channel=RANDOM)) == "not_in_channel"
    workspace.archive("general")
    assert refused(lambda: post(client, channel="C00GENERAL1")) == "is_archived"
    workspace.kick("campaigns")
    assert refused(lambda: post(client)) == "not_in_channel"
    workspace.invite("random")
    assert post(client, channel="#random")


def test_empty_and_overlong_messages_are_rejected(client: WebClient) -> None:
    empty = {"channel": CAMPAIGNS, "text": " "}
    assert refused(lambda: client.api_call("chat.postMessage", json=empty)) == "no_text"
    assert refused(lambda: post(client, text="x" * 40_001)) == "msg_too_long"
    assert refused(lambda: post(client, thread_ts="1.000001")) == "thread_not_found"
    big = [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 2600}} for _ in range(6)]
    assert refused(lambda: post(client, blocks=big)) == "msg_blocks_too_long"


def test_invalid_blocks_are_rejected_with_a_pointer_to_each_problem(client: WebClient) -> None:
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}}]
    with pytest.raises(SlackApiError) as caught:
        post(client, blocks=blocks)
    assert caught.value.response["error"] == "invalid_blocks"
    assert caught.value.response["response_metadata"]["messages"] == [
        "[ERROR] must be less than 3001 characters [json-pointer:/blocks/0/text/text]"
    ]


def test_an_update_keeps_the_position_marks_the_edit_and_notifies_no_one(
    workspace: Workspace, client: WebClient
) -> None:
    ts = post(client, text=f"<@{ANA}> look", blocks=question())
    client.chat_update(channel=CAMPAIGNS, ts=ts, text=f"<@{BEN}> decided", blocks=[])

    message = shown(workspace, ts)
    assert message.text == f"<@{BEN}> decided"
    assert message.edited
    assert message.buttons == []
    assert workspace.notified(message) == {ANA}
    acts = [(v.act, bool(v.blocks)) for v in workspace.journal if v.ts == ts]
    assert acts == [("post", True), ("update", False)]


def test_only_the_bots_own_messages_can_be_changed_and_only_while_they_exist(
    workspace: Workspace, client: WebClient
) -> None:
    theirs = workspace.say("mine", by=ANA)

    def change(ts: str) -> str:
        return refused(lambda: client.chat_update(channel=CAMPAIGNS, ts=ts, text="x"))

    assert change(theirs.ts) == "cant_update_message"
    assert refused(lambda: client.chat_delete(channel=CAMPAIGNS, ts=theirs.ts)) == (
        "cant_delete_message"
    )
    own = post(client)
    client.chat_delete(channel=CAMPAIGNS, ts=own)
    assert change(own) == "message_not_found"
    assert [m.text for m in workspace.messages()] == ["mine"]


def test_a_deleted_root_leaves_a_tombstone_over_its_replies(
    workspace: Workspace, client: WebClient
) -> None:
    root = post(client, text="root", blocks=question())
    post(client, text="reply", thread_ts=root)
    client.chat_delete(channel=CAMPAIGNS, ts=root)

    thread = client.conversations_replies(channel=CAMPAIGNS, ts=root)["messages"]
    assert [m["text"] for m in thread] == ["This message was deleted.", "reply"]
    assert thread[0]["subtype"] == "tombstone"
    assert refused(lambda: client.chat_update(channel=CAMPAIGNS, ts=root, text="x")) == (
        "cant_update_message"
    )
    assert workspace.message_with("Continue") is None


def test_metadata_is_returned_only_on_request(client: WebClient) -> None:
    root = post(client)
    metadata = {"event_type": "checkpoint", "event_payload": {"key": "k1"}}
    post(client, thread_ts=root, metadata=metadata)

    plain = client.conversations_replies(channel=CAMPAIGNS, ts=root)["messages"]
    full = client.conversations_replies(channel=CAMPAIGNS, ts=root, include_all_metadata=True)
    assert "metadata" not in plain[1]
    assert full["messages"][1]["metadata"] == metadata
    bad = {"event_type": "checkpoint", "event_payload": "k1"}
    assert refused(lambda: post(client, metadata=bad)) == "invalid_metadata_format"


def test_a_thread_is_read_page_by_page_root_first(client: WebClient) -> None:
    root = post(client, text="root")
    for number in range(5):
        post(client, thread_ts=root, text=f"reply {number}")
    pages = [
        page["messages"]
        for page in client.conversations_replies(channel=CAMPAIGNS, ts=root, limit=4)
    ]

    assert [m["text"] for page in pages for m in page] == [
        "root",
        *(f"reply {number}" for number in range(5)),
    ]
    assert [len(page) for page in pages] == [4, 2]
    assert pages[0][0]["reply_count"] == 5
    assert pages[0][0]["thread_ts"] == root


def test_replies_stay_out_of_the_channel_unless_broadcast(
    workspace: Workspace, client: WebClient
) -> None:
    root = post(client, text="root")
    post(client, text="quiet", thread_ts=root)
    loud = post(client, text="loud", thread_ts=root, reply_broadcast=True)

    history = client.conversations_history(channel=CAMPAIGNS)["messages"]
    assert [m["text"] for m in history] == ["loud", "root"]
    assert history[0]["subtype"] == "thread_broadcast"
    assert [m.ts for m in workspace.messages()] == [root, loud]
    nested = post(client, text="nested", thread_ts=loud)
    assert workspace.thread(shown(workspace, root))[-1].ts == nested


def test_an_ephemeral_message_is_seen_by_its_user_alone_and_cannot_be_updated(
    workspace: Workspace, client: WebClient
) -> None:
    sent = client.chat_postEphemeral(channel=CAMPAIGNS, user=BEN, text="only you")

    assert workspace.ephemeral(BEN) == "only you"
    assert workspace.ephemerals(ANA) == []
    assert client.conversations_history(channel=CAMPAIGNS)["messages"] == []
    ts = sent["message_ts"]
    assert refused(lambda: client.chat_update(channel=CAMPAIGNS, ts=ts, text="x")) == (
        "message_not_found"
    )
    outsider = lambda: client.chat_postEphemeral(  # noqa: E731
        channel="C00GENERAL1", user=OLGA, text="x"
    )
    assert refused(outsider) == "user_not_in_channel"


def test_users_and_groups_have_the_fields_that_a_policy_needs(client: WebClient) -> None:
    assert client.users_info(user=GUS)["user"]["is_restricted"] is True
    assert client.users_info(user=ANA)["user"]["is_restricted"] is False
    assert client.users_info(user=OLGA)["user"]["team_id"] != client.auth_test()["team_id"]
    assert refused(lambda: client.users_info(user="U0NOBODY")) == "user_not_found"
    assert client.usergroups_users_list(usergroup=REVIEWERS)["users"] == [BEN]
    assert client.usergroups_list(include_users=True)["usergroups"][0]["handle"] == "reviewers"
    members = [
        user
        for page in client.conversations_members(channel=CAMPAIGNS, limit=2)
        for user in page["members"]
    ]
    assert sorted(members) == sorted([ANA, BEN, GUS, OLGA, BOT])
    assert client.users_lookupByEmail(email="ana@practice.example")["user"]["id"] == ANA


def test_channels_are_listed_by_type_and_direct_messages_can_be_opened(
    workspace: Workspace, client: WebClient
) -> None:
    public = client.conversations_list()["channels"]
    assert {c["name"]: c["is_member"] for c in public} == {
        "general": True,
        "campaigns": True,
        "random": False,
    }
    opened = client.conversations_open(users=ANA)["channel"]["id"]
    assert opened == workspace.dm(ANA)
    ts = post(client, channel=ANA, text="in private")
    direct = client.conversations_history(channel=opened)["messages"]
    assert [m["ts"] for m in direct] == [ts]


def test_a_file_is_uploaded_in_three_steps_and_shared_in_the_thread(
    workspace: Workspace, client: WebClient
) -> None:
    root = post(client, text="root")
    uploaded = client.files_upload_v2(
        channel=CAMPAIGNS,
        thread_ts=root,
        filename="plan.md",
        title="The plan",
        content="# Plan\nß & <all>",
        initial_comment="The whole plan",
    )

    reply = workspace.thread(shown(workspace, root))[1]
    assert reply.text == "The whole plan"
    assert workspace.file_text(reply) == "# Plan\nß & <all>"
    assert uploaded["file"]["title"] == "The plan"
    assert client.files_info(file=uploaded["file"]["id"])["file"]["size"] == 17
    listed = client.conversations_replies(channel=CAMPAIGNS, ts=root)["messages"][1]
    assert listed["subtype"] == "file_share"
    assert listed["files"][0]["name"] == "plan.md"


def test_a_file_for_a_channel_without_the_bot_is_rejected(client: WebClient) -> None:
    upload = lambda: client.files_upload_v2(  # noqa: E731
        channel=RANDOM, filename="plan.md", content="x"
    )
    assert refused(upload) == "not_in_channel"


def test_mentions_in_text_and_blocks_notify_but_plain_labels_do_not(
    workspace: Workspace, client: WebClient
) -> None:
    def called(**message: Any) -> set[str]:
        return workspace.notified(shown(workspace, post(client, **message)))

    def section(text: str, **extra: object) -> list[dict[str, Any]]:
        return [{"type": "section", "text": {"type": "mrkdwn", "text": text, **extra}}]

    everyone = {ANA, BEN, GUS, OLGA}
    assert called(text="<!channel> look") == everyone
    assert called(text=f"<!subteam^{REVIEWERS}> look") == {BEN}
    assert called(text="&lt;!channel&gt; look") == set()
    assert called(text="x", blocks=section(f"<@{GUS}|gus>")) == {GUS}
    assert called(text="x", blocks=section("@channel, all of you")) == everyone
    assert called(text="x", blocks=section("@channel, all of you", verbatim=True)) == set()
    assert called(text="@ben please") == set()
    assert called(text="@ben please", link_names=True) == {BEN}
    header = {"type": "header", "text": {"type": "plain_text", "text": "<!channel>"}}
    label = {"type": "actions", "elements": [button("<!here>", "a")]}
    markdown = {"type": "markdown", "text": "@channel is a word here"}
    assert called(text="x", blocks=[header, label, markdown]) == set()


def test_the_posting_rate_limit_applies_only_when_enabled(
    workspace: Workspace, client: WebClient
) -> None:
    for _ in range(6):
        post(client)
    workspace.slow_down(rate=0.5, burst=2)
    post(client)
    post(client)
    with pytest.raises(SlackApiError) as caught:
        post(client)
    assert caught.value.response.status_code == 429
    assert caught.value.response.headers["Retry-After"] == "2"
    assert post(client, channel="C00GENERAL1")
