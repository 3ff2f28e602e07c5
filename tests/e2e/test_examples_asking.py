"""The examples that ask while they run, in a practice workspace with one bot for all tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bot.slack import ids
from tests.e2e.office import SECONDS, final, start
from tests.support.prefork_server import PreforkServer
from tests.support.processes import ROOT, BotProcess, crews_file
from tests.support.workspace import ANA, BEN, MessageSnapshot, Workspace


@pytest.fixture(scope="module")
def office(
    crewai_prefork_server: PreforkServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Workspace]:
    """A workspace with the bot, which is started in the folder of the examples."""
    folder = tmp_path_factory.mktemp("examples")
    (folder / "examples").symlink_to(ROOT / "examples")
    crews = crews_file(folder, "refund", "briefing", "newsletter")
    with (
        Workspace() as workspace,
        BotProcess(
            folder, env=workspace.env(), crews_file=crews, prefork_server=crewai_prefork_server
        ),
    ):
        workspace.wait_until_connected()
        yield workspace


def question(
    office: Workspace, root: MessageSnapshot, words: str, *, after: MessageSnapshot | None = None
) -> MessageSnapshot:
    """Wait for the message that asks this and can be answered."""

    def answerable() -> MessageSnapshot | None:
        newer = [m for m in office.thread(root) if after is None or m.ts > after.ts]
        return next((m for m in newer if words in m.everything and m.button("Stop")), None)

    return office.wait_for(answerable, SECONDS, what=f"a question with {words!r}")


def test_a_payment_is_refused_with_a_reason_proposed_again_and_made_after_approval(
    office: Workspace,
) -> None:
    root = start(office, "/crew refund Mia was charged 40 euros twice")
    first = question(office, root, "May this be paid back?")
    assert '"euros": 40' in first.everything
    assert '"customer": "Mia"' in first.everything
    office.click("Revise", by=BEN, message=first)
    assert office.submit({ids.TEXT_BLOCK: "only 20, the rest was paid on Monday"}, by=BEN).ok
    second = question(office, root, '"euros": 20')
    assert office.click("Continue", by=BEN, message=second).ok

    assert "Paid 20 euros back to Mia" in final(office, root).everything
    assert f"Refused by <@{BEN}>" in office.again(first).everything


@pytest.mark.parametrize(
    ("complaint", "customer", "euros"),
    [
        ("Ms Berg was charged twice for order 4711, 49 euros", "Ms Berg", "49.0"),
        ("refund 49 euros to Ms Berg, order 4711", "Ms Berg", "49.0"),
        ("Herr Dr. Klein paid €120.50 twice", "Herr Dr. Klein", "120.5"),
        ("order 17 of Anna van der Berg: 1.200,50 EUR too much", "Anna van der Berg", "1200.5"),
    ],
)
def test_a_payment_is_proposed_for_the_customer_and_the_amount_in_the_request(
    office: Workspace, complaint: str, customer: str, euros: str
) -> None:
    root = start(office, f"/crew refund {complaint}")
    proposal = question(office, root, "May this be paid back?")

    assert f'"customer": "{customer}"' in proposal.everything
    assert f'"euros": {euros},' in proposal.everything
    assert complaint in proposal.everything
    assert office.click("Stop", by=BEN, message=proposal).ok


@pytest.mark.parametrize(
    ("complaint", "missing"),
    [
        ("Ms Berg was charged twice for order 4711", "one amount in euros"),
        ("Mr Novak paid 98 € instead of 49 €", "one amount in euros"),
        ("Mia was charged $40 twice", "one amount in euros"),
        ("charged 49 euros twice", "the customer"),
    ],
)
def test_no_payment_is_invented_if_the_customer_or_the_amount_is_unclear(
    office: Workspace, complaint: str, missing: str
) -> None:
    root = start(office, f"/crew refund {complaint}")

    text = final(office, root).everything
    assert f"Nothing was paid: the request does not name {missing}." in text
    assert not any("May this be paid back?" in m.everything for m in office.thread(root))


def test_a_flow_asks_twice_and_writes_with_the_answers(office: Workspace) -> None:
    root = start(office, "/crew briefing the new bicycle lanes")
    first = question(office, root, "Who is the briefing for?")
    office.click("Continue: answer", by=ANA, message=first)
    assert office.submit({ids.TEXT_BLOCK: "the town council"}, by=ANA).ok
    second = question(office, root, "What will the town council worry about most?")
    assert office.click("Skip: give no answer", by=ANA, message=second).ok
    text = final(office, root).everything

    assert "For the town council" in text
    assert "new bicycle lanes" in text


def test_a_run_over_its_budget_says_what_was_used_and_ends_with_a_stop(office: Workspace) -> None:
    root = start(office, "/crew newsletter bees on our roofs")
    first = question(office, root, "The budget is used up.")
    assert "tokens were used; 200 are allowed so far." in first.everything
    assert office.click("Continue", by=ANA, message=first).ok
    second = question(office, root, "The budget is used up.", after=first)
    assert office.click("Stop", by=ANA, message=second).ok

    office.wait_for(
        lambda: "stopped" in office.again(root).everything.lower(), SECONDS, what="it stops"
    )
