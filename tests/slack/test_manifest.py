"""manifest.yml creates the app in one paste, with exactly the scopes that are needed."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.slack import ids

ROOT = Path(__file__).parents[2]
MANIFEST: dict[str, Any] = yaml.safe_load((ROOT / "manifest.yml").read_text())

# What Slack's published manifest schema (major version 2) allows for the parts in use: keys, and
# the shortest and longest texts.
ALLOWED = {
    "": {"_metadata", "display_information", "features", "oauth_config", "settings"},
    "_metadata": {"major_version", "minor_version"},
    "display_information": {"name", "description", "background_color", "long_description"},
    "features": {"app_home", "bot_user", "shortcuts", "slash_commands", "unfurl_domains"},
    "features.app_home": {
        "home_tab_enabled",
        "messages_tab_enabled",
        "messages_tab_read_only_enabled",
    },
    "features.bot_user": {"display_name", "always_online"},
    "features.shortcuts": {"name", "type", "callback_id", "description"},
    "features.slash_commands": {"command", "url", "description", "usage_hint", "should_escape"},
    "oauth_config": {"redirect_urls", "scopes", "token_management_enabled", "pkce_enabled"},
    "oauth_config.scopes": {"bot", "user", "bot_optional", "user_optional"},
    "settings": {
        "allowed_ip_address_ranges",
        "event_subscriptions",
        "incoming_webhooks",
        "interactivity",
        "org_deploy_enabled",
        "socket_mode_enabled",
        "token_rotation_enabled",
        "is_hosted",
        "function_runtime",
    },
    "settings.event_subscriptions": {
        "request_url",
        "bot_events",
        "user_events",
        "metadata_subscriptions",
    },
    "settings.interactivity": {"is_enabled", "request_url", "message_menu_options_url"},
}
LENGTHS = {
    "display_information.name": (1, 35),
    "display_information.description": (1, 140),
    "display_information.long_description": (175, 4000),
    "features.bot_user.display_name": (1, 80),
    "features.shortcuts.name": (1, 24),
    "features.shortcuts.callback_id": (1, 255),
    "features.shortcuts.description": (1, 150),
    "features.slash_commands.command": (2, 32),
    "features.slash_commands.description": (1, 2000),
    "features.slash_commands.usage_hint": (1, 1000),
}

# The scopes that each Web API method needs here, one from each set.
SCOPES_OF_METHOD = {
    "apps_connections_open": [],
    "auth_test": [],
    "chat_delete": [{"chat:write"}],
    "chat_getPermalink": [],
    "chat_postEphemeral": [{"chat:write"}],
    "chat_postMessage": [{"chat:write"}],
    "chat_update": [{"chat:write"}],
    "conversations_history": [{"channels:history"}, {"groups:history"}, {"im:history"}],
    "conversations_info": [{"channels:read"}, {"groups:read"}, {"im:read"}],
    "conversations_join": [{"channels:join"}],
    "conversations_members": [{"channels:read"}, {"groups:read"}, {"im:read"}],
    "conversations_open": [{"im:write"}],
    "conversations_replies": [{"channels:history"}, {"groups:history"}, {"im:history"}],
    "files_upload_v2": [{"files:write"}],
    "usergroups_list": [{"usergroups:read"}],
    "users_conversations": [{"channels:read"}, {"groups:read"}, {"im:read"}],
    "users_info": [{"users:read"}],
    "views_open": [],
    "views_push": [],
    "views_publish": [],
    "views_update": [],
}
SCOPES_OF_DOWNLOADS = {"files:read"}
"""For the text files that people attach to a reply: their addresses are no methods."""

SCOPES_OF_EVENT: dict[str, set[str]] = {
    "app_home_opened": set(),
    "member_joined_channel": {"channels:read", "groups:read"},
    "message.channels": {"channels:history"},
    "message.groups": {"groups:history"},
    "message.im": {"im:history"},
}
METHOD = re.compile(r"^(apps|auth|chat|conversations|files|usergroups|users|views|reactions)_")


def parts(node: object, path: str = "") -> list[tuple[str, dict[str, Any]]]:
    """Every object of the manifest with its path, without list indices."""
    if isinstance(node, list):
        return [part for item in node for part in parts(item, path)]
    if not isinstance(node, dict):
        return []
    objects = [(path, node)]
    for name, inner in node.items():
        objects += parts(inner, f"{path}.{name}".lstrip("."))
    return objects


@pytest.mark.parametrize("path", sorted(ALLOWED))
def test_each_part_has_only_keys_that_slack_knows(path: str) -> None:
    nodes = [node for node_path, node in parts(MANIFEST) if node_path == path]
    assert nodes, f"{path} is missing"
    for node in nodes:
        assert set(node) <= ALLOWED[path]


def test_every_part_is_checked() -> None:
    assert {path for path, _ in parts(MANIFEST)} == set(ALLOWED)


@pytest.mark.parametrize("path", sorted(LENGTHS))
def test_texts_keep_to_their_limits(path: str) -> None:
    part, _, key = path.rpartition(".")
    shortest, longest = LENGTHS[path]
    texts = [node[key] for node_path, node in parts(MANIFEST) if node_path == part]
    assert texts
    assert all(shortest <= len(text) <= longest for text in texts)


def test_the_app_is_reached_by_a_socket_and_needs_no_address() -> None:
    settings = MANIFEST["settings"]
    assert settings["socket_mode_enabled"] is True
    assert settings["interactivity"] == {"is_enabled": True}
    assert "request_url" not in settings["event_subscriptions"]
    assert re.fullmatch("#[0-9a-f]{6}", MANIFEST["display_information"]["background_color"])


def test_the_command_is_the_one_that_the_bot_listens_to() -> None:
    commands = MANIFEST["features"]["slash_commands"]
    assert [command["command"] for command in commands] == [ids.COMMAND]
    assert commands[0]["should_escape"] is True


def test_the_shortcuts_are_those_that_the_bot_listens_to() -> None:
    shortcuts = MANIFEST["features"]["shortcuts"]
    assert [(shortcut["type"], shortcut["callback_id"]) for shortcut in shortcuts] == [
        ("global", ids.START_SHORTCUT),
        ("message", ids.START_ON_MESSAGE),
        ("message", ids.REVISE_BY_MESSAGE),
    ]


def methods_called() -> set[str]:
    """Names of Web API methods that the bot's own code calls on a client."""
    called = set()
    for file in (ROOT / "bot" / "slack").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                called.add(node.func.attr)
    return {name for name in called if METHOD.match(name)}


def test_every_method_called_is_known_with_its_scopes() -> None:
    assert methods_called() <= set(SCOPES_OF_METHOD)


def test_the_scopes_are_those_that_the_calls_events_and_command_need_and_no_more() -> None:
    needed = {"commands"} | SCOPES_OF_DOWNLOADS
    for event in MANIFEST["settings"]["event_subscriptions"]["bot_events"]:
        needed |= SCOPES_OF_EVENT[event]
    for method in methods_called():
        for alternatives in SCOPES_OF_METHOD[method]:
            needed |= alternatives
    requested = MANIFEST["oauth_config"]["scopes"]["bot"]
    assert len(requested) == len(set(requested))
    assert set(requested) == needed


def test_each_scope_has_a_comment_that_says_why() -> None:
    lines = (ROOT / "manifest.yml").read_text().splitlines()
    start = lines.index("    bot:")
    reason = False
    for line in lines[start + 1 :]:
        if line.lstrip().startswith("#"):
            reason = True
        elif line.lstrip().startswith("- "):
            assert reason, line
        else:
            break


def test_a_mention_comes_as_one_event() -> None:
    assert "app_mention" not in MANIFEST["settings"]["event_subscriptions"]["bot_events"]
