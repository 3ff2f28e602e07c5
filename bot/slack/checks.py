"""The checks of Slack that `countersign doctor` runs."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import yaml
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web import SlackResponse

from bot.findings import Finding, failed, good, warning
from bot.slack.people.directory import NOT_IN_PLAN

_SECONDS: Final = 10
_UNREACHABLE: Final = "Slack cannot be reached"
_REINSTALL: Final = (
    "Paste manifest.yml under App Manifest and reinstall the app. That also brings the events, the "
    "shortcuts and the Home tab that a newer version needs."
)
_WITHOUT: Final = {
    "channels:join": "without it, somebody has to /invite the bot to each public channel",
    "files:read": "without it, files attached to a reply are not read",
    "usergroups:read": "without it, members of user groups cannot decide",
    "im:write": "without it, nobody gets a direct message if a channel is closed to the bot",
}
"""What is lost without a scope that an older manifest may lack, or that is not always needed."""


def check(
    *,
    bot_token: str,
    app_token: str | None,
    api_url: str,
    manifest: Path,
    channel: str | None,
    naming_groups: Sequence[str] = (),
) -> Iterator[Finding]:
    """Check token, scopes, connection and default channel; stop after the first if it fails.

    `naming_groups` are the crews whose rules name a user group.
    """
    client = WebClient(token=bot_token, base_url=api_url, timeout=_SECONDS, retry_handlers=[])
    identity = _call(client.auth_test)
    if isinstance(identity, str) and identity.startswith(_UNREACHABLE):
        yield failed("Slack", identity, "Check the network, a proxy, and SLACK_API_URL.")
        return
    if isinstance(identity, str):
        advice = "Copy the Bot User OAuth Token again, and reinstall the app if it was removed."
        yield failed("Slack", f"SLACK_BOT_TOKEN is refused: {identity}", advice)
        return
    yield good("Slack", f"the bot is @{identity['user']} in {identity['team']}")
    yield _scopes(identity, manifest)
    if app_token is None:
        yield good(
            "Slack requests",
            "no SLACK_APP_TOKEN: the app's Request URLs must lead to POST /slack/events",
        )
    else:
        yield _socket(client, app_token)
    if naming_groups:
        yield _groups(client, naming_groups)
    if channel is not None:
        yield _membership(client, channel)


def _scopes(identity: SlackResponse, manifest: Path) -> Finding:
    try:
        required = set(yaml.safe_load(manifest.read_text())["oauth_config"]["scopes"]["bot"])
    except (OSError, KeyError, TypeError, yaml.YAMLError):
        return warning(
            "Slack scopes", f"{manifest} cannot be read, so the scopes were not compared"
        )
    headers = {name.lower(): value for name, value in identity.headers.items()}
    granted = {scope.strip() for scope in headers.get("x-oauth-scopes", "").split(",")}
    missing = sorted(required - granted)
    if missing:
        losses = [
            f"{scope} ({_WITHOUT[scope]})" if scope in _WITHOUT else scope for scope in missing
        ]
        return failed("Slack scopes", f"missing: {', '.join(losses)}", _REINSTALL)
    return good("Slack scopes", "all scopes in manifest.yml are granted")


def _groups(client: WebClient, crews: Sequence[str]) -> Finding:
    subject, names = "Slack user groups", ", ".join(crews)
    response = _call(lambda: client.usergroups_list(include_disabled=False))
    if response in NOT_IN_PLAN:
        return failed(
            subject,
            f"this workspace's plan has none, but crews.yml names some in {names}",
            "Name people, @requester or @channel as approvers: nobody can decide as a member.",
        )
    if isinstance(response, str):
        advice = "Until Slack answers, members of user groups cannot decide."
        return warning(subject, f"cannot be read: {response}", advice)
    return good(subject, f"can be read, for {names}")


def _socket(client: WebClient, app_token: str) -> Finding:
    opened = _call(lambda: client.apps_connections_open(app_token=app_token))
    if isinstance(opened, str):
        advice = "Create an App-Level Token with connections:write, and turn Socket Mode on."
        return failed("Slack socket", f"SLACK_APP_TOKEN is refused: {opened}", advice)
    return good("Slack socket", "Socket Mode can connect")


def _membership(client: WebClient, channel: str) -> Finding:
    response = _call(lambda: client.conversations_info(channel=channel))
    subject = "Slack channel"
    if isinstance(response, str):
        advice = "Set COUNTERSIGN_DEFAULT_CHANNEL to the id of a channel that the bot can see."
        return failed(subject, f"{channel}: {response}", advice)
    info = response["channel"]
    if info.get("is_archived"):
        return failed(subject, f"#{info.get('name')} is archived", "Choose another channel.")
    if not info.get("is_member"):
        advice = f"Type /invite @Countersign in #{info.get('name')}."
        return failed(subject, f"the bot is not in #{info.get('name')}", advice)
    return good(subject, f"the bot is in #{info.get('name')}")


def _call(method: Callable[[], SlackResponse]) -> SlackResponse | str:
    """Slack's response, or the error as text."""
    try:
        return method()
    except SlackApiError as error:
        return str(error.response.get("error", "unknown_error"))
    except (SlackClientError, OSError, http.client.HTTPException) as error:
        return f"{_UNREACHABLE}: {getattr(error, 'reason', error)}"
