"""What each kind of checkpoint offers to click."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.slack.ids import ActionId, ChosenOutcome
from bot.slack.render import buttons
from storage.records import HELD, Checkpoint, CheckpointKind
from tests.slack.test_render import a_checkpoint, an_execution

RUN = an_execution()


def offered(checkpoint: Checkpoint) -> dict[str, dict[str, Any]]:
    """The buttons by `action_id`, in their order."""
    elements = [element.to_dict() for element in buttons.buttons(checkpoint, RUN)]
    return {element["action_id"]: element for element in elements}


def labels(checkpoint: Checkpoint) -> list[str]:
    return [element["text"]["text"] for element in offered(checkpoint).values()]


def of_kind(kind: CheckpointKind, *outcomes: str) -> Checkpoint:
    return replace(a_checkpoint(), kind=kind, outcomes=outcomes)


FOUR = [ActionId.CONTINUE, ActionId.REVISE, ActionId.SKIP, ActionId.STOP]


@pytest.mark.parametrize(
    ("kind", "ids"),
    [
        (CheckpointKind.PHASE, FOUR),
        (CheckpointKind.GATE, FOUR),
        (CheckpointKind.TOOL, FOUR),
        (CheckpointKind.QUESTION, [ActionId.ANSWER, ActionId.SKIP, ActionId.STOP]),
        (CheckpointKind.BUDGET, [ActionId.CONTINUE, ActionId.STOP]),
    ],
)
def test_each_kind_offers_its_own_actions_with_labels_that_begin_with_their_names(
    kind: CheckpointKind, ids: list[str]
) -> None:
    shown = offered(of_kind(kind))

    assert list(shown) == ids
    names = {ActionId.ANSWER: "Continue"}
    for action_id, element in shown.items():
        name = names.get(ActionId(action_id), action_id.removeprefix("checkpoint_").title())
        assert element["text"]["text"].startswith(name)
        assert str(element["value"]).startswith(of_kind(kind).id)


def test_a_crew_that_cannot_revise_has_no_button_for_it() -> None:
    run = replace(RUN, definition=replace(RUN.definition, revise=False))

    shown = buttons.buttons(a_checkpoint(), run)

    assert [each.action_id for each in shown] == [
        ActionId.CONTINUE,
        ActionId.SKIP,
        ActionId.STOP,
    ]


@pytest.mark.parametrize(
    ("phase", "label"),
    [("planning", "Continue to analysis"), ("finalization", "Continue and finish")],
)
def test_continue_says_where_it_leads(phase: str, label: str) -> None:
    assert labels(a_checkpoint(phase=phase))[0] == label


def test_a_long_name_of_a_phase_is_cut_to_fit_a_button() -> None:
    run = an_execution(phases=("planning", "long_" * 40))
    shown = buttons.buttons(a_checkpoint(), run)[0].to_dict()["text"]["text"]

    assert shown.startswith("Continue to long long")
    assert len(shown) <= buttons.LABEL_LIMIT


@pytest.mark.parametrize("kind", CheckpointKind)
def test_stop_is_marked_and_asks_again_and_says_where_the_run_would_end(
    kind: CheckpointKind,
) -> None:
    stop = offered(of_kind(kind))[ActionId.STOP]

    assert stop["style"] == "danger"
    question = stop["confirm"]["text"]["text"]
    assert ("in the middle of planning" in question) is (kind in HELD)
    assert ("after planning" in question) is (kind not in HELD)


def test_up_to_twenty_outcomes_are_buttons_of_their_own_and_none_is_marked() -> None:
    gate = of_kind(CheckpointKind.GATE, *(f"outcome {n}" for n in range(20)))
    shown = offered(gate)

    assert list(shown)[:2] == [ChosenOutcome(gate.id, n).action_id for n in range(2)]
    assert list(shown)[20:] == [ActionId.OUTCOME_WORDS, ActionId.STOP]
    assert labels(gate)[19] == "outcome 19"
    assert not any("style" in element for element in list(shown.values())[:20])


@pytest.mark.parametrize(("count", "groups"), [(21, 0), (100, 0), (101, 2), (250, 3)])
def test_more_outcomes_are_a_menu_in_groups_that_slack_takes(count: int, groups: int) -> None:
    gate = of_kind(CheckpointKind.GATE, *(f"outcome {n}" for n in range(count)))
    menu = offered(gate)[ActionId.OUTCOME]

    assert len(menu.get("option_groups", [])) == groups
    parts = [group["options"] for group in menu.get("option_groups", [])] or [menu["options"]]
    options = [option for part in parts for option in part]
    assert all(len(part) <= 100 for part in parts)
    assert [ChosenOutcome.decode(option["value"]).number for option in options] == [*range(count)]
    if groups:
        assert menu["option_groups"][1]["label"]["text"].startswith("101 to ")


def test_an_outcome_without_visible_words_is_called_by_its_number() -> None:
    assert labels(of_kind(CheckpointKind.GATE, "yes", "\u200b"))[:2] == ["yes", "Outcome 2"]
