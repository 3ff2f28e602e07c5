"""Modals, trigger ids, response URLs and the App Home."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from slack_bolt import Ack, App, Respond
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.webhook import WebhookClient

from tests.practice.samples import Body, button, modal, plain, question, words_input
from tests.support import bolt
from tests.support.workspace import ANA, BEN, Workspace

CAMPAIGNS = "C00CAMPAIGN"


class Clock:
    """A clock that tests advance."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def workspace(clock: Clock) -> Iterator[Workspace]:
    with Workspace(clock=clock) as opened:
        yield opened


@pytest.fixture
def clicked(
    workspace: Workspace, app: App, client: WebClient
) -> Iterator[tuple[list[Body], WebClient]]:
    """An app that acknowledges and records every click, and a message to click."""
    bodies: list[Body] = []

    @app.action("continue")
    def keep(ack: Ack, body: Body) -> None:
        bodies.append(body)
        ack()

    with bolt.connected(app, workspace):
        client.chat_postMessage(channel=CAMPAIGNS, text="Go on?", blocks=question())
        workspace.click("Continue", by=BEN)
        yield bodies, client


def error_of(caught: pytest.ExceptionInfo[SlackApiError]) -> str:
    return str(caught.value.response["error"])


def test_a_trigger_opens_one_view_within_three_seconds(
    workspace: Workspace, clicked: tuple[list[Body], WebClient], clock: Clock
) -> None:
    bodies, client = clicked
    trigger = bodies[0]["trigger_id"]
    client.views_open(trigger_id=trigger, view=modal())
    assert workspace.open_view(BEN).definition["callback_id"] == "revise"
    with pytest.raises(SlackApiError) as twice:
        client.views_open(trigger_id=trigger, view=modal())
    workspace.click("Continue", by=BEN)
    clock.now += 3.1
    with pytest.raises(SlackApiError) as late:
        client.views_open(trigger_id=bodies[1]["trigger_id"], view=modal())
    with pytest.raises(SlackApiError) as made_up:
        client.views_open(trigger_id="1.2.3", view=modal())
    with pytest.raises(SlackApiError) as bad:
        client.views_open(trigger_id="1.2.3", view=modal(title=plain("x" * 25)))

    assert error_of(twice) == "exchanged_trigger_id"
    assert error_of(late) == "expired_trigger_id"
    assert error_of(made_up) == "invalid_trigger_id"
    assert error_of(bad) == "invalid_arguments"
    assert bad.value.response["response_metadata"]["messages"] == [
        "[ERROR] must be less than 25 characters [json-pointer:/title/text]"
    ]


def test_a_view_is_updated_while_its_hash_is_current(
    workspace: Workspace, clicked: tuple[list[Body], WebClient]
) -> None:
    bodies, client = clicked
    view = client.views_open(trigger_id=bodies[0]["trigger_id"], view=modal())["view"]
    changed = modal(title=plain("Changed"))
    client.views_update(view_id=view["id"], hash=view["hash"], view=changed)
    with pytest.raises(SlackApiError) as stale:
        client.views_update(view_id=view["id"], hash=view["hash"], view=modal())
    with pytest.raises(SlackApiError) as unknown:
        client.views_update(view_id="V0NONE", view=modal())

    assert workspace.open_view(BEN).definition["title"]["text"] == "Changed"
    assert error_of(stale) == "hash_conflict"
    assert error_of(unknown) == "not_found"


def test_a_submission_may_update_push_and_clear_the_stack(
    workspace: Workspace, app: App, clicked: tuple[list[Body], WebClient]
) -> None:
    bodies, client = clicked
    steps: Iterator[Body] = iter(
        [
            {"response_action": "update", "view": modal(title=plain("Second"))},
            {"response_action": "push", "view": modal(title=plain("On top"))},
            {"response_action": "clear"},
        ]
    )

    @app.view("revise")
    def sent(ack: Ack) -> None:
        ack(**next(steps))

    client.views_open(trigger_id=bodies[0]["trigger_id"], view=modal())
    titles = []
    for _ in range(3):
        assert workspace.submit({"words": "more"}, by=BEN).ok
        titles.append(
            workspace.open_view(BEN).definition["title"]["text"]
            if workspace.has_view(BEN)
            else "nothing"
        )
    assert titles == ["Second", "On top", "nothing"]


def test_an_invalid_response_to_a_submission_leaves_the_modal_open_with_an_error(
    workspace: Workspace, app: App, clicked: tuple[list[Body], WebClient]
) -> None:
    bodies, client = clicked

    @app.view("revise")
    def sent(ack: Ack) -> None:
        ack(response_action="errors", errors={"no_such_block": "x"})

    client.views_open(trigger_id=bodies[0]["trigger_id"], view=modal())
    answer = workspace.submit({"words": "more"}, by=BEN)
    assert answer.notice == "We had some trouble connecting. Try again?"
    assert workspace.has_view(BEN)


