"""A model: an OpenAI-compatible endpoint on this machine that answers with marked texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.providers import GOOD_KEY, OPENAI, ProviderServer
from tests.trouble.crews.effects import answer


class Model(ProviderServer):
    """Serves during a `with` block."""

    def __init__(self, log: Path) -> None:
        super().__init__(OPENAI)
        self._log = log
        self._server.block_on_close = False  # a caller may be killed before its answer is ready

    def reply(self, messages: list[dict[str, Any]]) -> str:
        prompt = "\n".join(str(message["content"]) for message in messages)
        return f"Thought: I know\nFinal Answer: {answer(self._log, prompt)}"

    def env(self) -> dict[str, str]:
        """The environment variables that point a crew at this server."""
        return {
            "OPENAI_API_KEY": GOOD_KEY,
            "OPENAI_BASE_URL": self.base_url,
            "OPENAI_MODEL": "trouble",
        }
