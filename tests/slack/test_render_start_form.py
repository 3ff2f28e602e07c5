"""The form for a crew's inputs keeps to Slack's limits."""

from __future__ import annotations

import pytest

from bot.slack import ids
from bot.slack.render import start_form
from practice.limits import check_view
from storage.definitions import CrewInput, InputType, Json
from tests.support.factories import crew

ABOUT = ids.StartView("launch", "C00CAMPAIGN", "", None)


def elements(*inputs: CrewInput, **filled: Json) -> list[dict[str, Json]]:
    """The fields of the form, which must be one that Slack accepts."""
    view = start_form.form(crew(), inputs, filled, about=ABOUT, note="*note*").to_dict()
    assert check_view(view) == []
    return [block["element"] for block in view["blocks"] if block["type"] == "input"]


@pytest.mark.parametrize(
    "choices",
    [
        tuple(f"choice {n}" for n in range(101)),
        ("x" * 76, "y"),
        ("😀" * 40, "y"),
        ("\u200b", "y"),
    ],
)
def test_choices_for_which_a_menu_has_no_room_are_typed(choices: tuple[str, ...]) -> None:
    (element,) = elements(CrewInput("tone", InputType.CHOICE, choices=choices, default=choices[0]))

    assert element["type"] == "plain_text_input"
    assert element["initial_value"] == choices[0]


def test_there_are_at_most_as_many_fields_as_a_modal_holds_and_the_rest_is_named() -> None:
    inputs = [CrewInput(f"input_{n}", default="x") for n in range(120)]
    inputs.append(CrewInput("needed"))

    names = [element["action_id"] for element in elements(*inputs)]

    assert len(names) == start_form.MAX_FIELDS
    assert names[-1] == "needed"
    view = start_form.form(crew(), inputs, {}, about=ABOUT)
    assert "`input_119`" in str(view.to_dict())


@pytest.mark.parametrize(
    ("type_", "default"),
    [
        (InputType.NUMBER, "many"),
        (InputType.DATE, "tomorrow"),
        (InputType.CHOICE, "green"),
        (InputType.YES_NO, "perhaps"),
        (InputType.TEXT, "x" * 3001),
        (InputType.TEXT, ""),
    ],
)
def test_a_default_that_its_field_cannot_show_is_left_out(type_: InputType, default: Json) -> None:
    (element,) = elements(CrewInput("x", type_, default=default, choices=("red", "blue")))

    assert not [key for key in element if key.startswith("initial_")]


def test_a_default_with_a_time_is_shown_as_its_date() -> None:
    (element,) = elements(CrewInput("until", InputType.DATE, default="2026-05-31T10:00:00"))

    assert element["initial_date"] == "2026-05-31"


def test_hostile_names_labels_and_defaults_keep_to_the_limits() -> None:
    hostile = "<!channel> \u202e& " * 40
    inputs = [
        CrewInput("a-b.c", label=hostile, default=hostile),
        CrewInput("n" * 150, InputType.JSON, default={hostile: [hostile]}),
        CrewInput("n" * 300),
        CrewInput("tone", InputType.CHOICE, choices=(hostile[:70], "b")),
    ]

    assert len(elements(*inputs)) == 3


def test_what_was_typed_fits_only_if_no_field_would_cut_it() -> None:
    assert start_form.fits({"topic": "x" * 3000}, ABOUT)
    assert not start_form.fits({"topic": "x" * 3001}, ABOUT)
    long = ids.StartView("launch", "C", "", tuple("x" * 99 for _ in range(40)))
    assert not start_form.fits({}, long)