def test_inputs_keep_their_initial_values_and_are_validated(
    workspace: Workspace, app: App, clicked: tuple[list[Body], WebClient]
) -> None:
    bodies, client = clicked
    states: list[Body] = []
    one = {"text": plain("One"), "value": "1"}
    two = {"text": plain("Two"), "value": "2"}
    view = modal(
        words_input(min_length=5, max_length=10, initial_value="as before"),
        {
            "type": "input",
            "block_id": "which",
            "label": plain("Which tasks"),
            "element": {
                "type": "checkboxes",
                "action_id": "tasks",
                "options": [one, two],
                "initial_options": [one, two],
            },
        },
        {"type": "actions", "block_id": "more", "elements": [button("More", "more")]},
    )

    @app.view("revise")
    def sent(ack: Ack, view: Body) -> None:
        ack()
        states.append(view["state"]["values"])

    client.views_open(trigger_id=bodies[0]["trigger_id"], view=view)
    assert "10 characters" in workspace.submit({"words": "x" * 11}, by=BEN).errors["words"]
    assert "at least 5" in workspace.submit({"words": "x"}, by=BEN).errors["words"]
    assert "required" in workspace.submit({"tasks": []}, by=BEN).errors["which"]
    assert workspace.submit({"Which tasks": ["2"]}, by=BEN).ok
    assert states[0]["words"]["text"] == {"type": "plain_text_input", "value": "as before"}
    assert [o["value"] for o in states[0]["which"]["tasks"]["selected_options"]] == ["2"]


def test_a_response_url_works_five_times_and_for_half_an_hour(
    workspace: Workspace, clicked: tuple[list[Body], WebClient], clock: Clock
) -> None:
    bodies, _ = clicked
    hook = WebhookClient(bodies[0]["response_url"])
    statuses = [hook.send(text=f"{n}", replace_original=False).status_code for n in range(6)]
    assert statuses == [200] * 5 + [404]
    assert [m.text for m in workspace.ephemerals(BEN)] == ["0", "1", "2", "3", "4"]

    workspace.click("Continue", by=BEN)
    clock.now += 30 * 60 + 1
    assert WebhookClient(bodies[1]["response_url"]).send(text="late").status_code == 404


def test_a_response_url_replaces_and_deletes_what_was_clicked(
    workspace: Workspace, clicked: tuple[list[Body], WebClient]
) -> None:
    bodies, _ = clicked
    hook = WebhookClient(bodies[0]["response_url"])
    hook.send(text="decided", replace_original=True)
    assert [(m.text, m.buttons, m.edited) for m in workspace.messages()] == [("decided", [], True)]
    hook.send(text="for all", response_type="in_channel", replace_original=False)
    assert [m.text for m in workspace.messages()] == ["decided", "for all"]
    hook.send(delete_original=True)
    assert [m.text for m in workspace.messages()] == ["for all"]


def test_an_ephemeral_message_is_replaced_and_removed_for_its_user(
    workspace: Workspace, app: App, client: WebClient
) -> None:
    @app.action("yes")
    def yes(ack: Ack, respond: Respond, body: Body) -> None:
        ack()
        assert "message" not in body
        respond(text="thank you", replace_original=True)

    @app.action("never")
    def never(ack: Ack, respond: Respond) -> None:
        ack()
        respond(delete_original=True)

    with bolt.connected(app, workspace):
        for user in (ANA, BEN):
            client.chat_postEphemeral(
                channel=CAMPAIGNS, user=user, text="Take it?", blocks=question("Yes", "Never mind")
            )
        assert workspace.click("Yes", by=ANA).ok
        workspace.wait_for(lambda: workspace.ephemeral(ANA) == "thank you")
        assert len(workspace.ephemerals(BEN)) == 1
        assert workspace.click("Never", by=BEN).ok
        workspace.wait_for(lambda: workspace.ephemerals(BEN) == [])
        assert workspace.ephemeral(ANA) == "thank you"


def test_the_app_home_is_opened_published_and_kept_for_each_person(
    workspace: Workspace, app: App, client: WebClient
) -> None:
    @app.event("app_home_opened")
    def opened(event: Body, client: WebClient) -> None:
        block = {"type": "section", "text": plain(f"Hello {event['user']}")}
        client.views_publish(user_id=event["user"], view={"type": "home", "blocks": [block]})

    with bolt.connected(app, workspace):
        assert workspace.open_home(ANA) is None
        home = workspace.wait_for(lambda: workspace.home(ANA))
    assert home.definition["blocks"][0]["text"]["text"] == f"Hello {ANA}"
    assert workspace.home(BEN) is None
