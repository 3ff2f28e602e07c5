"""What a crew is started with, from what is known about it and what was said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from storage.crew_inputs import REQUEST, is_required, known_inputs, open_inputs
from storage.definitions import (
    CheckpointDefinition,
    CrewDefinition,
    CrewInput,
    CrewKind,
    DecisionRule,
    Examination,
    FormField,
    InputType,
    Json,
)
from storage.errors import BadInputs, InputFault
from storage.inputs import resolve
from storage.records import Request

NOW = datetime(2026, 3, 2, 14, 5, 9, tzinfo=UTC)

TOPIC = CrewInput("topic")
COMPANY = CrewInput("company")
YEAR = CrewInput("current_year")


def values(
    *learned: CrewInput,
    text: str = "",
    kind: str = "crew",
    described: tuple[CrewInput, ...] = (),
    takes_any: bool = False,
    language: str = "",
    campaign_context: str = "",
    definition: CrewDefinition | None = None,
    named: Mapping[str, Json] | None = None,
    **named_too: Json,
) -> Mapping[str, Json]:
    """What the crew gets."""
    names = {**(named or {}), **named_too}
    return resolved(
        *learned,
        request=Request(text, text, campaign_context, language, named=names),
        kind=kind,
        described=described,
        takes_any=takes_any,
        definition=definition,
    ).values


def resolved(
    *learned: CrewInput,
    request: Request,
    kind: str = "crew",
    described: tuple[CrewInput, ...] = (),
    takes_any: bool = False,
    definition: CrewDefinition | None = None,
) -> Request:
    definition = replace(definition or CrewDefinition("launch", CrewKind.CREW), inputs=described)
    examination = Examination(kind=kind, inputs=learned, takes_any_input=takes_any)
    return resolve(known_inputs(definition, examination), request, NOW)


def problems(*learned: CrewInput, **how: Json) -> list[tuple[InputFault, str]]:
    with pytest.raises(BadInputs) as refused:
        values(*learned, **how)
    return [(problem.fault, problem.name) for problem in refused.value.problems]


def asked(
    *learned: CrewInput,
    kind: str = "crew",
    described: tuple[CrewInput, ...] = (),
    takes_any: bool = False,
) -> list[str]:
    definition = CrewDefinition("launch", CrewKind.CREW, inputs=described)
    examination = Examination(kind=kind, inputs=learned, takes_any_input=takes_any)
    return [each.name for each in open_inputs(known_inputs(definition, examination), NOW)]


# --- the request ------------------------------------------------------------------------------


def test_the_only_open_input_takes_the_request_and_the_clock_fills_the_year() -> None:
    assert values(TOPIC, YEAR, text="AI LLMs") == {"topic": "AI LLMs", "current_year": "2026"}


def test_an_input_with_a_default_leaves_the_request_to_the_one_without() -> None:
    assert values(TOPIC, CrewInput("tone", default="dry"), text="bees") == {"topic": "bees"}


def test_if_nothing_is_missing_the_only_text_takes_the_request_over_its_default() -> None:
    count = CrewInput("count", InputType.NUMBER, default=3)

    assert values(CrewInput("topic", default="AI LLMs"), count, text="bees") == {"topic": "bees"}


def test_defaults_of_the_code_are_not_passed() -> None:
    assert values(CrewInput("topic", default="AI LLMs")) == {}


def test_an_empty_default_is_filled_by_the_request_and_may_stay_empty() -> None:
    topic = CrewInput("topic", default="")
    rounds = CrewInput("rounds", InputType.NUMBER, default=0)

    assert values(topic, rounds, kind="flow", text="bees") == {"topic": "bees"}
    assert values(topic, rounds, kind="flow") == {}


def test_of_several_empty_fields_of_a_state_the_one_named_like_a_request_takes_it() -> None:
    fields = [CrewInput(name, default="") for name in ("topic", "outline", "draft")]

    assert values(*fields, kind="flow", text="bees") == {"topic": "bees"}


def test_a_request_that_several_fields_could_take_is_refused_with_their_names() -> None:
    fields = [CrewInput(name, default="") for name in ("title", "outline")]

    with pytest.raises(BadInputs, match="name one of them: title, outline"):
        values(*fields, kind="flow", text="bees")


def test_the_request_keeps_its_names_where_a_crew_uses_them() -> None:
    crew = (CrewInput("user_input"), CrewInput("message"))

    assert values(*crew, text="bees") == {"user_input": "bees", "message": "bees"}
    assert values(CrewInput("message"), text="bees") == {"message": "bees"}
    assert values(CrewInput("message"), message="bees") == {"message": "bees"}


def test_a_number_takes_the_request_if_it_is_the_only_open_input() -> None:
    count = CrewInput("count", InputType.NUMBER)

    assert values(count, text="12") == {"count": 12}
    assert problems(count, text="a dozen") == [(InputFault.WRONG, "count")]


def test_a_crew_that_takes_no_request_does_not_demand_one_and_says_that_words_are_unused() -> None:
    assert values() == {}
    assert resolved(request=Request("bees")).unused == ("request",)
    assert resolved(request=Request("", language="German")).unused == ("language",)
    assert resolved(request=Request("", campaign_context="b")).unused == ("campaign_context",)


def test_a_request_with_the_missing_input_named_goes_to_the_other() -> None:
    assert values(TOPIC, COMPANY, text="AI LLMs", company="ACME") == {
        "topic": "AI LLMs",
        "company": "ACME",
    }


# --- what is missing or wrong -----------------------------------------------------------------


def test_every_missing_input_is_named_with_its_label() -> None:
    labelled = replace(COMPANY, label="For which company?")

    with pytest.raises(BadInputs, match=r"topic is needed; company is needed \(For which company"):
        values(TOPIC, labelled, text="bees")


def test_a_blank_value_does_not_fill_a_required_input() -> None:
    assert problems(TOPIC, topic=" ") == [(InputFault.MISSING, "topic")]


def test_an_unknown_name_is_refused_with_the_nearest_and_the_known_ones() -> None:
    with pytest.raises(BadInputs, match=r"no input 'topics' \(did you mean 'topic'\?\)"):
        values(TOPIC, topics="bees", topic="bees")


def test_an_input_that_crews_yml_sets_cannot_be_named() -> None:
    fixed = replace(COMPANY, value="ACME")

    assert problems(TOPIC, COMPANY, described=(fixed,), text="x", company="Other") == [
        (InputFault.FIXED, "company")
    ]


@pytest.mark.parametrize(
    ("type_", "given", "value"),
    [
        (InputType.NUMBER, "3", 3),
        (InputType.NUMBER, "2.5", 2.5),
        (InputType.NUMBER, 7, 7),
        (InputType.YES_NO, "Yes", True),
        (InputType.YES_NO, "off", False),
        (InputType.DATE, " 2026-05-31 ", "2026-05-31"),
        (InputType.DATE, "2026-05-31T10:00", "2026-05-31T10:00:00"),
        (InputType.CHOICE, "blue", "Blue"),
        (InputType.JSON, '["a", 1]', ["a", 1]),
        (InputType.JSON, {"a": 1}, {"a": 1}),
        (InputType.TEXT, {"a": 1}, {"a": 1}),
    ],
)
def test_values_are_read_in_the_type_of_their_input(
    type_: InputType, given: Json, value: Json
) -> None:
    crew_input = CrewInput("x", type_, choices=("Red", "Blue"))

    assert values(crew_input, x=given) == {"x": value}


@pytest.mark.parametrize(
    ("type_", "given"),
    [
        (InputType.NUMBER, "three"),
        (InputType.NUMBER, True),
        (InputType.NUMBER, "9" * 5000),
        (InputType.NUMBER, "1e999"),
        (InputType.YES_NO, "perhaps"),
        (InputType.DATE, "31 May"),
        (InputType.CHOICE, "green"),
        (InputType.JSON, "{"),
        (InputType.JSON, "NaN"),
        (InputType.JSON, "5"),
    ],
)
def test_a_value_of_another_type_is_refused_by_name(type_: InputType, given: Json) -> None:
    crew_input = CrewInput("x", type_, choices=("Red", "Blue"))

    assert problems(crew_input, x=given) == [(InputFault.WRONG, "x")]


# --- crews.yml and the clock ------------------------------------------------------------------


def test_crews_yml_fills_values_with_the_request_and_the_date() -> None:
    motion = CrewInput("motion", value="{request}, as of {current_date} {here}")

    assert values(CrewInput("motion"), described=(motion,), text="bees") == {
        "motion": "bees, as of 2026-03-02 {here}"
    }
    missing = problems(CrewInput("motion"), described=(motion,))
    assert missing == [(InputFault.MISSING, "user_input")]
    assert asked(CrewInput("motion"), described=(motion,)) == ["user_input"]


def test_a_default_of_crews_yml_is_passed_unless_something_is_said() -> None:
    described = (replace(COMPANY, default="ACME {current_year}"),)

    assert values(TOPIC, COMPANY, described=described, text="x")["company"] == "ACME 2026"
    assert values(TOPIC, COMPANY, described=described, text="x", company="B")["company"] == "B"


def test_an_optional_input_of_a_prompt_gets_an_empty_text() -> None:
    described = (CrewInput("language", required=False),)
    language = CrewInput("language")

    assert values(TOPIC, language, described=described, text="x")["language"] == ""
    assert values(TOPIC, language, described=described, text="x", language="de")["language"] == "de"
    assert "language" not in values(
        TOPIC, CrewInput("language", default="en"), described=described, text="x", kind="flow"
    )


def test_an_unsaid_language_does_not_overwrite_a_default() -> None:
    fields = (CrewInput("topic", default=""), CrewInput("language", default="Python"))

    assert values(*fields, kind="flow", text="a sorter") == {"topic": "a sorter"}
    assert values(*fields, kind="flow", text="a sorter", language="Rust") == {
        "topic": "a sorter",
        "language": "Rust",
    }


def test_a_language_in_a_prompt_is_asked_for_like_any_other_input() -> None:
    crew = (CrewInput("user_input"), CrewInput("language"), CrewInput("output_language"))

    assert problems(*crew, text="bees") == [(InputFault.MISSING, "language")]
    assert values(*crew, text="bees", language="de") == {
        "user_input": "bees",
        "language": "de",
        "output_language": "de",
    }
    assert asked(*crew) == ["user_input", "language"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("current_year", "2026"),
        ("current_month", "2026-03"),
        ("today", "2026-03-02"),
        ("current_time", "14:05Z"),
        ("now", "2026-03-02T14:05:09Z"),
    ],
)
def test_the_clock_fills_what_is_named_after_it(name: str, value: str) -> None:
    assert values(CrewInput(name)) == {name: value}
    assert values(CrewInput(name, default="1999")) == {name: value}
    assert values(CrewInput(name), named={name: "1999"}) == {name: "1999"}
    assert asked(CrewInput(name)) == []


def test_the_year_of_a_crew_that_counts_with_it_is_a_number() -> None:
    assert values(CrewInput("current_year", InputType.NUMBER)) == {"current_year": 2026}


def test_a_date_with_a_default_is_the_crews_own_and_one_in_crews_yml_is_asked_for() -> None:
    assert values(CrewInput("date", default="2024-05-01")) == {}
    assert asked(CrewInput("date"), described=(CrewInput("date"),)) == ["date"]
    assert values(CrewInput("date")) == {"date": "2026-03-02"}


# --- crews whose own code reads the inputs -----------------------------------------------------


def test_code_that_runs_before_the_prompts_gets_the_request_and_is_trusted_with_the_rest() -> None:
    prompts = tuple(CrewInput(name) for name in ("background", "write_in"))

    assert values(*prompts, takes_any=True, text="bees", language="de") == {
        "user_input": "bees",
        "message": "bees",
        "language": "de",
        "output_language": "de",
    }
    assert problems(*prompts, takes_any=True) == [(InputFault.MISSING, "user_input")]
    assert values(*prompts, takes_any=True, text="bees", other=[1])["other"] == [1]


def test_the_only_placeholder_of_such_a_crew_takes_the_request_as_well() -> None:
    assert values(TOPIC, takes_any=True, text="bees") == {
        "topic": "bees",
        "user_input": "bees",
        "message": "bees",
    }


def test_nobody_is_asked_for_what_such_code_may_fill_in_unless_crews_yml_describes_it() -> None:
    prompts = (CrewInput("background"), CrewInput("write_in"), CrewInput("tone", default="dry"))
    described = (CrewInput("user_input", label="What about?"), CrewInput("x", required=False))

    assert asked(*prompts, takes_any=True) == ["user_input", "tone"]
    assert asked(*prompts, takes_any=True, described=described) == ["user_input", "x", "tone"]


def test_a_flow_with_a_dictionary_as_state_starts_without_a_request() -> None:
    assert values(kind="flow", takes_any=True) == {}
    assert values(kind="flow", takes_any=True, text="bees")["user_input"] == "bees"


def test_a_crew_that_was_not_examined_needs_a_request_and_is_not_resolved() -> None:
    known = known_inputs(CrewDefinition("launch", CrewKind.CREW), None)

    request = resolve(known, Request("bees", named={"topic": "x"}), NOW)

    assert not request.resolved
    assert request.inputs() == {"user_input": "bees", "message": "bees", "topic": "x"}
    with pytest.raises(BadInputs, match="a request is needed"):
        resolve(known, Request(""), NOW)
    assert open_inputs(known, NOW) == (REQUEST,)


def test_lessons_are_filled_by_the_worker() -> None:
    definition = CrewDefinition("launch", CrewKind.CREW, lessons=True)

    assert values(TOPIC, CrewInput("lessons"), definition=definition, text="x") == {"topic": "x"}


def test_crews_yml_completes_what_was_learned() -> None:
    learned = CrewInput("count", InputType.NUMBER, default=3)
    described = CrewInput("count", label="How many?")
    crew = known_inputs(
        CrewDefinition("launch", CrewKind.CREW, inputs=(described,)),
        Examination(kind="flow", inputs=(learned,)),
    )

    (count,) = open_inputs(crew, NOW)

    assert (count.type, count.label, count.default) == (InputType.NUMBER, "How many?", 3)
    assert not is_required(count)


# --- the forms of checkpoints -------------------------------------------------------------------

_FORM = (FormField("budget", "Budget", InputType.NUMBER), FormField("note", "Note"))
_ASKING = CheckpointDefinition("look", DecisionRule(("@channel",)), after="plan", form=_FORM)
WITH_FORM = CrewDefinition("launch", CrewKind.CREW, checkpoints=(_ASKING,))
BUDGET = CrewInput("budget")


def test_nobody_is_asked_at_the_start_for_what_a_form_asks() -> None:
    crew = known_inputs(WITH_FORM, Examination(kind="crew", inputs=(TOPIC, BUDGET)))

    assert [each.name for each in open_inputs(crew, NOW)] == ["topic"]
    assert values(TOPIC, BUDGET, topic="tea", definition=WITH_FORM) == {"topic": "tea"}


def test_the_request_is_not_taken_for_what_a_form_asks() -> None:
    assert values(TOPIC, BUDGET, text="tea", definition=WITH_FORM) == {"topic": "tea"}


def test_a_crew_whose_only_input_is_in_a_form_takes_no_request() -> None:
    crew = known_inputs(WITH_FORM, Examination(kind="crew", inputs=(BUDGET,)))

    assert open_inputs(crew, NOW) == ()
    assert values(BUDGET, definition=WITH_FORM) == {}


def test_a_requester_may_still_name_what_a_form_asks_later() -> None:
    given = values(TOPIC, BUDGET, topic="tea", budget="90", definition=WITH_FORM)

    assert given == {"topic": "tea", "budget": "90"}


def test_crews_yml_may_ask_for_the_same_value_at_the_start() -> None:
    definition = replace(WITH_FORM, inputs=(BUDGET,))
    crew = known_inputs(definition, Examination(kind="crew", inputs=(BUDGET,)))

    assert [each.name for each in open_inputs(crew, NOW)] == ["budget"]
