"""A project's flows without gates."""

from __future__ import annotations

from crewai.flow.flow import Flow, listen, start


class Plain(Flow):
    @start()
    def begin(self) -> str:
        return "begun"

    @listen(begin)
    def end(self, text: str) -> str:
        return f"{text} and ended"
