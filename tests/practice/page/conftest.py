"""A browser, and the page in it with what a test lets the workspace hold."""

import functools
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.practice.page import samples
from tests.practice.page.canned import CannedWorkspace

OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

OpenPage = Callable[..., Page]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=OPTIONS)
        yield opened
        opened.close()


@pytest.fixture(scope="package")
def served_workspace() -> Iterator[CannedWorkspace]:
    canned = CannedWorkspace()
    with canned.serving():
        yield canned


@pytest.fixture
def workspace(served_workspace: CannedWorkspace) -> CannedWorkspace:
    served_workspace.reset()
    return served_workspace


@pytest.fixture(scope="package")
def contexts(browser: Browser) -> Callable[[bool, bool], BrowserContext]:
    """Browser contexts by (phone, dark). They are kept, so the page's files are fetched once."""

    @functools.cache
    def context(phone: bool, dark: bool) -> BrowserContext:
        return browser.new_context(
            viewport={"width": 390, "height": 844} if phone else {"width": 1280, "height": 800},
            has_touch=phone,
            color_scheme="dark" if dark else "light",
            locale="en-GB",
            timezone_id="Europe/Berlin",
        )

    return context


@pytest.fixture
def open_page(
    contexts: Callable[[bool, bool], BrowserContext], workspace: CannedWorkspace
) -> Iterator[OpenPage]:
    """`open_page(user=, channel=, thread=, tab=, pane=, phone=, dark=)`: the page, ready and connected.

    The test fails when the page logged an error, broke its content policy, or asked another server;
    `tolerate` names an error that the test is about.
    """
    pages: list[Page] = []
    complaints: list[str] = []

    def open_one(
        *,
        user: str = samples.BEN,
        channel: str = samples.CAMPAIGNS,
        thread: str | None = None,
        tab: str | None = None,
        pane: str | None = None,
        phone: bool = False,
        dark: bool = False,
        tolerate: str | None = None,
    ) -> Page:
        page = contexts(phone, dark).new_page()
        pages.append(page)
        page.set_default_timeout(5000)
        _listen(page, workspace.address, complaints, tolerate)
        parts = {"u": user, "c": channel, "t": thread, "tab": tab, "v": pane}
        route = "&".join(f"{name}={value}" for name, value in parts.items() if value)
        page.goto(f"{workspace.address}/#{route}")
        page.locator("[data-ready]").wait_for(state="attached")
        return page

    yield open_one
    for page in pages:
        page.close()
    assert complaints == []


def _listen(page: Page, address: str, complaints: list[str], tolerate: str | None) -> None:
    def on_console(message: Any) -> None:
        if message.type == "error" and (tolerate is None or tolerate not in message.text):
            complaints.append(message.text)

    def on_request(request: Any) -> None:
        if not request.url.startswith((address, address.replace("http", "ws", 1))):
            complaints.append(f"asked for {request.url}")

    page.on("console", on_console)
    page.on("pageerror", lambda problem: complaints.append(str(problem)))
    page.on("request", on_request)
    page.on("dialog", lambda dialog: complaints.append(f"alert: {dialog.message}"))
