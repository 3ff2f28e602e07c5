"""The doctor's check of what stands between a crew and the bot's secrets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from bot.findings import Finding, warning
from bot.settings import Settings
from storage.definitions import CrewDefinition


def check_secrets(settings: Settings, crews: Iterable[CrewDefinition]) -> Iterator[Finding]:
    """Projects from which a search of the folders above leads to the bot's env file."""
    env_file = Path(settings.model.env_file or "")
    if not env_file.is_file():
        return
    for crew in crews:
        if crew.project and Path(crew.project).resolve().is_relative_to(env_file.parent):
            yield warning(
                f"Crew {crew.name}",
                f"its project lies in the bot's folder, below the bot's {env_file.name}, which "
                "programs that it starts can find and read",
                f"Move the project out of {env_file.parent}, or keep the bot's settings in another "
                "folder and name them with --env-file.",
            )
