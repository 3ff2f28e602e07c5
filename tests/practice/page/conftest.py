"""A browser with the page, served by a canned workspace."""

import functools
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
)

from tests.practice.page import samples
from tests.practice.page.canned import CannedWorkspace
from tests.support.browser import PATIENCE, launched

OpenPage = Callable[..., Page]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture(scope="package")
def served_workspace() -> Iterator[CannedWorkspace]:
    canned = CannedWorkspace()
    with canned.serving():
        yield canned


@pytest.fixture
def workspace(served_workspace: CannedWorkspace) -> CannedWorkspace:
    served_workspace.reset()
    return served_workspace


def texts(elements: Locator) -> list[str]:
    """The text of each element."""
    return [text.strip() for text in elements.all_inner_texts()]


class Tab:
    """A browser tab that tests share, and the errors in it."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.page = context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.complaints: list[str] = []
        self.tolerated: str | None = None
        self._address = address
        self._loads = 0
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda problem: self.complaints.append(str(problem)))
        self.page.on("dialog", lambda dialog: self.complaints.append(f"alert: {dialog.message}"))

    def load(self, route: str) -> None:
        """Load a new document, even if only the fragment differs."""
        self._loads += 1
        self.page.goto(f"{self._address}/?load={self._loads}#{route}")

    def _on_console(self, message: ConsoleMessage) -> None:
        tolerated = self.tolerated is not None and self.tolerated in message.text
        if message.type == "error" and not tolerated:
            self.complaints.append(message.text)


@pytest.fixture(scope="package")
def tabs(browser: Browser, served_workspace: CannedWorkspace) -> Callable[[bool, bool], Tab]:
    """Tabs by (phone, dark), kept so that the page's files are fetched only once."""

    @functools.cache
    def tab(phone: bool, dark: bool) -> Tab:
        context = browser.new_context(
            viewport={"width": 390, "height": 844} if phone else {"width": 1280, "height": 800},
            has_touch=phone,
            color_scheme="dark" if dark else "light",
            locale="en-GB",
            timezone_id="Europe/Berlin",
        )
        return Tab(context, served_workspace.address)

    return tab


@pytest.fixture
def open_page(tabs: Callable[[bool, bool], Tab], workspace: CannedWorkspace) -> Iterator[OpenPage]:
    """`open_page(user=, channel=, thread=, tab=, pane=, phone=, dark=)`: the page, connected.

    The test fails if the page logged an error or violated its content security policy. `tolerate`
    is the text of an error that the test expects.
    """
    used: list[Tab] = []

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
        opened = tabs(phone, dark)
        used.append(opened)
        opened.complaints.clear()
        opened.tolerated = tolerate
        parts = {"u": user, "c": channel, "t": thread, "tab": tab, "v": pane}
        opened.load("&".join(f"{name}={value}" for name, value in parts.items() if value))
        opened.page.locator("[data-ready]").wait_for(state="attached")
        return opened.page

    yield open_one
    for opened in used:
        assert opened.complaints == []
