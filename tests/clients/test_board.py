"""The board in a browser, beside the practice workspace, on one real bot.

The crew is the example program, which needs no CrewAI. A token has been made, so people sign in by
`/crew board`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import Browser, Page, expect

from storage.db.database import SystemClock
from storage.db.engines import open_engine
from storage.token_manager import TokenManager
from storage.tokens import Scope, TokenKind
from tests.clients.web_package import WebPackage
from tests.support.prefork_server import PreforkServer
from tests.support.processes import ROOT, BotProcess
from tests.support.workspace import ANA, BEN, Workspace

pytestmark = pytest.mark.browser

CREW = "release_notes"
CHANGES = "add search; fix login; remove the old editor"
FOLLOWS = 5_000
"""Milliseconds within which the board shows what happens elsewhere, on a busy machine."""

DESKTOP = {"width": 1280, "height": 860}
PHONE = {"width": 390, "height": 844}

Snap = Callable[[Page, str], None]
Violations = Callable[[Page], list[str]]


@pytest.fixture(scope="module")
def bot(
    workspace: Workspace, prefork_server: PreforkServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BotProcess]:
    folder = tmp_path_factory.mktemp("board")
    crew = yaml.safe_load((ROOT / "crews.yml").read_text())["crews"][CREW]
    crew["cwd"] = str(ROOT / "examples" / "program")
    (folder / "crews.yml").write_text(yaml.safe_dump({"crews": {CREW: crew}}))
    env = workspace.env() | {
        "COUNTERSIGN_DEFAULT_CHANNEL": workspace.channel("campaigns").id,
    }
    with BotProcess(
        folder,
        env=env,
        workers=1,
        crews_file=folder / "crews.yml",
        prefork_server=prefork_server,
    ) as bot:
        workspace.wait_until_connected()
        yield bot


@pytest.fixture(scope="module")
def token(bot: BotProcess) -> str:
    """A token that may only read. Once there is one, nobody gets in without a sign-in."""
    engine = open_engine(f"sqlite:///{bot.database}")
    _, secret = TokenManager(engine, clock=SystemClock()).create(
        TokenKind.TOKEN, scopes=[Scope.READ], lifetime=None, label="monitor"
    )
    engine.dispose()
    bot.until(lambda: bot.http.get("/api/crews").status_code == 401, what="the API is closed")
    return secret


@pytest.fixture
def board(browser: Browser) -> Iterator[Page]:
    """A page whose errors and refused scripts fail the test."""
    problems: list[str] = []
    with browser.new_context(viewport=DESKTOP) as context:  # type: ignore[arg-type]  # a TypedDict
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda said: problems.extend(refused(said.text)))
        yield page
    assert problems == []


def refused(said: str) -> list[str]:
    return [said] if "Content Security Policy" in said else []


@pytest.fixture
def slack(browser: Browser) -> Iterator[Page]:
    """A page for the practice workspace, or for somebody else."""
    with browser.new_context(viewport=DESKTOP) as context:  # type: ignore[arg-type]  # a TypedDict
        yield context.new_page()


@pytest.fixture
def phone(browser: Browser) -> Iterator[Page]:
    with browser.new_context(
        viewport=PHONE,  # type: ignore[arg-type]  # a TypedDict
        has_touch=True,
        is_mobile=True,
        device_scale_factor=2,
    ) as context:
        yield context.new_page()


@pytest.fixture
def snap() -> Snap:
    folder = Path(os.environ.get("PICTURES_FOLDER", ROOT / "build" / "pictures"))
    folder.mkdir(parents=True, exist_ok=True)

    def save(page: Page, name: str) -> None:
        page.screenshot(path=folder / f"{name}.png", animations="disabled")

    return save


@pytest.fixture(scope="module")
def violations(web_package: WebPackage) -> Violations:
    """What axe-core finds on a page, colours included."""
    axe = (web_package.folder / "node_modules" / "axe-core" / "axe.min.js").read_text()

    def violations(page: Page) -> list[str]:
        page.evaluate(axe)
        found = page.evaluate("axe.run().then((result) => result.violations)")
        return [f"{each['id']}: {each['nodes'][0]['html']}" for each in found]

    return violations


def link_for(workspace: Workspace, person: str) -> str:
    """The address that `/crew board` answers, which is another one each time."""

    def links() -> list[str]:
        return re.findall(r"http://[^\s|>]+#/sign-in/[^\s|>)]+", workspace.ephemeral(person))

    before = links()
    assert workspace.command("/crew board", by=person, in_="campaigns").ok
    workspace.wait_for(lambda: links() not in ([], before))
    [address] = links()
    return address


def sign_in(page: Page, workspace: Workspace, person: str) -> None:
    page.goto(link_for(workspace, person))
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Waits for you")).to_be_visible()


def overflows(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > innerWidth"))


def test_without_a_token_the_command_links_to_a_board_without_a_sign_in(
    workspace: Workspace, bot: BotProcess, board: Page
) -> None:
    assert workspace.command("/crew board", by=ANA, in_="campaigns").ok
    workspace.wait_for(lambda: "needs no sign-in" in workspace.ephemeral(ANA))
    assert f"{bot.address}/" in workspace.ephemeral(ANA)

    board.goto(f"{bot.address}/")

    expect(board.get_by_text("Nothing waits for your decision.")).to_be_visible()
    expect(board.get_by_role("button", name="Sign out")).to_be_hidden()
    board.get_by_role("navigation", name="Board").get_by_role("link", name="Runs").click()
    expect(board.get_by_text("There are no runs yet.")).to_be_visible()


def test_a_run_is_started_revised_and_decided_on_the_board_and_in_slack(
    workspace: Workspace,
    bot: BotProcess,
    token: str,
    board: Page,
    slack: Page,
    violations: Violations,
    snap: Snap,
) -> None:
    campaigns = workspace.channel("campaigns").id
    slack.goto(f"{workspace.url}/#u={BEN}&c={campaigns}")
    sign_in(board, workspace, ANA)
    assert "cs_" not in board.url

    board.get_by_role("link", name="Start", exact=True).click()
    board.get_by_label("What should it work on?").fill(CHANGES)
    board.get_by_role("button", name="Start").click()

    expect(board.get_by_role("heading", level=1, name=CHANGES)).to_be_visible()
    approval = board.get_by_role("region", name="Is each change below the right heading?")
    expect(approval).to_contain_text("add search")
    expect(slack.get_by_text("Is each change below the right heading?").first).to_be_visible()
    board.reload()
    approval.get_by_label("Feedback").fill("add a dark theme")
    assert not overflows(board)
    assert violations(board) == []
    snap(board, "board-decision")
    approval.get_by_role("button", name="Revise").click()

    expect(approval).to_contain_text("revision 2")
    expect(approval).to_contain_text("add a dark theme")
    board.get_by_text("What changed since revision 1").first.click()
    expect(board.locator("ins").first).to_contain_text("dark theme")
    expect(board.get_by_role("region", name="Timeline")).to_contain_text("asked for a revision")

    approval.get_by_label("Feedback").fill("words that I have not sent")
    card = workspace.wait_for(lambda: workspace.message_with("Continue"))
    assert workspace.click("Continue", by=BEN, message=card).ok
    second = board.get_by_role("region", name="May these notes be published?")
    expect(second).to_be_visible(timeout=FOLLOWS)
    expect(second.get_by_label("Feedback")).to_have_value("words that I have not sent")
    expect(board.get_by_role("region", name="Timeline")).to_contain_text("continued")

    second.get_by_role("button", name="Continue").click()
    result = board.get_by_role("region", name="Result")
    expect(result).to_contain_text("dark theme")
    expect(board.locator(".run-head")).to_contain_text("Completed")
    expect(slack.get_by_text("execution is complete").last).to_be_visible()
    with board.expect_download() as download:
        result.get_by_role("button", name="Download").click()
    assert "dark theme" in Path(download.value.path()).read_text()

    board.get_by_role("link", name="Audit trail").click()
    expect(board.get_by_role("list", name="Audit trail")).to_contain_text("checkpoint.decided")
    board.go_back()
    expect(result).to_be_visible()
    assert violations(board) == []


def test_on_a_phone_what_waits_appears_by_itself_and_goes_when_it_is_decided_in_slack(
    workspace: Workspace,
    bot: BotProcess,
    token: str,
    phone: Page,
    violations: Violations,
    snap: Snap,
) -> None:
    sign_in(phone, workspace, BEN)
    expect(phone.get_by_text("Nothing waits for your decision.")).to_be_visible()

    assert workspace.command(f"/crew {CREW} {CHANGES}", by=ANA).ok
    question = phone.get_by_role("link", name="Is each change below the right heading?")
    expect(question).to_be_visible()
    expect(phone.get_by_role("listitem")).to_contain_text("Asked for by")
    assert not overflows(phone)
    assert violations(phone) == []
    snap(phone, "board-waiting")
    question.click()
    expect(phone.get_by_role("button", name="Continue")).to_be_visible()
    assert not overflows(phone)

    card = workspace.wait_for(lambda: workspace.message_with("Stop"))
    assert workspace.click("Stop", by=ANA, message=card).ok
    expect(phone.get_by_text("The run was stopped elsewhere.")).to_be_visible(timeout=FOLLOWS)
    phone.get_by_role("link", name="Waiting").click()
    expect(phone.get_by_text("Nothing waits for your decision.")).to_be_visible()


def test_a_link_signs_in_once_and_says_what_to_do_then(
    workspace: Workspace,
    bot: BotProcess,
    token: str,
    board: Page,
    slack: Page,
    violations: Violations,
) -> None:
    address = link_for(workspace, ANA)
    board.goto(address)
    assert "cs_" not in board.url, "the secret stays in the address"
    board.get_by_role("button", name="Sign in").click()
    expect(board.get_by_role("heading", name="Waits for you")).to_be_visible()

    slack.goto(address)
    slack.get_by_role("button", name="Sign in").click()
    expect(slack.get_by_role("heading", name="This link cannot be used")).to_be_visible()
    expect(slack.get_by_text("/crew board")).to_be_visible()
    assert violations(slack) == []

    board.get_by_role("button", name="Sign out").click()
    expect(board.get_by_role("heading", name="Sign in to the board")).to_be_visible()
    board.go_back()
    expect(board.get_by_role("heading", name="Waits for you")).to_be_hidden()


def test_whoever_signs_in_with_a_token_may_do_what_the_token_may(
    workspace: Workspace, bot: BotProcess, token: str, board: Page
) -> None:
    board.goto(f"{bot.address}/#/runs")
    board.get_by_label("Or paste an API token").fill("cs_wrong")
    board.get_by_role("button", name="Sign in").click()
    expect(board.get_by_role("alert")).to_contain_text("not valid")
    board.get_by_label("Or paste an API token").fill(token)
    board.get_by_role("button", name="Sign in").click()

    expect(board.get_by_role("heading", name="Runs")).to_be_visible()
    expect(board.get_by_text("monitor")).to_be_visible()
    board.get_by_role("link", name="Start", exact=True).click()
    expect(board.get_by_text("You may read runs, and not start them.")).to_be_visible()


def test_the_board_says_that_the_connection_is_lost_and_comes_back(
    workspace: Workspace, bot: BotProcess, token: str, board: Page
) -> None:
    sign_in(board, workspace, BEN)
    expect(board.get_by_text("Live", exact=True)).to_be_visible()

    board.context.set_offline(True)
    expect(board.get_by_text("The connection is lost.")).to_be_visible()
    board.context.set_offline(False)

    expect(board.get_by_text("The connection is lost.")).to_be_hidden()
    expect(board.get_by_text("Live", exact=True)).to_be_visible()
