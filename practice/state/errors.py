"""The errors that the workspace raises."""

from __future__ import annotations

from practice.state.records import Json


class SlackError(Exception):
    """Slack's error code, returned as `{"ok": false, "error": name, …details}`."""

    def __init__(self, name: str, **details: object) -> None:
        super().__init__(name)
        self.name = name
        self.details: Json = dict(details)


class InvalidView(Exception):
    """A view that Slack would reject; the user sees a general error message."""
