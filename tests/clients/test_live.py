"""The web client against the real bot, with the code of its documents as it stands there."""

from __future__ import annotations

from tests.clients.documented import blocks
from tests.clients.web_package import WebPackage
from tests.support.processes import BotProcess


def test_the_client_and_the_page_of_the_readme_drive_real_runs(
    web_package: WebPackage, bot: BotProcess
) -> None:
    page = web_package.folder / "documented-page.tsx"
    page.write_text(next(each for each in blocks() if each.language == "tsx").at(bot.address))
    env = {"COUNTERSIGN_URL": bot.address, "README_PAGE": str(page)}
    web_package.npm("run", "test:live", **env)


def test_the_lines_of_the_readme_run_in_node(built_package: WebPackage, bot: BotProcess) -> None:
    [block] = [each for each in blocks() if each.language == "js"]
    # Inside the package its own name leads to `dist`, as in a project that has installed it.
    script = built_package.folder / "documented.mjs"
    script.write_text(block.at(bot.address))
    lines = built_package.node(script).splitlines()
    assert "The plan for **Create plan** is out." in lines
    assert [line for line in lines if line.startswith(("execution.", "checkpoint."))] == [
        "execution.started",
        "checkpoint.waiting",
        "checkpoint.decided",
        "execution.completed",
    ]
