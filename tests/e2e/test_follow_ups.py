"""What people see at a task with `human_input` that publishes, and at a typed output."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.slack import ids
from tests.e2e.office import final, start
from tests.e2e.test_examples_human import waiting
from tests.support.prefork_server import PreforkServer
from tests.support.processes import ROOT, BotProcess
from tests.support.workspace import BEN, Workspace

CREWS = """
crews:
  news:
    crew: tests.crew_runner.follow_up_crews:publishes_last
    approvers: ["@channel"]
  shape:
    crew: tests.crew_runner.follow_up_crews:typed
    approvers: ["@channel"]
"""


@dataclass(frozen=True)
class Office:
    workspace: Workspace
    folder: Path


@pytest.fixture(scope="module")
def office(
    crewai_prefork_server: PreforkServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("follow_ups")
    (folder / "tests").symlink_to(ROOT / "tests")
    crews = folder / "crews.yml"
    crews.write_text(CREWS)
    with (
        Workspace() as workspace,
        BotProcess(
            folder,
            env={**workspace.env(), "TESTS_FOLDER": str(folder)},
            crews_file=crews,
            prefork_server=crewai_prefork_server,
        ),
    ):
        workspace.wait_until_connected()
        yield Office(workspace, folder)


def test_a_text_is_published_once_after_it_was_revised_and_approved(office: Office) -> None:
    workspace, followed = office.workspace, office.folder / "followed"
    root = start(workspace, "/crew news kiwis")
    first = waiting(workspace, root)
    assert _words("collect answer 1 draft answer 2") in _words(first.everything)

    assert workspace.click("Revise", by=BEN, message=first).ok
    assert workspace.submit({ids.TEXT_BLOCK: "shorter"}, by=BEN).ok
    second = waiting(workspace, root, after=first)
    assert "To be revised: draft" in workspace.again(first).everything
    assert "answer 1" in second.everything
    assert "answer 3" in second.everything
    assert followed.read_text() == "collected collect: answer 1\n"

    assert "Continue and finish" in workspace.live_buttons(second)
    assert workspace.click("Continue", by=BEN, message=second).ok
    assert "answer 3" in final(workspace, root).everything
    assert followed.read_text().splitlines()[1:] == ["published draft: answer 3"]


def test_a_reviewer_sees_the_structure_that_is_handed_on(office: Office) -> None:
    root = start(office.workspace, "/crew shape attics")
    shown = waiting(office.workspace, root)

    assert _words("answer 1 Handed on as this structure:") in _words(shown.everything)
    assert '"kind": "square"' in shown.everything
    assert office.workspace.click("Stop", by=BEN, message=shown).ok
    assert not (office.folder / "out").exists()


def _words(text: str) -> str:
    return " ".join(text.split())
