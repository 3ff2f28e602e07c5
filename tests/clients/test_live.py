"""The web client against the real bot."""

from __future__ import annotations

from tests.clients.web_package import WebPackage
from tests.support.processes import BotProcess


def test_the_client_the_hook_and_the_component_drive_real_runs(
    web_package: WebPackage, bot: BotProcess
) -> None:
    web_package.npm("run", "test:live", COUNTERSIGN_URL=bot.address)
