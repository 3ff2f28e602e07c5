"""Installing the app from its manifest, so that it holds here what it holds in Slack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from practice.records import App
from practice.seed import practice_app


class BadManifest(ValueError):
    """The manifest lacks what an installation needs."""


def installed(path: Path) -> App:
    """The practice app with the scopes, events, commands and tabs of this manifest."""
    manifest = yaml.safe_load(path.read_text(encoding="utf-8"))
    app = practice_app()
    name = _part(manifest, "features", "bot_user").get("display_name")
    if not isinstance(name, str) or not name:
        raise BadManifest(f"{path}: features.bot_user.display_name is missing")
    app.name = name
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
    home = _part(manifest, "features", "app_home")
    app.home_tab = bool(home.get("home_tab_enabled", False))
    return app


def _part(manifest: object, *names: str) -> dict[str, Any]:
    """A mapping inside the manifest; one that is left out reads as empty."""
    here = manifest
    for name in names:
        here = here.get(name) if isinstance(here, dict) else None
    return here if isinstance(here, dict) else {}
