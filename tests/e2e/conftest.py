"""The real bot, a practice workspace and a browser in front of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.support.browser import launched
from tests.support.prefork_server import PreforkServer
from tests.support.processes import ROOT, BotProcess, crews_file
from tests.support.workspace import Workspace

DESKTOP = {"width": 1280, "height": 860}
PHONE = {"width": 390, "height": 844}

Snap = Callable[[Page, str], None]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture
def desktop(browser: Browser) -> Iterator[Page]:
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


@pytest.fixture(scope="module")
def workspace() -> Iterator[Workspace]:
    """One workspace for all tests of a file; each leaves no checkpoint open."""
    with Workspace() as workspace:
        yield workspace


@pytest.fixture(scope="module")
def bot(
    workspace: Workspace,
    crewai_prefork_server: PreforkServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[BotProcess]:
    """The bot with the shipped crews, running in the workspace."""
    folder = tmp_path_factory.mktemp("bot")
    crews = crews_file(folder, "plan")
    with BotProcess(
        folder, env=workspace.env(), crews_file=crews, prefork_server=crewai_prefork_server
    ) as bot:
        workspace.wait_until_connected()
        yield bot


@pytest.fixture
def snap() -> Snap:
    """Saves a screenshot. `make pictures` writes it to the folder that the README shows."""
    folder = Path(os.environ.get("PICTURES_FOLDER", ROOT / "build" / "pictures"))
    folder.mkdir(parents=True, exist_ok=True)

    def save(page: Page, name: str) -> None:
        page.screenshot(path=folder / f"{name}.png", animations="disabled")

    return save
