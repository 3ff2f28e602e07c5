"""Installs an app from its Slack manifest, so that it has the same grants here as in Slack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from practice.seed import practice_app
from practice.state.records import App


class BadManifest(ValueError):
    """The manifest cannot be read or lacks something that an installation needs."""


def installed(path: Path) -> App:
    """The app as a YAML or JSON manifest describes it: name, scopes, events, commands and so on."""
    try:
        manifest = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadManifest(f"{path} cannot be read: {error}") from error
    app = practice_app()
    name = _part(manifest, "features", "bot_user").get("display_name")
    if not isinstance(name, str) or not name:
        raise BadManifest(f"{path}: features.bot_user.display_name is missing")
    app.name = name
    app.description = str(_part(manifest, "display_information").get("description") or "")
    app.scopes = list(_part(manifest, "oauth_config", "scopes").get("bot") or [])
    events = _part(manifest, "settings", "event_subscriptions")
    app.events = list(events.get("bot_events") or [])
    app.commands = [
        {
            "command": command["command"],
            "description": command.get("description", ""),
            "usage_hint": command.get("usage_hint", ""),
            "should_escape": bool(command.get("should_escape", False)),
        }
        for command in _part(manifest, "features").get("slash_commands") or []
    ]
    app.shortcuts = [
        {key: shortcut[key] for key in ("name", "type", "callback_id", "description")}
        for shortcut in _part(manifest, "features").get("shortcuts") or []
    ]
    home = _part(manifest, "features", "app_home")
    app.home_tab = bool(home.get("home_tab_enabled", False))
    return app


def _part(manifest: object, *names: str) -> dict[str, Any]:
    """A mapping inside the manifest; an empty one if it is missing."""
    node = manifest
    for name in names:
        node = node.get(name) if isinstance(node, dict) else None
    return node if isinstance(node, dict) else {}
