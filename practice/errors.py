"""The one error that a Web API method raises: Slack's name for what is wrong."""

from __future__ import annotations

from practice.records import Json


class SlackError(Exception):
    """Becomes `{"ok": false, "error": name, …details}` in the answer."""

    def __init__(self, name: str, **details: object) -> None:
        super().__init__(name)
        self.name = name
        self.details: Json = dict(details)


class ViewProblem(Exception):
    """A view response that Slack would refuse; the user sees a general complaint."""
