"""The examples with CrewAI's own human steps and with lessons, in a practice workspace."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bot.slack import ids
from tests.e2e.office import SECONDS, final, shown, start
from tests.support.prefork_server import PreforkServer
from tests.support.processes import ROOT, BotProcess, crews_file
from tests.support.workspace import BEN, MessageSnapshot, Workspace


@pytest.fixture(scope="module")
def office(
    crewai_prefork_server: PreforkServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Workspace]:
    """A workspace with the bot, which is started in the folder of the examples."""
    folder = tmp_path_factory.mktemp("examples")
    (folder / "examples").symlink_to(ROOT / "examples")
    crews = crews_file(folder, "review_flow", "interview")
    with (
        Workspace() as workspace,
        BotProcess(
            folder, env=workspace.env(), crews_file=crews, prefork_server=crewai_prefork_server
        ),
    ):
        workspace.wait_until_connected()
        yield workspace


def waiting(
    office: Workspace, root: MessageSnapshot, *, after: MessageSnapshot | None = None
) -> MessageSnapshot:
    """Wait for a message in the thread that can be decided."""

    def decidable() -> MessageSnapshot | None:
        newer = [m for m in office.thread(root) if after is None or m.ts > after.ts]
        return next((m for m in newer if m.button("Stop")), None)

    return office.wait_for(decidable, SECONDS, what="something to decide")


def test_a_flow_drafts_again_on_one_button_with_feedback_and_publishes_on_another(
    office: Workspace,
) -> None:
    root = start(office, "/crew review_flow our shop opens on Sundays")
    first = waiting(office, root)
    assert "May this announcement go out?" in first.everything
    assert office.live_buttons(first)[:4] == ["Read it all", "publish", "revise", "discard"]

    assert office.click("Add words", by=BEN, message=first).ok
    button = first.button("revise")
    assert button is not None
    assert button.value is not None
    revise = ids.ChosenOutcome(button.value, 1).encode()
    assert office.submit({ids.OUTCOME_BLOCK: revise, ids.TEXT_BLOCK: "name the hours"}, by=BEN).ok
    again = waiting(office, root, after=first)
    assert "name the hours" in shown(office, after=first, until=again)
    assert office.click("publish", by=BEN, message=again).ok

    assert "our shop opens on Sundays" in final(office, root).everything
    assert f"“revise” chosen by <@{BEN}>" in office.again(first).everything


def test_a_task_that_asks_is_revised_and_the_lesson_applies_to_the_next_run(
    office: Workspace,
) -> None:
    root = start(office, "/crew interview bees in the city")
    first = waiting(office, root)
    assert "Review: Write 5 questions" in first.everything
    office.mention("ask about the neighbours", by=BEN, thread=first)
    revised = waiting(office, root, after=first)
    assert "ask about the neighbours" in revised.everything
    office.wait_for(lambda: "Keep as a lesson" in office.live_buttons(first), SECONDS)
    assert office.click("Keep as a lesson", by=BEN, message=first).ok
    assert office.click("Continue", by=BEN, message=revised).ok
    invitation = waiting(office, root, after=revised)
    assert office.click("Continue", by=BEN, message=invitation).ok
    assert final(office, root)

    later = start(office, "/crew interview an old bakery")
    taught = waiting(office, later)

    assert "lessons applied (1): “ask about the neighbours”" in taught.everything
    assert (
        "ask about the neighbours" in shown(office, after=later, until=taught).split("lessons")[0]
    )
    assert office.click("Stop", by=BEN, message=taught).ok
