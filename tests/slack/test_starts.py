"""Starting a crew with inputs of its own: `name=value`, the form, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from practice.limits import check_view
from practice.state.records import Channel
from storage.definitions import (
    CrewDefinition,
    CrewInput,
    CrewReport,
    Examination,
    InputType,
    Limits,
)
from storage.records import Execution
from storage.states import ExecutionState
from tests.slack.stage import Stage, default_crews
from tests.support.factories import crew
from tests.support.workspace import ANA, Workspace

TYPED = (
    CrewInput("topic", label="Which topic?"),
    CrewInput("count", InputType.NUMBER, default=3),
    CrewInput("tone", InputType.CHOICE, choices=("dry", "warm"), default="dry"),
    CrewInput("until", InputType.DATE),
    CrewInput("draft", InputType.YES_NO, default=True),
    CrewInput("tags", InputType.JSON, default=["a"]),
    CrewInput("current_year"),
)


def crews() -> dict[str, CrewDefinition]:
    """`launch` takes two texts, `typed` one input of each type, `solo` a topic, `still` nothing,
    `Capital` a topic, `open` is a flow that takes any input."""
    names = ("launch", "typed", "solo", "still", "Capital", "open")
    bounded = replace(crew(name="bounded"), limits=Limits(at_once=1))
    return default_crews() | {name: crew(name=name) for name in names} | {"bounded": bounded}


EXAMINED = {
    "launch": (CrewInput("topic"), CrewInput("company", label="For which company?")),
    "typed": TYPED,
    "solo": (CrewInput("topic", default="AI LLMs"), CrewInput("current_year")),
    "still": (),
    "Capital": (CrewInput("topic"),),
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    database = tmp_path_factory.mktemp("stage") / "c.db"
    with Workspace() as workspace, Stage(workspace, database, crews=crews()) as ready:
        for name, inputs in EXAMINED.items():
            examination = Examination(kind="crew", inputs=inputs)
            ready.state.report_crew(CrewReport(name, None, (), datetime.now(UTC), examination))
        examination = Examination(kind="flow", takes_any_input=True)
        ready.state.report_crew(CrewReport("open", None, (), datetime.now(UTC), examination))
        yield ready


def given(execution: Execution) -> dict[str, object]:
    """What the crew gets."""
    return dict(execution.request.inputs())


def nothing_runs(stage: Stage) -> bool:
    return stage.reads.executions(states=[ExecutionState.PENDING]) == ()


# --- in one line ------------------------------------------------------------------------------


def test_the_only_open_input_takes_the_words(stage: Stage) -> None:
    execution = stage.start("solo electric bicycles")

    assert given(execution) == {"topic": "electric bicycles", "current_year": str(_year())}
    root = stage.root(execution).everything
    assert "asked *solo* for" in root
    assert "the request is the input `topic`" in root


def _year() -> int:
    return datetime.now(UTC).year


@pytest.mark.parametrize(
    "typed",
    [
        'launch topic="AI LLMs" company=ACME',
        "launch company=ACME AI LLMs",
        "launch Topic=“AI LLMs” COMPANY='ACME'",
        "launch topic=‘AI LLMs’, company=ACME,",
        "launch\ncompany=ACME\ntopic='AI LLMs'",
    ],
)
def test_inputs_are_named_in_the_command_and_shown_in_the_thread(stage: Stage, typed: str) -> None:
    execution = stage.start(typed)

    assert given(execution) == {"topic": "AI LLMs", "company": "ACME"}
    assert "company: ACME" in stage.root(execution).everything


def test_pairs_that_name_no_input_are_words(stage: Stage) -> None:
    execution = stage.start("solo prove that a=b for x=1 https://a.example/?topic=x")

    assert given(execution)["topic"] == "prove that a=b for x=1 https://a.example/?topic=x"


def test_a_mistyped_input_is_refused_with_the_right_name_and_the_command(
    stage: Stage, workspace: Workspace
) -> None:
    workspace.command("launch topic=x compny=ACME")

    answer = stage.answer_to(ANA, "has no input `compny`. Did you mean `company`?")
    assert "```/crew launch topic=x compny=ACME```" in answer
    assert nothing_runs(stage)


def test_a_crew_that_takes_nothing_starts_without_words_and_refuses_words(
    stage: Stage, workspace: Workspace
) -> None:
    workspace.command("still write about bees")

    answer = stage.answer_to(ANA, "*still* takes no request, so your words would be lost")
    assert "```/crew still write about bees```" in answer
    assert nothing_runs(stage)

    execution = stage.start("still")
    assert given(execution) == {}
    assert f"<@{ANA}> started *still*" in stage.root(execution).everything


def test_a_language_that_nothing_takes_is_refused(stage: Stage, workspace: Workspace) -> None:
    workspace.command("solo bees --language German")

    answer = stage.answer_to(ANA, "*solo* takes no language")
    assert "```/crew solo bees --language German```" in answer
    assert nothing_runs(stage)


@pytest.mark.parametrize(
    "typed",
    [
        "solo\nbees",
        "solo\tbees",
        "solo\u00a0bees",
        "solo\u202fbees",
        "solo\u3000bees",
        "solo: bees",
        "solo:bees",
        "`solo` bees",
        "SOLO bees",
        "start solo bees",
        "“solo” bees",
    ],
)
def test_the_name_is_understood_however_it_is_typed(stage: Stage, typed: str) -> None:
    assert given(stage.start(typed))["topic"] == "bees"


def test_a_crew_with_a_capital_letter_can_be_started(stage: Stage) -> None:
    assert stage.start("capital bees").crew == "Capital"
    assert stage.start("Capital bees").crew == "Capital"


@pytest.mark.parametrize("option", ["--lang", "--langauge", "––langauge", "—lang"])
def test_a_mistyped_option_is_refused_with_the_right_one(
    stage: Stage, workspace: Workspace, option: str
) -> None:
    workspace.command(f"plan bees {option} German")

    answer = stage.answer_to(ANA, "Did you mean `--language`?")
    assert f"```/crew plan bees {option} German```" in answer
    assert nothing_runs(stage)


@pytest.mark.parametrize("typed", ["typed help", "typed --help", "typed —help", "typed ?"])
def test_help_about_a_crew_shows_its_inputs_instead_of_starting_it(
    stage: Stage, workspace: Workspace, typed: str
) -> None:
    workspace.command(typed)

    answer = stage.answer_to(ANA, "Inputs:")
    assert "• `topic` Which topic? (text)" in answer
    assert "• `count` Count (number, default “3”)" in answer
    assert "• `tone` Tone (choice, one of dry, warm, default “dry”)" in answer
    assert "current_year" not in answer
    assert "`/crew typed topic=… until=2026-05-31`" in answer
    assert nothing_runs(stage)


def test_the_list_shows_inputs(stage: Stage, workspace: Workspace) -> None:
    workspace.command("list")

    answer = stage.answer_to(ANA, "*Crews*")
    assert "inputs: `topic`, `company`\n" in answer
    assert "inputs: `topic` (“AI LLMs”)" in answer
    assert "• `/crew still` A plan" in answer


def test_stop_is_cancel(stage: Stage, workspace: Workspace) -> None:
    execution = stage.start("solo bees")

    workspace.command(f"stop {execution.id[:8]}")

    stage.answer_to(ANA, "is cancelled")


def test_a_limit_gives_the_words_back(stage: Stage, workspace: Workspace) -> None:
    stage.start("bounded bees")

    workspace.command("bounded wasps and hornets")

    assert "```/crew bounded wasps and hornets```" in stage.answer_to(ANA, "Nothing was started")


@pytest.mark.parametrize(
    ("typed", "refusal"),
    [
        ("nothing about bees", "There is no crew `nothing`"),
        ("plan bees --checkpoints nowhere", "no checkpoint `nowhere`"),
        ("plan bees --language", "`--language` needs a value"),
    ],
)
def test_every_refused_start_gives_the_words_back(
    stage: Stage, workspace: Workspace, typed: str, refusal: str
) -> None:
    workspace.command(typed)

    assert f"```/crew {typed}```" in stage.answer_to(ANA, refusal)


# --- the form -----------------------------------------------------------------------------------


def test_the_form_has_a_field_for_each_type_with_its_default(
    stage: Stage, workspace: Workspace
) -> None:
    workspace.command("typed")

    view = workspace.open_view(ANA).definition
    assert check_view({k: v for k, v in view.items() if k in VIEW_KEYS}) == []
    fields = {b["element"]["action_id"]: b for b in view["blocks"] if b["type"] == "input"}
    assert {name: block["element"]["type"] for name, block in fields.items()} == {
        "topic": "plain_text_input",
        "count": "number_input",
        "tone": "static_select",
        "until": "datepicker",
        "draft": "radio_buttons",
        "tags": "plain_text_input",
    }
    assert fields["topic"]["label"]["text"] == "Which topic?"
    assert fields["count"]["element"]["initial_value"] == "3"
    assert fields["tone"]["element"]["initial_option"]["value"] == "dry"
    assert fields["draft"]["element"]["initial_option"]["value"] == "yes"
    assert fields["tags"]["element"]["initial_value"] == '["a"]'
    assert [name for name, block in fields.items() if not block.get("optional")] == [
        "topic",
        "until",
    ]


VIEW_KEYS = ("type", "title", "submit", "close", "blocks", "private_metadata", "callback_id")


def test_a_submitted_form_starts_the_crew_with_typed_values_and_without_its_defaults(
    stage: Stage, workspace: Workspace
) -> None:
    workspace.command("typed")
    answer = workspace.submit(
        {"topic": "bees", "until": "2026-05-31", "draft": "no", "tags": '{"a": 1}'}
    )

    assert answer.ok, answer
    (execution,) = stage.reads.executions(states=[ExecutionState.PENDING])
    assert given(execution) == {
        "topic": "bees",
        "until": "2026-05-31",
        "draft": False,
        "tags": {"a": 1},
        "current_year": str(_year()),
    }
    assert not workspace.has_view(ANA)


def test_what_is_wrong_is_said_at_its_field_and_the_form_stays(
    stage: Stage, workspace: Workspace
) -> None:
    workspace.command("typed")
    answer = workspace.submit({"topic": "x", "until": "2026-05-31", "count": "3", "tags": "{"})

    assert answer.errors == {"input_tags": 'tags: expected JSON, such as ["a", "b"] or {"a": 1}'}
    assert workspace.has_view(ANA)
    assert nothing_runs(stage)


def test_what_was_typed_is_in_the_form_that_asks_for_the_rest(
    stage: Stage, workspace: Workspace
) -> None:
    workspace.command("launch company=ACME --checkpoints after_planning")
    assert _filled(workspace) == {"company": "ACME"}

    assert workspace.submit({"topic": "bees"}).ok

    (execution,) = stage.reads.executions(states=[ExecutionState.PENDING])
    assert given(execution) == {"topic": "bees", "company": "ACME"}
    assert execution.left_out == ("after_analysis",)


def _filled(workspace: Workspace) -> dict[str, str]:
    blocks = workspace.open_view(ANA).definition["blocks"]
    elements = [block["element"] for block in blocks if block["type"] == "input"]
    return {e["action_id"]: e["initial_value"] for e in elements if e.get("initial_value")}


def test_words_that_several_inputs_could_take_are_in_the_first_text_field(
    workspace: Workspace,
) -> None:
    workspace.command("launch electric bicycles")

    assert _filled(workspace) == {"topic": "electric bicycles"}
    assert "Your words are in *Topic*" in str(workspace.open_view(ANA).definition)


def test_words_go_to_a_field_that_is_needed_rather_than_to_one_with_a_default(
    workspace: Workspace,
) -> None:
    workspace.command("typed electric bicycles")

    assert _filled(workspace)["topic"] == "electric bicycles"


def test_words_that_do_not_fit_into_a_field_are_given_back(
    stage: Stage, workspace: Workspace
) -> None:
    workspace.command(f"launch {'bees ' * 700}")

    answer = stage.answer_to(ANA, "cannot start with these inputs")
    assert "company is needed (For which company?)" in answer
    assert "/crew launch bees bees" in answer


def test_a_form_that_slack_does_not_open_is_replaced_by_words(
    stage: Stage, workspace: Workspace
) -> None:
    workspace.faults.error("views.open", "expired_trigger_id")

    workspace.command("launch company=ACME")

    answer = stage.answer_to(ANA, "topic is needed")
    assert "`/crew launch topic=… company=…`" in answer
    assert "```/crew launch company=ACME```" in answer


def test_a_form_sent_where_the_bot_is_not_gives_back_what_was_entered(
    stage: Stage, workspace: Workspace
) -> None:
    private = Channel("G00SECRET01", "secret", [ANA], is_private=True)
    workspace.add_channel(private)
    workspace.command("launch topic='electric bicycles'", in_="secret")
    workspace.submit({"company": "ACME & Sons"})

    notice = str(workspace.open_view(ANA).definition)
    assert "I am not in this channel" in notice
    assert '/crew launch topic="electric bicycles" company="ACME &amp; Sons"' in notice
    assert nothing_runs(stage)


def test_a_form_sent_beyond_a_limit_gives_back_what_was_entered(
    own_workspace: Workspace, tmp_path_factory: pytest.TempPathFactory
) -> None:
    one = {"launch": replace(crew(name="launch"), limits=Limits(at_once=1))}
    database = tmp_path_factory.mktemp("limit") / "c.db"
    with Stage(own_workspace, database, crews=one) as stage:
        examination = Examination(kind="crew", inputs=EXAMINED["launch"])
        stage.state.report_crew(CrewReport("launch", None, (), datetime.now(UTC), examination))
        stage.start("launch topic=a company=b")
        own_workspace.command("launch")
        own_workspace.submit({"topic": "c", "company": "d e"})

        notice = str(own_workspace.open_view(ANA).definition)
        assert "allows 1 run at once" in notice
        assert '/crew launch topic=c company="d e"' in notice


def test_a_form_sent_twice_starts_one_run(stage: Stage, workspace: Workspace) -> None:
    workspace.command("launch")
    workspace.submit({"topic": "a", "company": "b"})

    assert workspace.redeliver(workspace.deliveries("interactive")[-1]).ok

    assert len(stage.reads.executions(states=[ExecutionState.PENDING])) == 1


def test_a_crew_whose_check_has_not_finished_takes_pairs_at_their_word(
    stage: Stage, workspace: Workspace
) -> None:
    execution = stage.start('plan topic="AI LLMs" company=ACME', by=ANA)

    assert execution.request.named == {"topic": "AI LLMs", "company": "ACME"}
    assert not execution.request.resolved


def test_a_crew_that_takes_any_input_takes_pairs_alone_at_their_word(stage: Stage) -> None:
    execution = stage.start("open topic=bees")
    with_words = stage.start("open a topic=bees")

    assert given(execution) == {"topic": "bees"}
    assert given(with_words)["user_input"] == "a topic=bees"
