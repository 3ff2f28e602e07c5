"""The example page, driven in a browser against the real bot, and watched in the workspace."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.clients.web_package import WebPackage
from tests.support.processes import ROOT, BotProcess, free_port
from tests.support.workspace import BEN, Workspace

pytestmark = pytest.mark.browser

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
AXE = Path("node_modules/axe-core/axe.min.js")

Snap = Callable[[Page, str], None]


@pytest.fixture(scope="module")
def address(built_package: WebPackage, bot: BotProcess) -> Iterator[str]:
    """The built page, whose server passes /api on to the bot."""
    built_package.npm("run", "example:build")
    with built_package.serving(
        "preview", "example", port=free_port(), COUNTERSIGN_URL=bot.address
    ) as address:
        yield address


@pytest.fixture
def snap() -> Snap:
    folder = Path(os.environ.get("PICTURES_FOLDER", ROOT / "build" / "pictures"))
    folder.mkdir(parents=True, exist_ok=True)

    def save(page: Page, name: str) -> None:
        page.screenshot(path=folder / f"{name}.png", animations="disabled", full_page=True)

    return save


def start(page: Page, address: str, message: str) -> None:
    page.goto(address)
    page.get_by_label("What should it do?").fill(message)
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("heading", name="Read the plan")).to_be_visible()


def complaints(page: Page, package: WebPackage) -> list[str]:
    """What axe finds, colours included."""
    page.evaluate((package.folder / AXE).read_text())
    found = page.evaluate("axe.run().then((result) => result.violations)")
    return [f"{each['id']}: {each['nodes'][0]['html']}" for each in found]


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than its window."""
    return int(
        page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    )


def test_a_run_is_driven_on_the_page_and_watched_in_slack(
    browser: Browser,
    address: str,
    workspace: Workspace,
    built_package: WebPackage,
    snap: Snap,
) -> None:
    with browser.new_context(viewport=DESKTOP) as context:  # type: ignore[arg-type]  # a TypedDict
        page = context.new_page()
        problems: list[str] = []
        outside: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda line: problems.extend([line.text] * (line.type == "error")))
        page.on("request", lambda request: outside.append(request.url))
        start(page, address, "a summer fair")
        workspace.wait_for(lambda: workspace.message_with("Continue"))
        assert "a summer fair" in workspace.transcript()
        expect(page.get_by_role("status").first).to_contain_text("Your decision is needed. (live)")
        expect(page.get_by_text("then the run stops")).to_be_visible()
        assert complaints(page, built_package) == []
        assert page.title() == "Countersign example"
        snap(page, "web-client-desktop")

        # A revision asked for on the page, and one asked for in Slack.
        page.get_by_label("Feedback").fill("an orchestra")
        page.get_by_role("button", name="Revise").click()
        expect(page.get_by_text("Now with: an orchestra")).to_be_visible()
        page.get_by_label("Feedback").fill("words that are not sent yet")
        second = workspace.wait_for(lambda: workspace.message_with("Continue"))
        workspace.mention("shorter", by=BEN, thread=second)
        expect(page.get_by_text("Now with: shorter")).to_be_visible()
        expect(page.get_by_label("Feedback")).to_have_value("words that are not sent yet")

        page.reload()
        expect(page.get_by_label("Feedback")).to_be_visible()
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_text("Enter a value.")).to_be_visible()
        page.get_by_label("Budget in euros").fill("300")
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_role("heading", name="Published")).to_be_visible()
        workspace.wait_for(lambda: "execution is complete" in workspace.transcript())
        assert [url for url in outside if not url.startswith((address, "data:"))] == []
        assert problems == []
        snap(page, "web-client-result")


def test_on_a_phone_nothing_is_wider_than_the_screen_and_slack_decides(
    browser: Browser, address: str, workspace: Workspace, built_package: WebPackage, snap: Snap
) -> None:
    with browser.new_context(
        viewport=PHONE,  # type: ignore[arg-type]  # a TypedDict
        has_touch=True,
        is_mobile=True,
        device_scale_factor=2,
        color_scheme="dark",
    ) as context:
        page = context.new_page()
        start(page, address, "a winter fair")
        page.get_by_role("button", name="Stop").click()
        assert overflow(page) <= 0
        assert complaints(page, built_package) == []
        snap(page, "web-client-phone")
        card = workspace.wait_for(lambda: workspace.message_with("Continue"))
        assert workspace.click("Skip", by=BEN, message=card).ok
        expect(page.get_by_text("This was skipped elsewhere.")).to_be_visible()
        expect(page.get_by_role("heading", name="Published")).to_be_visible()


def test_a_page_on_another_origin_is_let_in_by_the_settings(
    browser: Browser, built_package: WebPackage, bot: BotProcess, page_port: int
) -> None:
    with (
        built_package.serving("example", port=page_port, VITE_COUNTERSIGN_URL=bot.address) as page_,
        browser.new_context() as context,
    ):
        page = context.new_page()
        start(page, page_, "a fair elsewhere")
        expect(page.get_by_role("status").first).to_contain_text("(live)")
        page.get_by_role("button", name="Stop").click()
        page.get_by_role("button", name="Stop the run").click()
        expect(page.get_by_role("status").first).to_contain_text("The run was stopped.")
