"""A real Bolt app over Socket Mode: commands, clicks, modals and events."""

from __future__ import annotations

from slack_bolt import Ack, App, Respond
from slack_sdk import WebClient

from tests.practice.samples import Body, modal, question
from tests.support.workspace import ANA, BEN, Workspace


def test_a_command_becomes_a_thread_whose_buttons_are_clicked_and_taken_away(
    workspace: Workspace, connected: App
) -> None:
    @connected.command("/crew")
    def start(ack: Ack, body: Body, client: WebClient) -> None:
        ack()
        root = client.chat_postMessage(channel=body["channel_id"], text=f"Asked: {body['text']}")
        client.chat_postMessage(
            channel=body["channel_id"], thread_ts=root["ts"], text="Go on?", blocks=question()
        )

    @connected.action("continue")
    def decided(ack: Ack, body: Body, client: WebClient) -> None:
        ack()
        client.chat_update(
            channel=body["channel"]["id"],
            ts=body["message"]["ts"],
            text=f"Continued by <@{body['user']['id']}>",
            blocks=[],
        )

    assert workspace.command("plan a summer campaign").ok
    checkpoint = workspace.wait_for(lambda: workspace.message_with("Continue"))
    assert workspace.click("Continue", by=BEN).ok

    workspace.wait_for(lambda: not workspace.live_buttons(checkpoint))
    root, decided_message = workspace.thread(checkpoint)
    assert root.text == "Asked: plan a summer campaign"
    assert decided_message.text == f"Continued by <@{BEN}>"
    assert decided_message.edited
    assert decided_message.ts == checkpoint.ts


def test_a_click_opens_a_modal_that_is_rejected_then_submitted(
    workspace: Workspace, connected: App, client: WebClient
) -> None:
    submitted: list[str] = []

    @connected.action("revise")
    def revise(ack: Ack, body: Body, client: WebClient) -> None:
        client.views_open(trigger_id=body["trigger_id"], view=modal(notify_on_close=True))
        ack()

    @connected.view("revise")
    def sent(ack: Ack, view: Body) -> None:
        text = view["state"]["values"]["words"]["text"]["value"]
        if text == "shorter":
            ack(response_action="errors", errors={"words": "Say how much shorter"})
            return
        submitted.append(text)
        ack()

    client.chat_postMessage(channel="C00CAMPAIGN", text="Go on?", blocks=question())
    assert workspace.click("Revise", by=ANA).ok
    assert workspace.submit({"text": ""}).errors == {
        "words": "Please complete this required field."
    }
    assert workspace.submit({"text": "shorter"}).errors == {"words": "Say how much shorter"}
    assert workspace.has_view(ANA)
    assert workspace.submit({"What should change?": "half as long"}).ok

    assert submitted == ["half as long"]
    assert not workspace.has_view(ANA)


def test_closing_a_modal_notifies_an_app_that_asked_for_it(
    workspace: Workspace, connected: App, client: WebClient
) -> None:
    closed: list[bool] = []

    @connected.action("revise")
    def revise(ack: Ack, body: Body, client: WebClient) -> None:
        client.views_open(trigger_id=body["trigger_id"], view=modal(notify_on_close=True))
        ack()

    @connected.view_closed("revise")
    def gone(ack: Ack, body: Body) -> None:
        ack()
        closed.append(body["is_cleared"])

    client.chat_postMessage(channel="C00CAMPAIGN", text="Go on?", blocks=question())
    workspace.click("Revise", by=ANA)
    workspace.close_view(ANA)

    workspace.wait_for(lambda: closed == [False])
    assert not workspace.has_view(ANA)


def test_a_reply_in_the_thread_reaches_the_app_as_an_event(
    workspace: Workspace, connected: App, client: WebClient
) -> None:
    heard: list[Body] = []

    @connected.event("message")
    def listen(event: Body) -> None:
        heard.append(event)

    client.chat_postMessage(channel="C00CAMPAIGN", text="The plan")
    root = workspace.threads()[0]
    workspace.mention("make it <shorter> & see https://example.com/a", by=BEN, thread=root)

    workspace.wait_for(lambda: heard, what="the event")
    said = heard[0]
    assert said["thread_ts"] == root.ts
    assert said["user"] == BEN
    assert said["channel_type"] == "channel"
    assert said["text"] == (
        "<@U00SIGN001> make it &lt;shorter&gt; &amp; see <https://example.com/a>"
    )


def test_an_answer_to_a_click_is_shown_to_the_clicker_alone(
    workspace: Workspace, connected: App, client: WebClient
) -> None:
    @connected.action("continue")
    def late(ack: Ack, respond: Respond) -> None:
        ack()
        respond(text="already decided", replace_original=False)

    client.chat_postMessage(channel="C00CAMPAIGN", text="Go on?", blocks=question())
    workspace.click("Continue", by=BEN)

    workspace.wait_for(lambda: workspace.ephemeral(BEN) == "already decided")
    assert workspace.ephemerals(ANA) == []
    assert len(workspace.messages()) == 1


def test_a_command_without_a_connected_app_gives_the_person_a_notice(workspace: Workspace) -> None:
    answer = workspace.command("plan anything")

    assert not answer.ok
    assert (
        answer.notice == "/crew failed because the app did not respond. Try it again in a moment."
    )
    assert workspace.notices(ANA) == [answer.notice]
