"""The Home tab and the start form in a browser, at desktop and phone width."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from storage.definitions import CrewInput, CrewReport, Examination
from storage.states import CheckpointState, ExecutionState
from tests.slack.stage import Stage
from tests.support.factories import crew
from tests.support.workspace import ANA, Workspace

pytestmark = pytest.mark.browser

LAUNCH = (CrewInput("topic"), CrewInput("company", label="For which company?"))


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    crews = {"plan": crew(), "launch": crew(name="launch")}
    database: Path = tmp_path_factory.mktemp("home") / "c.db"
    with Workspace() as workspace, Stage(workspace, database, crews=crews) as ready:
        examination = Examination(kind="crew", inputs=LAUNCH)
        ready.state.report_crew(CrewReport("launch", None, (), datetime.now(UTC), examination))
        yield ready


@pytest.fixture(params=["desktop", "phone"])
def page(request: pytest.FixtureRequest) -> Page:
    shown: Page = request.getfixturevalue(request.param)
    return shown


def open_home(page: Page, stage: Stage) -> None:
    stage.tidy()
    workspace = stage.workspace
    page.goto(f"{workspace.url}/#u={ANA}&c={workspace.dm(ANA)}&tab=home")
    expect(page.get_by_role("heading", name="Waits for you")).to_be_visible()


def test_a_checkpoint_is_decided_in_the_home(page: Page, stage: Stage) -> None:
    open_home(page, stage)
    execution = stage.start("plan a summer campaign")
    stage.work("# The plan\n\nWe open the season with a ride along the river.")
    stage.armed(execution)

    home = page.get_by_test_id("home")
    expect(home.get_by_text("ride along the river")).to_be_visible()
    overflow = page.evaluate("document.documentElement.scrollWidth > innerWidth")
    assert not overflow
    home.get_by_role("button", name="Continue to analysis").click()

    expect(home.get_by_text("Nothing waits for you.")).to_be_visible()
    (checkpoint,) = stage.reads.checkpoints(execution.id)
    assert checkpoint.state is CheckpointState.APPROVED


def test_a_run_is_started_from_the_home_with_the_fields_of_the_chosen_crew(
    page: Page, stage: Stage
) -> None:
    open_home(page, stage)
    page.get_by_role("button", name="Start a crew…").click()
    form = page.get_by_role("dialog")
    form.get_by_label("Crew").select_option("launch")
    form.get_by_label("Topic").fill("electric bicycles")
    form.get_by_label("For which company?").fill("ACME")
    form.get_by_label("Channel").select_option(label="#general")
    expect(form.get_by_text("Checkpoints to leave out")).to_be_visible()
    expect(form.get_by_label("Topic")).to_have_value("electric bicycles")
    form.get_by_role("button", name="Start").click()
    expect(form).to_be_hidden()

    (execution,) = stage.reads.executions(states=[ExecutionState.PENDING])
    assert dict(execution.request.inputs()) == {"topic": "electric bicycles", "company": "ACME"}
    assert execution.channel == stage.workspace.channel("general").id
