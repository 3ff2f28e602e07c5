"""Free plans, Enterprise Grid, private channels and group direct messages."""

from __future__ import annotations

import pytest
from slack_bolt import Ack, App
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from practice.state.records import Channel, Json
from tests.support import bolt
from tests.support.workspace import ANA, BEN, BOT, Workspace


def error_of(client: WebClient, method: str, **arguments: object) -> str:
    with pytest.raises(SlackApiError) as refused:
        client.api_call(method, json=arguments)
    return str(refused.value.response["error"])


@pytest.fixture
def commands(connected: App) -> list[Json]:
    """The payloads of /crew, acknowledged."""
    payloads: list[Json] = []

    @connected.command("/crew")
    def crew(ack: Ack, body: Json) -> None:
        payloads.append(body)
        ack()

    return payloads


def test_a_free_plan_has_no_user_groups(workspace: Workspace, client: WebClient) -> None:
    workspace.free_plan()

    assert error_of(client, "usergroups.list") == "plan_upgrade_required"
    assert (
        error_of(client, "usergroups.users.list", usergroup="S00REVIEW01")
        == "plan_upgrade_required"
    )


@pytest.mark.parametrize("error", ["storage_limit_reached", "file_uploads_disabled"])
def test_a_workspace_may_take_no_files(workspace: Workspace, client: WebClient, error: str) -> None:
    workspace.free_plan(upload_error=error)

    assert error_of(client, "files.getUploadURLExternal", filename="a.md", length=3) == error


def test_people_on_grid_have_teams_instead_of_one_team(
    workspace: Workspace, client: WebClient
) -> None:
    workspace.join_enterprise(ANA)

    ana = client.users_info(user=ANA)["user"]
    assert "team_id" not in ana
    assert ana["enterprise_user"]["teams"] == ["T00PRACTICE"]
    ben = client.users_info(user=BEN)["user"]
    assert (ben["team_id"], "enterprise_user" in ben) == ("T00PRACTICE", False)
    assert client.auth_test()["enterprise_id"] == "E00GRID0001"
    assert client.team_info()["team"]["enterprise_name"] == "Grid"


def test_payloads_on_grid_name_the_organization(workspace: Workspace, commands: list[Json]) -> None:
    workspace.join_enterprise(ANA)
    workspace.command("/crew plan it", by=ANA)

    assert commands[0]["enterprise_id"] == "E00GRID0001"
    assert (commands[0]["team_id"], commands[0]["is_enterprise_install"]) == (
        "T00PRACTICE",
        "false",
    )


def test_an_app_of_the_whole_organization_is_told_so(
    workspace: Workspace, connected: App, client: WebClient
) -> None:
    workspace.join_enterprise(ANA, installs_app=True)
    workspace.say("hello", by=ANA)
    event = workspace.wait_for(lambda: workspace.deliveries("events_api"))[0].payload

    assert client.auth_test()["is_enterprise_install"] is True
    [authorization] = event["authorizations"]
    assert authorization["is_enterprise_install"] is True
    assert authorization["team_id"] is None
    assert event["context_enterprise_id"] == "E00GRID0001"


def test_a_command_in_a_group_dm_names_it_but_no_one_finds_it(
    workspace: Workspace, commands: list[Json], client: WebClient
) -> None:
    place = workspace.group_dm(ANA, BEN)
    workspace.command("/crew plan it", by=ANA, in_=place.id)

    assert commands[0]["channel_name"] == "mpdm-ana--ben-1"
    assert error_of(client, "conversations.info", channel=place.id) == "channel_not_found"
    assert error_of(client, "chat.postMessage", channel=place.id, text="x") == "channel_not_found"
    assert workspace.command("/invite @Countersign", by=ANA, in_=place.id).notice


def test_the_name_of_a_private_channel_is_not_told(
    workspace: Workspace, commands: list[Json]
) -> None:
    workspace.add_channel(Channel("C00SECRET01", "layoffs", [ANA, BOT], is_private=True))
    workspace.command("/crew plan it", by=ANA, in_="layoffs")

    assert commands[0]["channel_name"] == "privategroup"


@pytest.mark.parametrize(
    ("escapes", "text"),
    [
        (True, "read <https://example.com/?a=1&amp;b=2> &lt;now&gt;"),
        (False, "read https://example.com/?a=1&amp;b=2 &lt;now&gt;"),
    ],
)
def test_addresses_in_commands_are_in_brackets_if_the_command_escapes(
    workspace: Workspace, commands: list[Json], escapes: bool, text: str
) -> None:
    workspace.call(
        lambda: workspace.practice.workspace.app.commands[0].update(should_escape=escapes)
    )
    workspace.command("/crew read https://example.com/?a=1&b=2 <now>")

    assert commands[0]["text"] == text


def test_an_update_has_its_own_limits(workspace: Workspace, client: WebClient) -> None:
    posted = client.chat_postMessage(channel="C00CAMPAIGN", text="x" * 4001)
    where = {"channel": "C00CAMPAIGN", "ts": posted["ts"]}
    assert error_of(client, "chat.update", **where, text="x" * 4001) == "msg_too_long"
    assert client.chat_update(**where, text="x" * 4000)["ok"]
    workspace.archive("campaigns")
    assert error_of(client, "chat.update", **where, text="y") == "is_inactive"


def test_a_response_url_takes_more_than_a_message(workspace: Workspace, connected: App) -> None:
    long = {"type": "section", "text": {"type": "plain_text", "text": "x" * 3000}}

    @connected.command("/crew")
    def crew(ack: Ack, respond: object) -> None:
        ack()
        assert callable(respond)
        respond(blocks=[long] * 5, text="long")

    workspace.command("/crew go")

    workspace.wait_for(lambda: "xxx" in workspace.ephemeral(ANA))


def test_sockets_are_warned_and_refreshed_from_time_to_time(workspace: Workspace, app: App) -> None:
    sockets = workspace.practice.sockets
    sockets.refresh_after, sockets.warning_seconds = 0.05, 0.05

    with bolt.connected(app, workspace):
        workspace.wait_for(lambda: sockets.opened >= 2, timeout=30)


def test_an_eleventh_socket_is_refused(workspace: Workspace, client: WebClient) -> None:
    import json
    from contextlib import ExitStack

    from websockets.sync.client import connect

    app_client = WebClient(
        token=workspace.env()["SLACK_APP_TOKEN"], base_url=workspace.env()["SLACK_API_URL"]
    )
    with ExitStack() as stack:
        for _ in range(10):
            address = app_client.apps_connections_open(app_token=app_client.token or "")["url"]
            socket = stack.enter_context(connect(address))
            assert json.loads(socket.recv())["type"] == "hello"
        address = app_client.apps_connections_open(app_token=app_client.token or "")["url"]
        refused = stack.enter_context(connect(address))
        assert json.loads(refused.recv())["reason"] == "too_many_websockets"
