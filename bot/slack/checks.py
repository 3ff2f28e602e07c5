"""Whether Slack lets the bot do its work, for `countersign doctor`."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import yaml
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web import SlackResponse

from bot.findings import Finding, failed, good, warning

_SECONDS: Final = 10
_AWAY: Final = "Slack cannot be reached"
_REINSTALL: Final = (
    "Add it under OAuth & Permissions (or paste manifest.yml) and reinstall the app."
)


def check(
    *,
    bot_token: str,
    app_token: str | None,
    api_url: str,
    manifest: Path,
    channel: str | None,
) -> Iterator[Finding]:
    """Token, scopes, the way in, the default channel; what follows from a bad token is left out."""
    client = WebClient(token=bot_token, base_url=api_url, timeout=_SECONDS, retry_handlers=[])
    who = _asked(client.auth_test)
    if isinstance(who, str) and who.startswith(_AWAY):
        yield failed("Slack", who, "Check the network, a proxy, and SLACK_API_URL.")
        return
    if isinstance(who, str):
        mend = "Copy the Bot User OAuth Token again, and reinstall the app if it was removed."
        yield failed("Slack", f"SLACK_BOT_TOKEN is refused: {who}", mend)
        return
    yield good("Slack", f"the bot is @{who['user']} in {who['team']}")
    yield _scopes(who, manifest)
    if app_token is None:
        yield good(
            "Slack requests",
            "no SLACK_APP_TOKEN: its Request URLs are to lead to POST /slack/events",
        )
    else:
        yield _socket(client, app_token)
    if channel is not None:
        yield _membership(client, channel)


def _scopes(who: SlackResponse, manifest: Path) -> Finding:
    try:
        wanted = set(yaml.safe_load(manifest.read_text())["oauth_config"]["scopes"]["bot"])
    except (OSError, KeyError, TypeError, yaml.YAMLError):
        return warning("Slack scopes", f"{manifest} cannot be read, so they were not compared")
    headers = {name.lower(): value for name, value in who.headers.items()}
    granted = {scope.strip() for scope in headers.get("x-oauth-scopes", "").split(",")}
    missing = sorted(wanted - granted)
    if missing:
        return failed("Slack scopes", f"missing: {', '.join(missing)}", _REINSTALL)
    return good("Slack scopes", "all of manifest.yml are granted")


def _socket(client: WebClient, app_token: str) -> Finding:
    opened = _asked(lambda: client.apps_connections_open(app_token=app_token))
    if isinstance(opened, str):
        mend = "Make an App-Level Token with the scope connections:write, and turn Socket Mode on."
        return failed("Slack socket", f"SLACK_APP_TOKEN is refused: {opened}", mend)
    return good("Slack socket", "Socket Mode can connect")


def _membership(client: WebClient, channel: str) -> Finding:
    shown = _asked(lambda: client.conversations_info(channel=channel))
    about = "Slack channel"
    if isinstance(shown, str):
        mend = "Set COUNTERSIGN_DEFAULT_CHANNEL to the id of a channel that the bot can see."
        return failed(about, f"{channel}: {shown}", mend)
    place = shown["channel"]
    if place.get("is_archived"):
        return failed(about, f"#{place.get('name')} is archived", "Choose another channel.")
    if not place.get("is_member"):
        mend = f"Type /invite @Countersign in #{place.get('name')}."
        return failed(about, f"the bot is not in #{place.get('name')}", mend)
    return good(about, f"the bot is in #{place.get('name')}")


def _asked(question: Callable[[], SlackResponse]) -> SlackResponse | str:
    """Slack's answer, or why there is none."""
    try:
        return question()
    except SlackApiError as error:
        return str(error.response.get("error", "unknown_error"))
    except (SlackClientError, OSError, http.client.HTTPException) as error:
        return f"{_AWAY}: {getattr(error, 'reason', error)}"
