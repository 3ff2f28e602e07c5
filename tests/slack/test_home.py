"""The Home tab and `/crew inbox`: what waits for a person over all channels, and its buttons."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from practice.limits import check_view
from practice.state.records import View
from storage.records import Action
from storage.states import ExecutionState
from tests.slack.stage import Stage, default_crews
from tests.support.factories import crew, rule
from tests.support.people import Answer
from tests.support.workspace import ANA, BEN, GUS, Workspace

VIEW_KEYS = ("type", "title", "submit", "close", "blocks", "private_metadata", "callback_id")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    crews = default_crews() | {
        "urgent": crew(name="urgent", decided_by=rule(timeout=timedelta(minutes=30))),
    }
    database = tmp_path_factory.mktemp("stage") / "c.db"
    with Workspace() as workspace, Stage(workspace, database, crews=crews) as ready:
        yield ready


def opened(workspace: Workspace, by: str = ANA, *, shows: str = "Waits for you") -> View:
    """Open the Home, and wait until the bot has published it with this text."""
    before = workspace.home(by)
    seen = before.hash if before is not None else ""
    workspace.open_home(by)

    def published() -> View | None:
        home = workspace.home(by)
        is_new = home is not None and home.hash != seen
        return home if is_new and home is not None and shows in read(home) else None

    return workspace.wait_for(published, what=f"“{shows}” in the Home")


def texts(node: object) -> str:
    """Everything that a person reads in blocks."""
    if isinstance(node, list):
        return "\n".join(map(texts, node))
    if not isinstance(node, dict):
        return ""
    own = [node["text"]] if isinstance(node.get("text"), str) else []
    return "\n".join([*own, *(texts(inner) for inner in node.values())])


def read(home: View) -> str:
    return texts(home.definition["blocks"])


def wait_until_read(workspace: Workspace, text: str, by: str = ANA) -> None:
    def shows() -> bool:
        home = workspace.home(by)
        return home is not None and text in read(home)

    workspace.wait_for(shows, what=f"“{text}” in the Home")


def test_a_home_without_anything_says_so_and_starts_a_run(workspace: Workspace) -> None:
    home = opened(workspace, shows="Nothing waits for you.")

    assert "Start a crew…" in read(home)
    assert check_view({k: v for k, v in home.definition.items() if k in VIEW_KEYS}) == []


def test_what_waits_is_listed_by_deadline_with_its_place_gist_and_buttons(
    stage: Stage, workspace: Workspace
) -> None:
    later = stage.start("plan a *summer* campaign")
    stage.work("# The plan\n\nRide more often.")
    stage.armed(later)
    sooner = stage.start("urgent bees", in_="general")
    stage.work("Call somebody.")
    stage.armed(sooner)

    home = opened(workspace, shows="*plan* a")
    shown = read(home)
    assert shown.index("*urgent* bees") < shown.index("*plan* a *summer* campaign")
    assert "<#C00GENERAL1> · Checkpoint 1 of 2 · after planning" in shown
    assert "Review the planning" in shown
    assert "Checkpoint 1 of 2 · after planning" in shown
    assert "Ride more often." in shown
    assert "then the run stops." in shown
    for label in ("Continue to analysis", "Revise", "Skip", "Stop", "Read it all"):
        assert label in shown
    assert "Your runs" in shown
    assert "Waiting for a decision after planning" in shown
    assert check_view({k: v for k, v in home.definition.items() if k in VIEW_KEYS}) == []


def test_a_home_gets_the_buttons_when_the_card_appears(stage: Stage, workspace: Workspace) -> None:
    execution = stage.start("plan a card that comes late")
    opened(workspace, shows="a card that comes late")
    workspace.faults.hang("chat.postMessage", 4.0)

    stage.work("Call somebody.")
    wait_until_read(workspace, "Its card is about to appear in the thread.")
    stage.armed(execution)

    wait_until_read(workspace, "Continue to analysis")


def test_only_those_who_may_decide_see_a_checkpoint(stage: Stage, workspace: Workspace) -> None:
    stage.armed(_waiting(stage, "guarded something"))

    opened(workspace, ANA, shows="Nothing waits for you.")
    opened(workspace, BEN, shows="*guarded* something")
    opened(workspace, GUS, shows="Nothing waits for you.")


def _waiting(stage: Stage, command: str, *, by: str = ANA) -> Any:
    execution = stage.start(command, by=by)
    stage.work()
    return execution


def test_members_of_a_user_group_see_what_waits_for_it(stage: Stage, workspace: Workspace) -> None:
    stage.armed(_waiting(stage, "group something"))

    opened(workspace, BEN, shows="*group* something")
    opened(workspace, ANA, shows="Nothing waits for you.")


def test_a_click_in_the_home_decides_and_the_home_follows(
    stage: Stage, workspace: Workspace
) -> None:
    execution = _waiting(stage, "plan something")
    stage.armed(execution)
    opened(workspace, shows="Revise")

    assert workspace.click_home("checkpoint_continue").ok

    (checkpoint,) = stage.reads.checkpoints(execution.id)
    assert checkpoint.feedback is not None
    assert checkpoint.feedback.action is Action.CONTINUE
    assert checkpoint.feedback.actor.id == ANA
    wait_until_read(workspace, "Nothing waits for you.")
    wait_until_read(workspace, "Continued by")


def test_a_home_that_is_open_shows_what_comes_to_wait(stage: Stage, workspace: Workspace) -> None:
    opened(workspace)
    execution = _waiting(stage, "plan something")
    stage.armed(execution)

    wait_until_read(workspace, "Continue to analysis")


def test_a_click_on_a_home_that_is_out_of_date_is_answered_in_front_of_it(
    stage: Stage, workspace: Workspace
) -> None:
    execution = _waiting(stage, "plan something")
    stage.armed(execution)
    home = opened(workspace, shows="Revise")
    out_of_date = replace(home)
    workspace.click("Skip", by=BEN, message=stage.armed(execution))

    assert _click_what_was_shown(workspace, out_of_date).ok

    assert "Too late: this was already skipped" in texts(workspace.open_view(ANA).definition)


def _click_what_was_shown(workspace: Workspace, home: View) -> Answer:
    """Click Continue on a screen that still shows it."""
    current = workspace.home(ANA)
    assert current is not None

    def put_back() -> None:
        current.definition = {**current.definition, "blocks": home.definition["blocks"]}

    workspace.call(put_back)
    return workspace.click_home("checkpoint_continue")


def test_revise_in_the_home_opens_the_form_and_its_words_count(
    stage: Stage, workspace: Workspace
) -> None:
    execution = _waiting(stage, "plan something")
    stage.armed(execution)
    opened(workspace, shows="Revise")

    assert workspace.click_home("checkpoint_revise").ok
    assert workspace.submit({"revision_text_input": "shorter, please"}).ok

    (checkpoint,) = stage.reads.checkpoints(execution.id)
    assert checkpoint.feedback is not None
    assert checkpoint.feedback.text == "shorter, please"


def test_read_it_all_in_the_home_opens_the_whole_text(stage: Stage, workspace: Workspace) -> None:
    execution = stage.start("plan something")
    stage.work("It begins so.\n\n" + "A sentence in the middle. " * 60 + "It ends so.")
    stage.armed(execution)
    opened(workspace, shows="Read it all")

    assert workspace.click_home("checkpoint_read").ok

    shown = texts(workspace.open_view(ANA).definition)
    assert "It begins so." in shown
    assert "It ends so." in shown


def test_a_form_from_the_home_that_is_closed_is_answered_in_the_runs_thread(
    stage: Stage, workspace: Workspace
) -> None:
    execution = _waiting(stage, "plan something")
    stage.armed(execution)
    opened(workspace, shows="Revise")
    workspace.click_home("checkpoint_revise")
    workspace.close_view()

    stage.answer_to(ANA, "Your next reply in this thread")


def test_the_inbox_lists_the_same_and_its_buttons_decide(
    stage: Stage, workspace: Workspace
) -> None:
    execution = _waiting(stage, "guarded something")
    stage.armed(execution)

    workspace.command("inbox", by=ANA, in_="general")
    stage.answer_to(ANA, "Nothing waits for you.")
    workspace.command("inbox", by=BEN, in_="random")
    shown = stage.answer_to(BEN, "1 checkpoint waiting for you")
    assert "*guarded* something" in shown
    assert "<#C00CAMPAIGN>" in shown
    (listed,) = [m for m in workspace.ephemerals(BEN) if "waiting for you" in m.everything]

    assert workspace.click("Continue", by=BEN, message=listed).ok

    assert stage.reads.execution(execution.id).state is ExecutionState.RUNNING


def test_more_than_fits_is_counted(stage: Stage, workspace: Workspace) -> None:
    for number in range(12):
        _waiting(stage, f"plan number {number}", by=BEN)

    home = opened(workspace, BEN, shows="and 2 more: `/crew inbox`")
    assert check_view({k: v for k, v in home.definition.items() if k in VIEW_KEYS}) == []
    workspace.command("inbox", by=BEN, in_="general")
    assert "12 checkpoints waiting for you" in stage.answer_to(BEN, "waiting for you")
