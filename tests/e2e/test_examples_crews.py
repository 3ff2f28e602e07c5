"""The shipped examples, started and decided in a practice workspace with one bot for all tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from tests.e2e.office import shown
from tests.support.prefork_server import PreforkServer
from tests.support.processes import ROOT, BotProcess, crews_file
from tests.support.workspace import ANA, BEN, MessageSnapshot, Workspace

PHASE_SECONDS = 60


@pytest.fixture(scope="module")
def office(
    crewai_prefork_server: PreforkServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Workspace]:
    """A workspace with the bot, which is started in the folder of the examples."""
    folder = tmp_path_factory.mktemp("examples")
    (folder / "examples").symlink_to(ROOT / "examples")
    crews = crews_file(folder, "market", "removal", "release_notes")
    with (
        Workspace() as workspace,
        BotProcess(
            folder, env=workspace.env(), crews_file=crews, prefork_server=crewai_prefork_server
        ),
    ):
        workspace.wait_until_connected()
        yield workspace


def run(office: Workspace, command: str, revisions: Mapping[str, str]) -> list[str]:
    """Start a crew and decide until it ends; return what each checkpoint and the end show.

    `revisions`: what to ask for once, by a part of the question.
    """
    earlier = {message.ts for message in office.threads()}
    assert office.command(command, by=ANA).ok
    root = office.wait_for(
        lambda: next((m for m in office.threads() if m.ts not in earlier), None), PHASE_SECONDS
    )
    open_revisions, messages = dict(revisions), [root]
    texts: list[str] = []

    def next_message() -> MessageSnapshot | None:
        timestamps = {message.ts for message in messages}
        waiting = office.message_with("Continue", thread=root)
        ended = (m for m in office.thread(root) if "complete" in m.text and m.ts != root.ts)
        return next(
            (m for m in (waiting, *ended) if m is not None and m.ts not in timestamps), None
        )

    while "complete" not in messages[-1].text or messages[-1] is root:
        message = office.wait_for(next_message, PHASE_SECONDS)
        texts.append(shown(office, after=messages[-1], until=message))
        messages.append(message)
        wish = next((words for words in open_revisions if words in message.everything), None)
        if wish is not None:
            office.mention(open_revisions.pop(wish), by=BEN, thread=message)
        elif message.button("Continue"):
            assert office.click("Continue", by=BEN, message=message).ok
    return texts


def test_the_program_sorts_writes_and_announces_and_follows_the_feedback(office: Workspace) -> None:
    first, revised, written, final = run(
        office,
        "/crew release_notes add search; fix login; remove the old export",
        {"right heading": "drop export; say login as sign-in"},
    )

    assert "remove the old export" in first
    assert "remove the old export" not in revised
    assert "fix sign-in" in revised
    assert "This release brings 2 changes." in written
    assert "Out today: add search, fix sign-in." in final


def test_the_market_crew_shows_facts_then_views_then_its_memo(office: Workspace) -> None:
    facts, views, final = run(office, "/crew market a bicycle shop in Vienna", {})

    assert "Are the facts right and enough?" in facts
    assert "Few facts were found" in facts  # the condition was met
    assert "Who is there already?" in views
    assert "bicycle shop in Vienna" in final


def test_the_managed_crew_is_revised_by_its_manager(office: Workspace) -> None:
    plan, revised, final = run(
        office, "/crew removal our office moves in May", {"may it cost that much": "rent one van"}
    )

    assert "our office moves in May" in plan
    assert "rent one van" not in plan
    assert "rent one van" in revised
    assert "our office moves in May" in final
