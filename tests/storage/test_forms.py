"""The form of a checkpoint: what it takes, and what later phases get."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from storage import forms
from storage.decisions import Decision
from storage.definitions import CrewDefinition, DecisionRule, FormField, InputType, Json, OnTimeout
from storage.errors import BadForm
from storage.reads import Reads
from storage.records import Action, Claim
from storage.state_manager import StateManager
from storage.states import CheckpointState
from tests.storage.conftest import Run
from tests.support.factories import BEN, SettableClock, crew, output, rule

BUDGET = FormField("budget", "Budget in euros", InputType.NUMBER, min=10, max=900)
PLACE = FormField("place", "Place", InputType.CHOICE, choices=("Lyon", "Porto"))
LAUNCH = FormField("launch", "Launch", InputType.DATE)
PRESS = FormField("press", "Press", InputType.YES_NO)
NOTE = FormField("note", "Note", required=False)


@pytest.mark.parametrize(
    ("field", "said", "value"),
    [
        (BUDGET, "900", 900),
        (BUDGET, " 12.5 ", 12.5),
        (BUDGET, 900.0, 900),
        (BUDGET, "1e2", 100),
        (PLACE, "porto", "Porto"),
        (LAUNCH, "2026-05-31", "2026-05-31"),
        (LAUNCH, "2026-05-31T12:00:00", "2026-05-31"),
        (PRESS, "yes", True),
        (PRESS, False, False),
        (NOTE, " two\nlines ", "two\nlines"),
        (NOTE, "", ""),
        (NOTE, None, ""),
        (NOTE, 7, "7"),
    ],
)
def test_a_value_is_read_in_the_type_of_its_field(
    field: FormField, said: Json, value: Json
) -> None:
    parsed = forms.parse((field,), {field.name: said})[field.name]

    assert (type(parsed), parsed) == (type(value), value)


@pytest.mark.parametrize(
    ("field", "said", "sentence"),
    [
        (BUDGET, "", "This field is needed."),
        (BUDGET, " ", "This field is needed."),
        (BUDGET, "much", "Expected a number, such as 3 or 2.5."),
        (BUDGET, True, "Expected a number, such as 3 or 2.5."),
        (BUDGET, "1e999", "Expected a number, such as 3 or 2.5."),
        (BUDGET, "9", "Enter 10 or more."),
        (BUDGET, "901", "Enter 900 or less."),
        (replace(BUDGET, max=99.5), 100, "Enter 99.5 or less."),
        (PLACE, "Rome", "Expected one of Lyon, Porto."),
        (LAUNCH, "tomorrow", "Expected a date, such as 2026-05-31."),
        (PRESS, "perhaps", "Expected yes or no."),
        (NOTE, "x" * 3001, "Use at most 3,000 characters."),
    ],
)
def test_a_value_that_does_not_fit_is_refused_in_a_sentence(
    field: FormField, said: Json, sentence: str
) -> None:
    with pytest.raises(forms.BadValues) as refused:
        forms.parse((field,), {field.name: said})

    assert refused.value.errors == {field.name: sentence}


def test_all_problems_are_named_by_field() -> None:
    with pytest.raises(forms.BadValues) as refused:
        forms.parse((BUDGET, PLACE, NOTE), {"budget": "1", "color": "red"})

    assert refused.value.errors == {
        "color": "This checkpoint's form has no such field.",
        "budget": "Enter 10 or more.",
        "place": "This field is needed.",
    }


def test_prompts_get_yes_or_no_in_words_and_nothing_for_what_was_left_blank() -> None:
    definition = asking(BUDGET, LAUNCH, PRESS, NOTE)
    values = {"budget": 12.5, "launch": "2026-05-31", "press": False, "note": ""}

    assert forms.as_inputs(definition, values) == {
        "budget": 12.5,
        "launch": "2026-05-31",
        "press": "no",
    }
    assert forms.blank_inputs(definition) == dict.fromkeys(values, "")


def asking(*fields: FormField, decided_by: DecisionRule | None = None) -> CrewDefinition:
    """A crew whose first checkpoint has a form."""
    definition = crew(decided_by=decided_by)
    first, *others = definition.checkpoints
    return replace(definition, checkpoints=(replace(first, form=fields), *others))


def decide(
    run: Run, values: Mapping[str, Json] | None = None, action: Action = Action.CONTINUE
) -> None:
    run.state.decide(Decision(run.waiting.id, action, BEN, "shorter", values=values or {}))


def claim(run: Run) -> Claim:
    claimed = run.state.claim("worker")
    assert claimed is not None
    return claimed


def test_a_checkpoint_shows_its_form_and_keeps_the_values(run: Run, reads: Reads) -> None:
    run.start(asking(BUDGET, PRESS, NOTE))
    run.work()
    asked = run.waiting

    decide(run, {"budget": "90", "press": "yes"})

    assert asked.form == (BUDGET, PRESS, NOTE)
    feedback = reads.checkpoint(asked.id).feedback
    assert feedback is not None
    assert feedback.values == {"budget": 90, "press": True, "note": ""}


def test_continue_without_the_values_is_refused_and_decides_nothing(run: Run) -> None:
    run.start(asking(BUDGET, NOTE))
    run.work()

    with pytest.raises(BadForm) as refused:
        decide(run)

    assert refused.value.errors == {"budget": "This field is needed."}
    assert refused.value.checkpoint == run.waiting


def test_an_optional_form_may_be_left_blank(run: Run) -> None:
    run.start(asking(NOTE))
    run.work()

    decide(run)

    assert claim(run).form_values == {"note": ""}


@pytest.mark.parametrize("action", [Action.SKIP, Action.REVISE, Action.STOP])
def test_only_continue_takes_the_values(run: Run, reads: Reads, action: Action) -> None:
    run.start(asking(BUDGET))
    run.work()
    asked = run.waiting.id

    decide(run, {"budget": "much"}, action)

    feedback = reads.checkpoint(asked).feedback
    assert feedback is not None
    assert feedback.values == {}


def test_all_later_phases_get_the_values(run: Run) -> None:
    run.start(asking(BUDGET))
    first = claim(run)
    assert first.form_values == {}
    run.state.phase_done(first, output("a draft"))
    decide(run, {"budget": 90})

    second = claim(run)
    run.state.phase_done(second, output("a draft"))
    decide(run, action=Action.REVISE)
    revised = claim(run)
    run.state.phase_done(revised, output("a draft"))
    decide(run)
    third = claim(run)

    for later in (second, revised, third):
        assert later.form_values == {"budget": 90}


def test_a_later_form_is_newer(run: Run) -> None:
    definition = crew()
    both = tuple(replace(each, form=(BUDGET,)) for each in definition.checkpoints)
    run.start(replace(definition, checkpoints=both))
    for budget in (90, 100):
        run.work()
        decide(run, {"budget": budget})

    assert claim(run).form_values == {"budget": 100}


def test_a_timeout_that_continues_fills_nothing_in(
    run: Run, state: StateManager, clock: SettableClock, reads: Reads
) -> None:
    run.start(asking(NOTE, decided_by=rule(on_timeout=OnTimeout.CONTINUE)))
    run.work()
    asked = run.waiting.id
    clock.move(timedelta(hours=2))

    assert state.expire_due() == 1

    assert reads.checkpoint(asked).state is CheckpointState.EXPIRED
    assert claim(run).form_values == {}
