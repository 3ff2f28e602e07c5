"""Each page "From git clone to the first checkpoint" works: its commands are run as they stand."""

from __future__ import annotations

import re
import shlex
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.crew_runner.scaffolds import KINDS, create
from tests.support.prefork_server import PreforkServer
from tests.support.processes import ROOT, BotProcess, clean_environment, wait_until
from tests.support.workspace import ANA, Workspace

PAGES = ROOT / "docs" / "crews" / "first-checkpoint"
SECONDS = 120


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)


def repository(folder: Path, name: str, page: str) -> Path:
    """A repository with the project that the page is about."""
    folder.mkdir()
    if name in KINDS:
        project = create(folder, name)
    else:
        project = folder / name
        project.mkdir()
        (project / "main.py").write_text(blocks(page, "python")[0])
    author = ("-c", "user.name=Ana", "-c", "user.email=ana@example.com")
    for arguments in (("init", "-q"), ("add", "."), (*author, "commit", "-qm", "Add a crew")):
        subprocess.run(["git", *arguments], cwd=project, check=True)
    return project


def clone(command: str, folder: Path, origin: Path) -> None:
    """Run the page's `git clone` with a local repository."""
    words = [str(origin) if word.startswith("https://") else word for word in shlex.split(command)]
    subprocess.run(words, cwd=folder, check=True)


def countersign(command: str, folder: Path, prefork_server: PreforkServer) -> str:
    """Run a command of the page in a process that has CrewAI already. Returns what it printed."""
    program, *arguments = shlex.split(command)
    assert program == "countersign"
    log = folder / "printed"
    ended = prefork_server.fork(
        arguments, environment=clean_environment(), folder=folder, log=log
    ).wait(SECONDS)
    assert ended == 0, f"{command}\n{log.read_text()}"
    return log.read_text()


def uncomment(crews_file: Path, lines: list[str]) -> None:
    """Take the # away from the lines, which begin with four spaces."""
    text = crews_file.read_text()
    for line in lines:
        assert f"    # {line[4:]}\n" in text
        text = text.replace(f"    # {line[4:]}\n", f"{line}\n")
    crews_file.write_text(text)


def is_examined(database: Path) -> bool:
    """Whether the bot knows the crew's inputs. Before that, it asks for a request in words."""
    with closing(sqlite3.connect(database)) as connection:
        return bool(connection.execute("SELECT crew FROM crew_reports").fetchall())


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    with Workspace() as workspace:
        yield workspace


@pytest.mark.timeout(400)
@pytest.mark.parametrize("file", sorted(PAGES.glob("*.md")), ids=lambda file: file.stem)
def test_the_page_leads_to_the_first_checkpoint(
    file: Path, tmp_path: Path, workspace: Workspace, crewai_prefork_server: PreforkServer
) -> None:
    page = file.read_text()
    commands = [line.removeprefix("$ ") for line in "".join(blocks(page, "console")).splitlines()]
    clones, add, check, practice = commands
    (request,) = blocks(page, "slack")
    (question,) = re.findall(r"^> (.+)$", page, re.MULTILINE)
    name = add.split()[2]
    origin = repository(tmp_path / "origin", name, page)

    clone(clones, tmp_path, origin)
    printed = countersign(add, tmp_path, crewai_prefork_server)
    for block in blocks(page, "yaml"):
        uncomment(tmp_path / "crews.yml", block.splitlines())
    checked = countersign(check, tmp_path, crewai_prefork_server)

    for line in blocks(page, "text")[0].splitlines():
        assert line in printed
    assert f"✓ Crew {name}: can be built" in checked
    assert practice == "countersign practice"  # a workspace and a bot, as here
    with BotProcess(
        tmp_path,
        env=workspace.env(),
        crews_file=tmp_path / "crews.yml",
        prefork_server=crewai_prefork_server,
    ) as bot:
        workspace.wait_until_connected()
        wait_until(lambda: is_examined(bot.database), within=SECONDS, what="the crew was examined")
        assert workspace.command(request.strip().removeprefix("/crew "), by=ANA).ok
        checkpoint = workspace.wait_for(
            lambda: next(
                (
                    message
                    for root in workspace.threads()
                    if (message := workspace.message_with("Continue", thread=root)) is not None
                ),
                None,
            ),
            SECONDS,
        )
        assert question in checkpoint.everything
