"""Edits, earlier revisions and forms through REST."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from storage.decisions import Decision
from storage.definitions import FormField, InputType
from storage.records import Action, Actor, ActorKind, Request
from tests.api.conftest import PLAN, Api, Service

FORM = (
    FormField("budget", "Budget", InputType.NUMBER, min=10, max=900),
    FormField("note", "Note", required=False),
)


def feedback(api: Api, checkpoint: Any, **fields: object) -> Any:
    place = {name: checkpoint[name] for name in ("execution_id", "checkpoint_id")}
    return api.http.post("/api/crew/feedback", json={**place, **fields})


@pytest.fixture
def shown(api: Api, service: Service) -> Any:
    """A checkpoint that shows "the draft"."""
    run = api.execute(crew="plan")["execution_id"]
    service.run_phase("the draft")
    return api.checkpoint(run)


@pytest.fixture
def asking(api: Api, service: Service) -> Any:
    """A checkpoint with a form."""
    first, *others = PLAN.checkpoints
    definition = replace(PLAN, checkpoints=(replace(first, form=FORM, summary="title"), *others))
    started = service.state.start_execution(
        definition=definition,
        request=Request("a campaign"),
        requester=Actor(ActorKind.API, "tests"),
    )
    service.run_phase("the draft")
    return api.checkpoint(started.id)


def test_an_edit_opens_a_checkpoint_that_is_then_decided(
    shown: Any, api: Api, service: Service
) -> None:
    answer = feedback(api, shown, action="revise", edited={"draft_task": "mine"})
    assert answer.status_code == 200, answer.text

    edited = api.checkpoint(shown["execution_id"])

    assert (edited["revision"], edited["context"]["output"]) == (2, "mine")
    assert edited["checkpoint_id"] != shown["checkpoint_id"]
    assert feedback(api, edited, action="continue").status_code == 200
    assert service.claim().done[-1][1].output == "mine"


def test_an_earlier_revision_is_shown_again(shown: Any, api: Api, service: Service) -> None:
    feedback(api, shown, action="revise", feedback="shorter")
    service.run_phase("short")
    second = api.checkpoint(shown["execution_id"])

    answer = feedback(api, second, action="revise", use_revision=1)

    assert answer.status_code == 200, answer.text
    third = api.checkpoint(shown["execution_id"])
    assert (third["revision"], third["context"]["output"]) == (3, "the draft")


@pytest.mark.parametrize(
    ("fields", "status", "detail"),
    [
        ({"edited": {"draft_task": "the draft"}}, 409, "the output has this text already"),
        ({"edited": {"draft_task": " "}}, 400, "edited: a text is blank"),
        ({"edited": {"other": "x"}}, 400, "shows no other"),
        ({"use_revision": 1}, 400, "there is no revision 1 before revision 1"),
        ({"edited": {"": "x"}, "use_revision": 1}, 400, "edited and use_revision go with action"),
        ({"edited": {"": "x"}, "feedback": "shorter"}, 400, "edited and use_revision go with"),
        ({"edited": {"": "x"}, "action": "continue"}, 400, "edited and use_revision go with"),
        ({"edited": ["x"]}, 400, "edited: input should be"),
    ],
)
def test_an_edit_that_cannot_be_made_is_refused(
    shown: Any, api: Api, fields: dict[str, Any], status: int, detail: str
) -> None:
    answer = feedback(api, shown, **{"action": "revise", **fields})

    assert answer.status_code == status, answer.text
    assert detail in answer.json()["detail"]
    assert api.checkpoint(shown["execution_id"]) == shown


def test_a_decision_may_be_bound_to_the_output_that_was_seen(shown: Any, api: Api) -> None:
    wrong = feedback(api, shown, action="continue", output_hash="0" * 32)
    right = feedback(api, shown, action="continue", output_hash=shown["output_hash"])

    assert (wrong.status_code, right.status_code) == (409, 200)


def test_a_checkpoint_shows_its_form_and_summary(asking: Any) -> None:
    budget, note = asking["form"]

    assert asking["summary"] == "title"
    assert budget == {
        "name": "budget",
        "label": "Budget",
        "type": "number",
        "required": True,
        "choices": [],
        "min": 10,
        "max": 900,
    }
    assert (note["name"], note["type"], note["required"]) == ("note", "text", False)


def test_a_checkpoint_without_a_form_says_so(shown: Any) -> None:
    assert (shown["form"], shown["summary"]) == ([], None)


def test_continue_takes_the_values_of_the_form(asking: Any, api: Api, service: Service) -> None:
    answer = feedback(api, asking, action="continue", values={"budget": "90"})

    assert answer.status_code == 200, answer.text
    assert service.claim().form_values == {"budget": 90, "note": ""}


@pytest.mark.parametrize(
    ("values", "detail"),
    [
        (None, "values.budget: this field is needed"),
        ({"budget": 9}, "values.budget: enter 10 or more"),
        ({"budget": 90, "color": "red"}, "values.color: this checkpoint's form has no such field"),
        ({"budget": [1]}, "values.budget: expected a number, such as 3 or 2.5"),
    ],
)
def test_values_that_do_not_fit_are_refused_by_field(
    asking: Any, api: Api, values: Any, detail: str
) -> None:
    answer = feedback(api, asking, action="continue", values=values)

    assert (answer.status_code, answer.json()["detail"]) == (400, detail)


def test_skip_needs_no_values(asking: Any, api: Api) -> None:
    assert feedback(api, asking, action="skip").status_code == 200


def test_the_decision_of_slack_comes_first(shown: Any, api: Api, service: Service) -> None:
    person = Actor(ActorKind.API, "someone", "Someone", decides_everything=True)
    service.state.decide(Decision(shown["checkpoint_id"], Action.CONTINUE, person))

    answer = feedback(api, shown, action="revise", edited={"": "late"})

    assert answer.status_code == 409
    assert "already continued by Someone" in answer.json()["detail"]
