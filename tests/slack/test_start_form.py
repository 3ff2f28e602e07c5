"""The form that starts any crew: by a bare command, by shortcuts and from the Home tab."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from practice.limits import check_view
from practice.state.records import Channel
from storage.definitions import CrewInput, CrewReport, Examination, InputType
from storage.records import Execution
from storage.states import ExecutionState
from tests.slack.stage import Stage, default_crews
from tests.support.factories import crew
from tests.support.workspace import ANA, BEN, GUS, Workspace

MANIFEST = Path(__file__).parents[2] / "manifest.yml"
VIEW_KEYS = ("type", "title", "submit", "close", "blocks", "private_metadata", "callback_id")
EXAMINED = {
    "launch": (CrewInput("topic"), CrewInput("company", label="For which company?")),
    "report": (
        CrewInput("subject"),
        CrewInput("company", label="For which company?"),
        CrewInput("count", InputType.NUMBER, default=3),
    ),
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    crews = default_crews() | {name: crew(name=name) for name in EXAMINED}
    database = tmp_path_factory.mktemp("stage") / "c.db"
    with Workspace() as workspace, Stage(workspace, database, crews=crews) as ready:
        workspace.install_shortcuts(*yaml.safe_load(MANIFEST.read_text())["features"]["shortcuts"])
        for name, inputs in EXAMINED.items():
            examination = Examination(kind="crew", inputs=inputs)
            ready.state.report_crew(CrewReport(name, None, (), datetime.now(UTC), examination))
        yield ready


def fields(workspace: Workspace, by: str = ANA) -> dict[str, dict[str, Any]]:
    """The fields of the open form by their label."""
    definition = workspace.open_view(by).definition
    assert check_view({k: v for k, v in definition.items() if k in VIEW_KEYS}) == []
    return {
        block["label"]["text"]: block["element"]
        for block in definition["blocks"]
        if block["type"] == "input"
    }


def choose(workspace: Workspace, crew_name: str, *, entered: dict[str, str], by: str = ANA) -> None:
    """Choose another crew, with what was entered so far."""
    values = {
        f"input_{name}": {name: {"type": "plain_text_input", "value": value}}
        for name, value in entered.items()
    }
    option = {"value": crew_name, "text": {"type": "plain_text", "text": crew_name}}
    answer = workspace.click_view(
        "start_crew", by=by, selected_option=option, state={"values": values}
    )
    assert answer.ok, answer


def started(stage: Stage) -> Execution:
    (execution,) = stage.reads.executions(states=[ExecutionState.PENDING])
    return execution


def test_a_bare_command_opens_a_form_with_the_fields_of_the_first_crew(
    stage: Stage, workspace: Workspace
) -> None:
    assert workspace.command("").ok

    shown = fields(workspace)
    assert list(shown) == [
        "Crew",
        "What should it work on?",
        "Language",
        "Checkpoints to leave out",
    ]
    crews = [option["value"] for option in shown["Crew"]["options"]]
    assert crews == list(stage.crews)
    assert shown["Crew"]["initial_option"]["value"] == "plan"


def test_the_submitted_form_starts_the_crew_in_this_channel(
    stage: Stage, workspace: Workspace
) -> None:
    workspace.command("", in_="general")
    answer = workspace.submit(
        {
            "What should it work on?": "a summer *campaign*",
            "Language": "German",
            "Checkpoints to leave out": ["1"],
        }
    )

    assert answer.ok, answer
    execution = started(stage)
    assert execution.crew == "plan"
    assert execution.request.text == "a summer *campaign*"
    assert execution.request.language == "German"
    assert execution.left_out == ("after_analysis",)
    workspace.wait_for(
        lambda: any("a summer" in m.everything for m in workspace.threads("general")),
        what="the thread",
    )


def test_choosing_a_crew_shows_its_fields_and_keeps_what_was_typed(
    stage: Stage, workspace: Workspace
) -> None:
    workspace.command("")
    choose(workspace, "launch", entered={"user_input": "electric bicycles"})

    shown = workspace.wait_for(
        lambda: f if "Topic" in (f := fields(workspace)) else None, what="the fields of launch"
    )
    assert list(shown) == ["Crew", "Topic", "For which company?", "Checkpoints to leave out"]
    assert shown["Crew"]["initial_option"]["value"] == "launch"

    choose(workspace, "report", entered={"topic": "bicycles", "company": "ACME"})
    shown = workspace.wait_for(
        lambda: f if "Subject" in (f := fields(workspace)) else None, what="the fields of report"
    )
    assert shown["For which company?"]["initial_value"] == "ACME"
    assert shown["Count"]["initial_value"] == "3"

    assert workspace.submit({"Subject": "bicycles"}).ok
    assert dict(started(stage).request.inputs()) == {"subject": "bicycles", "company": "ACME"}


def test_a_form_sent_before_it_showed_the_chosen_crew_shows_its_fields_first(
    stage: Stage, workspace: Workspace
) -> None:
    workspace.command("")
    answer = workspace.submit({"Crew": "launch", "What should it work on?": "electric bicycles"})

    assert answer.ok
    assert "Topic" in fields(workspace)
    assert stage.reads.executions(states=[ExecutionState.PENDING]) == ()


def test_only_who_may_decide_is_offered_to_leave_a_checkpoint_out(workspace: Workspace) -> None:
    workspace.command("", by=GUS)
    assert "Checkpoints to leave out" not in fields(workspace, GUS)

    workspace.command("", by=BEN)
    choose(workspace, "guarded", entered={}, by=BEN)
    options = fields(workspace, BEN)["Checkpoints to leave out"]["options"]
    assert [option["text"]["text"] for option in options] == [
        "after planning: Review the planning",
        "after analysis: Review the analysis",
    ]


def test_in_a_direct_message_the_form_asks_for_the_channel_and_then_for_checkpoints(
    stage: Stage, workspace: Workspace
) -> None:
    general = workspace.channel("general").id
    workspace.command("", in_=workspace.dm(ANA))
    assert "Channel" in fields(workspace)
    assert "Checkpoints to leave out" not in fields(workspace)

    assert workspace.click_view("start_place_input", selected_conversation=general).ok
    workspace.wait_for(
        lambda: "Checkpoints to leave out" in fields(workspace), what="the checkpoints"
    )
    assert workspace.submit(
        {
            "What should it work on?": "bees",
            "Channel": general,
            "Checkpoints to leave out": ["0"],
        }
    ).ok

    assert started(stage).channel == general
    assert started(stage).left_out == ("after_planning",)


def test_a_channel_that_the_bot_cannot_enter_is_named_at_its_field(
    stage: Stage, workspace: Workspace
) -> None:
    workspace.add_channel(Channel("G00SECRET01", "secret", [ANA], is_private=True))
    workspace.command("", in_=workspace.dm(ANA))

    answer = workspace.submit({"What should it work on?": "bees", "Channel": "G00SECRET01"})

    assert "Choose another one, or invite me" in answer.errors["start_place"]
    assert workspace.has_view(ANA)


def test_a_global_shortcut_and_the_home_open_the_same_form(
    stage: Stage, workspace: Workspace
) -> None:
    assert workspace.global_shortcut("start_crew").ok
    assert "Channel" in fields(workspace)
    workspace.close_view()

    workspace.open_home(ANA)
    workspace.wait_for(lambda: workspace.home(ANA), what="the Home")
    assert workspace.click_home("start_open").ok
    assert "Channel" in fields(workspace)


def test_a_form_that_slack_does_not_open_is_replaced_by_words(
    stage: Stage, workspace: Workspace
) -> None:
    workspace.faults.error("views.open", "expired_trigger_id")
    workspace.command("")

    assert "`/crew list` shows the crews" in stage.answer_to(ANA, "The form could not be opened")


def test_a_crew_is_started_on_a_message_in_its_channel(stage: Stage, workspace: Workspace) -> None:
    message = workspace.say("Write about <b>bees</b> & honey", by=BEN, in_="general")

    assert workspace.message_shortcut("start_on_message", message=message).ok
    shown = fields(workspace)
    assert shown["What should it work on?"]["initial_value"] == "Write about <b>bees</b> & honey"
    assert "Channel" not in shown
    assert workspace.submit({}).ok

    execution = started(stage)
    assert execution.channel == workspace.channel("general").id
    assert execution.requester.id == ANA
    assert execution.request.text == "Write about <b>bees</b> & honey"


def test_mentions_in_the_message_reach_the_form_by_name(workspace: Workspace) -> None:
    message = workspace.say(f"Ask <@{BEN}> about bees", in_="general")

    assert workspace.message_shortcut("start_on_message", message=message).ok

    words = fields(workspace)["What should it work on?"]["initial_value"]
    assert words == "Ask @Ben Okafor about bees"


def test_a_message_that_is_longer_than_a_field_is_clipped_and_the_form_says_so(
    workspace: Workspace,
) -> None:
    message = workspace.say("bees " * 700, in_="general")

    assert workspace.message_shortcut("start_on_message", message=message).ok

    assert len(fields(workspace)["What should it work on?"]["initial_value"]) == 3000
    assert "this is its beginning" in str(workspace.open_view(ANA).definition)


def test_a_message_becomes_the_revision_of_what_waits_in_its_thread(
    stage: Stage, workspace: Workspace
) -> None:
    execution = stage.start("guarded bees")
    stage.work()
    message = stage.armed(execution)
    words = workspace.reply("Shorter, and with a budget.", by=ANA, thread=message)

    assert workspace.message_shortcut("use_as_revision", by=ANA, message=words).ok
    stage.answer_to(ANA, "You are not one of those who may decide this")
    assert workspace.message_shortcut("use_as_revision", by=BEN, message=words).ok
    stage.answer_to(BEN, "the phase is revised with what you wrote")

    (checkpoint,) = stage.reads.checkpoints(execution.id)
    assert checkpoint.feedback is not None
    assert checkpoint.feedback.text == "Shorter, and with a budget."
    assert checkpoint.feedback.actor.id == BEN

    assert workspace.message_shortcut("use_as_revision", by=BEN, message=words).ok
    stage.answer_to(BEN, "Nothing waits for a decision in this thread")


def test_a_message_outside_the_thread_of_a_run_is_no_revision(
    stage: Stage, workspace: Workspace
) -> None:
    message = workspace.say("Shorter!", in_="general")

    assert workspace.message_shortcut("use_as_revision", message=message).ok

    stage.answer_to(ANA, "not in the thread of a run")
