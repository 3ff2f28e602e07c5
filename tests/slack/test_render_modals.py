"""Modals about a checkpoint keep to Slack's limits and lose no text."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from slack_sdk.models.views import View

from bot.slack import ids
from bot.slack.render.modals import (
    changes,
    earlier,
    edit,
    form,
    frame,
    not_taken,
    parts,
    read,
    words,
)
from practice.limits import check_view
from practice.state.state_values import inputs, state
from storage.definitions import FormField, InputType
from storage.output_hash import output_hash
from storage.records import Action, Checkpoint, Feedback, PhaseOutput, TaskResult
from storage.states import CheckpointState
from tests.slack.test_render import OUTPUTS, a_checkpoint, an_execution
from tests.support.factories import BEN, NOON

ABOUT = ids.FormView("9f8e7d6c-0000-4000-8000-000000000000", "C00CAMPAIGN", "1.0", "f" * 32)
FIELDS = (
    FormField("budget", "Budget in euros", InputType.NUMBER, min=10, max=900),
    FormField("place", "Where?", InputType.CHOICE, choices=("Lyon", "Porto" * 100)),
    FormField("launch", "", InputType.DATE),
    FormField("press", "Tell the press?", InputType.YES_NO),
    FormField("note", "<!channel> & note", InputType.TEXT, required=False),
)


def shown(view: View) -> Any:
    definition = view.to_dict()
    assert check_view(definition) == []
    return definition


def everything(view: View) -> str:
    return json.dumps(shown(view)["blocks"], ensure_ascii=False)


def buttons_of(view: View) -> dict[str, dict[str, Any]]:
    return {
        element["action_id"]: element
        for block in shown(view)["blocks"]
        if block["type"] == "actions"
        for element in block["elements"]
    }


def entered(view: View, **changed: str) -> dict[str, str]:
    """What a person sends who changes only these fields."""
    blocks = shown(view)["blocks"]
    values = {
        block["block_id"]: state(blocks, {})["values"][block["block_id"]][element["action_id"]].get(
            "value"
        )
        or ""
        for block, element in inputs(blocks)
    }
    return values | changed


# --- the whole text


@pytest.mark.parametrize("text", [*OUTPUTS.values(), "", "日本語の長い文章。" * 8_000])
def test_every_page_of_a_text_keeps_to_slacks_limits(text: str) -> None:
    checkpoint = a_checkpoint(text)
    count = len(read.pages_of(checkpoint.output))

    for page in range(count):
        shown(read.read(checkpoint, an_execution(), about=replace(ABOUT, page=page)))


def test_a_long_text_has_pages_to_turn_and_the_decision_on_the_last() -> None:
    checkpoint = a_checkpoint("\n\n".join(f"Paragraph {n}. {'word ' * 40}" for n in range(900)))
    count = len(read.pages_of(checkpoint.output))
    views = [
        read.read(checkpoint, an_execution(), about=replace(ABOUT, page=page))
        for page in range(count)
    ]

    assert count > 2
    assert [*buttons_of(views[0])] == [ids.ActionId.NEXT_PAGE]
    assert [*buttons_of(views[1])] == [ids.ActionId.PREVIOUS_PAGE, ids.ActionId.NEXT_PAGE]
    assert f"page {count} of {count}" in everything(views[-1])
    last = buttons_of(views[-1])
    assert ids.ActionId.NEXT_PAGE not in last
    assert [*last][1:] == [
        ids.ActionId.CONTINUE,
        ids.ActionId.REVISE,
        ids.ActionId.SKIP,
        ids.ActionId.STOP,
    ]
    about = ids.ShownCheckpoint.decode(last[ids.ActionId.CONTINUE]["value"])
    assert about == ids.ShownCheckpoint(checkpoint.id, output_hash(checkpoint.output))
    assert "899." in everything(views[-1])


def test_a_decided_text_shows_the_decision_in_place_of_the_buttons() -> None:
    feedback = Feedback(Action.CONTINUE, "", BEN, NOON)
    decided = a_checkpoint("A plan.", state=CheckpointState.APPROVED, feedback=feedback)

    view = read.read(decided, an_execution(), about=ABOUT)

    assert "Continued by <@UBEN>" in everything(view)
    assert buttons_of(view) == {}


# --- an edit


LONG = "\n\n".join(f"## Day {n}\n  - post *{n}*\n\n\n" + "w " * (n * 31) for n in range(30))


@pytest.mark.parametrize(
    "text",
    [
        "Short.",
        "  indented\n\n\ttab\r\nand more  \n",
        LONG,
        "x" * 9_001,
        "🚲" * 5_000,
        " " * 7_000,
        "a\u200bb\u202ec",
    ],
)
def test_an_edit_that_changes_nothing_changes_nothing(text: str) -> None:
    output = PhaseOutput(text)
    view = edit.edit(replace(a_checkpoint(), output=output), an_execution(), about=ABOUT)

    assert view is not None
    sent = entered(view)
    assert edit.texts(output, sent) == {}
    assert edit.texts(output, {name: part.strip() for name, part in sent.items()}) == {}


def test_an_edit_changes_what_was_typed_and_keeps_the_rest_to_the_letter() -> None:
    output = PhaseOutput(LONG)
    view = edit.edit(replace(a_checkpoint(), output=output), an_execution(), about=ABOUT)
    assert view is not None
    sent = entered(view)
    block_id = next(name for name, part in sent.items() if "## Day 20\n" in part)

    changed = sent[block_id].replace("## Day 20\n", "## Day twenty\n")
    texts = edit.texts(output, sent | {block_id: changed})

    assert texts == {"": LONG.replace("## Day 20\n", "## Day twenty\n")}


def test_several_outputs_are_fields_of_their_own_and_only_changed_ones_are_sent() -> None:
    output = PhaseOutput(
        "last",
        (
            TaskResult("research", "A", "One"),
            TaskResult("write_it", "B", "prose", structured='{"a": 1}'),
            TaskResult("twice", "C", "Three"),
            TaskResult("twice", "C", "Four"),
        ),
    )
    view = edit.edit(replace(a_checkpoint(), output=output), an_execution(), about=ABOUT)
    assert view is not None

    labels = [b["label"]["text"] for b in shown(view)["blocks"] if b["type"] == "input"]
    assert labels == ["Research", "Write it"]
    sent = entered(view)
    second = [*sent][1]
    assert edit.texts(output, sent | {second: '{"a": 2}'}) == {"write_it": '{"a": 2}'}


def test_a_text_that_is_too_long_for_a_form_is_edited_in_a_file() -> None:
    checkpoint = a_checkpoint("word " * 7_000)

    assert edit.edit(checkpoint, an_execution(), about=ABOUT) is None
    view = edit.too_long(checkpoint, an_execution(), about=ABOUT)
    assert "send it as a text file" in everything(view)


@pytest.mark.parametrize("block_id", ["edit_9_0_0", "edit_0_0_9", "edit_0", "edit_x_y_z_9f8e"])
def test_a_part_that_is_not_ours_is_refused(block_id: str) -> None:
    with pytest.raises(ids.IdError):
        edit.texts(PhaseOutput("One"), {block_id: "Two"})


@pytest.mark.parametrize("text", [*OUTPUTS.values(), LONG, ""])
def test_a_split_text_is_joined_to_the_letter(text: str) -> None:
    split = parts.split(text, 3000)

    assert parts.join(split) == text
    assert all(len(part.text.encode("utf-16-le")) <= 6000 for part in split)


# --- earlier revisions and changes


def revisions() -> list[Checkpoint]:
    first = a_checkpoint("The first draft about *bikes*.")
    second = replace(first, id="b", revision=2, output=PhaseOutput("The 2nd draft about *bikes*."))
    third = replace(second, id="c", revision=3, asked="Say more <!here>", asked_by=BEN)
    return [first, second, third]


def test_earlier_revisions_are_listed_newest_first_with_the_words_that_led_to_them() -> None:
    first, second, third = revisions()

    view = earlier.earlier(
        third, an_execution(), [first, replace(second, asked="Shorter", asked_by=BEN)], about=ABOUT
    )

    text = everything(view)
    assert text.index("Revision 2") < text.index("Shorter") < text.index("Revision 1")
    assert "submit" not in shown(view)


def test_a_chosen_revision_shows_its_text_and_a_button_that_names_it() -> None:
    first, _, third = revisions()

    view = earlier.chosen(third, an_execution(), first, about=ABOUT)

    assert "The first draft about" in everything(view)
    assert shown(view)["submit"]["text"] == "Decide on revision 1"
    assert ids.FormView.decode(shown(view)["private_metadata"]).revision == 1


def test_what_changed_marks_words_without_colour_and_quotes_the_reviewer() -> None:
    _, second, third = revisions()
    third = replace(third, output=PhaseOutput("The 3rd draft about *bikes*."))

    view = changes.changes(third, an_execution(), second, about=ABOUT)
    text = everything(view)

    styled = {
        piece["text"].strip(): [*piece["style"]]
        for block in shown(view)["blocks"]
        if block["type"] == "rich_text"
        for piece in block["elements"][0]["elements"]
        if piece.get("style")
    }
    assert styled == {"2nd": ["strike"], "3rd": ["bold"]}
    assert "1 word added, 1 removed, in 1 place" in text
    assert "<@UBEN> asked:" in text
    assert "<!here>" not in text


@pytest.mark.parametrize("text", [*OUTPUTS.values()])
def test_every_page_of_what_changed_keeps_to_slacks_limits(text: str) -> None:
    before, after = a_checkpoint("One two three."), a_checkpoint(text, revision=2, asked=text)

    for page in (0, 1, 99):
        shown(changes.changes(after, an_execution(), before, about=replace(ABOUT, page=page)))


# --- forms


def test_a_form_has_a_field_for_each_value_and_reads_them_back() -> None:
    checkpoint = replace(a_checkpoint(), form=FIELDS)

    view = form.form(checkpoint, an_execution(), about=ABOUT)

    blocks = [block for block in shown(view)["blocks"] if block["type"] == "input"]
    assert [block["element"]["type"] for block in blocks] == [
        "number_input",
        "static_select",
        "datepicker",
        "radio_buttons",
        "plain_text_input",
    ]
    assert blocks[0]["hint"]["text"] == "From 10 to 900."
    assert (blocks[0]["element"]["min_value"], blocks[0]["element"]["max_value"]) == ("10", "900")
    assert blocks[2]["label"]["text"] == "launch"
    assert [block["optional"] for block in blocks] == [False, False, False, False, True]
    sent = {"field_0": "20", "field_1": "1", "field_2": "2026-05-01", "field_3": "0"}
    assert form.values(FIELDS, sent) == {
        "budget": "20",
        "place": "Porto" * 100,
        "launch": "2026-05-01",
        "press": "yes",
    }
    again = form.form(checkpoint, an_execution(), about=ABOUT, typed=sent, note="Too late.")
    assert "Too late." in everything(again)
    assert shown(again)["blocks"][-2]["element"]["initial_option"]["text"]["text"] == "Yes"


def test_a_choice_that_is_not_in_the_form_is_refused() -> None:
    with pytest.raises(ids.IdError):
        form.values(FIELDS, {"field_1": "2"})


def test_a_form_with_hundreds_of_choices_groups_them() -> None:
    many = FormField("one", "One", InputType.CHOICE, choices=tuple(f"c{n}" for n in range(250)))

    shown(form.form(replace(a_checkpoint(), form=(many,)), an_execution(), about=ABOUT))


# --- words that were not accepted


@pytest.mark.parametrize("typed", ["Shorter", "`code` <!channel> & more\n" * 1_100])
def test_words_that_are_not_accepted_are_given_back_to_the_letter(typed: str) -> None:
    view = not_taken.not_taken("Too late.", [not_taken.Typed("What?", typed)])

    blocks = shown(view)["blocks"]
    given = [
        element["elements"][0]["text"]
        for block in blocks
        if block["type"] == "rich_text"
        for element in block["elements"]
    ]
    assert "".join(given).replace("\n", "") == typed.replace("\n", "")


@pytest.mark.parametrize("words", [10, 900])
def test_a_start_that_is_refused_gives_back_the_whole_command(words: int) -> None:
    command = "/crew plan " + " ".join(f"word{n}" for n in range(words))

    view = not_taken.start_refused(f"Not here.\n```{command[:1500]}```", command)

    assert f"word{words - 1}" in everything(view)


def test_the_words_of_the_revision_form_can_be_filled_in_already() -> None:
    view = words.revision(
        a_checkpoint(), an_execution(), about=ABOUT, typed="Shorter", note="Too late: <@UBEN> …"
    )

    assert [*entered(view).values()] == ["Shorter"]
    assert "Too late" in everything(view)


@pytest.mark.parametrize("reason", ["Too late.", "x" * 5_000, "> a line\n" * 900, ""])
def test_a_notice_keeps_to_the_limits(reason: str) -> None:
    shown(frame.notice(reason or "Nothing."))
