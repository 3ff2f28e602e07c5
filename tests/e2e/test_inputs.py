"""A crew with several inputs is started by the form, on a desktop and on a phone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Snap
from tests.e2e.test_main_job import PHASE_SECONDS, open_as
from tests.support.prefork_server import PreforkServer
from tests.support.processes import BotProcess
from tests.support.workspace import ANA, Workspace

pytestmark = pytest.mark.browser

CREWS = """
crews:
  launch:
    description: A launch plan for one product of one company
    crew: tests.e2e.input_crews:launch
    approvers: ["@channel"]
    inputs:
      topic: {label: "What is launched?"}
      company: {default: ACME}
      tone: {choices: [dry, warm, playful]}
      until: {type: date}
      posts: {type: number, default: 3}
"""


@pytest.fixture(scope="module")
def launcher(
    workspace: Workspace,
    crewai_prefork_server: PreforkServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[BotProcess]:
    folder = tmp_path_factory.mktemp("bot")
    crews = folder / "crews.yml"
    crews.write_text(CREWS)
    with BotProcess(
        folder, env=workspace.env(), crews_file=crews, prefork_server=crewai_prefork_server
    ) as bot:
        workspace.wait_until_connected()
        yield bot


def open_form(page: Page, workspace: Workspace) -> None:
    open_as(page, workspace, ANA)
    page.get_by_test_id("composer").fill("/crew launch topic=“Electric bicycles”")
    page.get_by_test_id("composer").press("Enter")
    expect(page.get_by_test_id("modal")).to_be_visible()


def test_the_form_starts_the_crew_with_what_was_typed_chosen_and_left_to_defaults(
    desktop: Page, workspace: Workspace, launcher: BotProcess, snap: Snap
) -> None:
    open_form(desktop, workspace)
    form = desktop.get_by_test_id("modal")
    expect(form.get_by_label("What is launched?")).to_have_value("Electric bicycles")
    expect(form.get_by_label("Company")).to_have_value("ACME")

    form.get_by_label("Tone").select_option("warm")
    form.get_by_label("Until").fill("2026-05-31")
    form.get_by_label("Posts").fill("some")
    snap(desktop, "desktop-inputs")
    form.get_by_role("button", name="Start").click()
    expect(form.get_by_text("expected a number")).to_be_visible()
    form.get_by_label("Posts").fill("5")
    form.get_by_role("button", name="Start").click()
    expect(form).to_have_count(0)

    waiting = workspace.wait_for(lambda: workspace.message_with("Continue"), PHASE_SECONDS)
    prompt = "Launch Electric bicycles for ACME until 2026-05-31, warm, in 5"
    assert prompt in waiting.everything
    root = workspace.threads()[-1].everything
    assert "topic: Electric bicycles" in root
    assert "tone: warm" in root
    workspace.click("Continue", message=waiting)


def test_the_form_fits_on_a_phone(
    phone: Page, workspace: Workspace, launcher: BotProcess, snap: Snap
) -> None:
    open_form(phone, workspace)

    snap(phone, "phone-inputs")
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390, "nothing sticks out"
    start = phone.get_by_role("button", name="Start").bounding_box()
    assert start is not None
    assert start["height"] >= 36, "a thumb must hit it"
