"""Where in a run a checkpoint is, what it asks, and what follows it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.slack.render import position
from storage.definitions import CheckpointDefinition, PhaseDefinition
from storage.records import CheckpointKind
from tests.slack.test_render import a_checkpoint, an_execution
from tests.support.factories import rule

RUN = an_execution(phases=("planning", "trend_research", "finalization"))


@pytest.mark.parametrize(
    ("phase", "revision", "left_out", "shown"),
    [
        ("planning", 1, (), "Checkpoint 1 of 2 · after planning"),
        ("trend_research", 1, (), "Checkpoint 2 of 2 · after trend research"),
        ("planning", 2, (), "Checkpoint 1 of 2 · after planning · revision 2"),
        ("trend_research", 1, ("after_planning",), "Checkpoint 1 of 1 · after trend research"),
        ("planning", 1, ("after_planning",), "Checkpoint · after planning"),
    ],
)
def test_a_checkpoint_is_counted_among_those_that_the_run_stops_at(
    phase: str, revision: int, left_out: tuple[str, ...], shown: str
) -> None:
    checkpoint = a_checkpoint(phase=phase, revision=revision)

    assert position.location(checkpoint, replace(RUN, left_out=left_out)) == shown


@pytest.mark.parametrize(("met", "shown"), [(1, "Gate after planning"), (3, " · round 3")])
def test_a_gate_says_its_round_from_the_second_on(met: int, shown: str) -> None:
    gate = replace(a_checkpoint(), kind=CheckpointKind.GATE)

    assert position.location(gate, RUN, gate_round=met).endswith(shown)


def test_checkpoints_come_in_the_order_of_the_phases() -> None:
    swapped = tuple(reversed(RUN.definition.checkpoints))
    run = replace(RUN, definition=replace(RUN.definition, checkpoints=swapped))

    ordered = position.checkpoints_to_come(run)

    assert [c.name for c in ordered] == ["after_planning", "after_trend_research"]


def test_checkpoints_that_do_not_fit_the_phases_are_shown_as_they_are_written() -> None:
    strange = (CheckpointDefinition("after_lunch", rule(), after="lunch"),)
    run = replace(RUN, definition=replace(RUN.definition, checkpoints=strange))

    assert position.checkpoints_to_come(run) == strange


@pytest.mark.parametrize(
    ("phase", "following"),
    [
        ("planning", "trend_research"),
        ("trend_research", "finalization"),
        ("finalization", None),
        ("lunch", None),
    ],
)
def test_continue_leads_to_the_next_phase_or_to_the_end(phase: str, following: str | None) -> None:
    assert position.next_phase(a_checkpoint(phase=phase), RUN) == following


def test_continue_leads_to_the_end_if_the_last_phase_has_no_tasks() -> None:
    phases = (PhaseDefinition("draft", ("draft",)), PhaseDefinition("after draft"))
    names = tuple(phase.name for phase in phases)
    run = replace(RUN, phases=names, definition=replace(RUN.definition, phases=phases))
    of_programs = tuple(PhaseDefinition(name) for name in names)
    program = replace(run, definition=replace(run.definition, phases=of_programs))

    assert position.next_phase(a_checkpoint(phase="draft"), run) is None
    assert position.next_phase(a_checkpoint(phase="draft"), program) == "after draft"


@pytest.mark.parametrize("kind", CheckpointKind)
def test_every_checkpoint_asks_something_even_where_nobody_wrote_it_down(
    kind: CheckpointKind,
) -> None:
    unsaid = replace(a_checkpoint(description=" "), kind=kind, name="send_invoice")
    words = position.question(unsaid)

    assert words
    assert ("send invoice" in words) is (kind is not CheckpointKind.BUDGET)


def test_a_question_is_asked_on_one_line_and_at_length_only_if_that_is_too_short() -> None:
    short, long = "Is it <good>?", "Which of these? " * 30
    two_lines = "Is it good?\nAnd cheap?"

    assert position.question(a_checkpoint(description=short)) == "Is it ‹good›?"
    assert position.question(a_checkpoint(description=two_lines)) == "Is it good? And cheap?"
    assert len(position.question(a_checkpoint(description=long))) <= position.QUESTION_LIMIT
    assert position.long_question(a_checkpoint(description=" Is it good? ")) == ""
    assert position.long_question(a_checkpoint(description=two_lines)) == two_lines
    assert position.long_question(a_checkpoint(description=long)) == long.strip()
