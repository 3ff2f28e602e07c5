"""Which checkpoint comes after which phase, and which definitions are refused."""

from __future__ import annotations

import pytest

from storage.boundaries import BadBoundary, checkpoint_after, resolve
from storage.definitions import CheckpointDefinition
from tests.support.factories import rule

PHASES = ("planning", "analysis", "finalization")


def at(name: str, *, after: str | None = None, before: str | None = None) -> CheckpointDefinition:
    return CheckpointDefinition(name, rule("UBEN"), after, before, f"Review {name}")


def test_before_a_phase_means_after_the_one_before_it() -> None:
    resolved = resolve([at("review", before="finalization")], PHASES)

    assert resolved == (at("review", after="analysis"),)


def test_checkpoints_come_in_the_order_of_their_phases() -> None:
    written = [
        at("last", after="finalization"),
        at("first", after="planning"),
        at("middle", before="finalization"),
    ]

    assert [c.name for c in resolve(written, PHASES)] == ["first", "middle", "last"]


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ([at("a", after="lunch")], "checkpoint 'a' names phase 'lunch', which is not one of: plan"),
        ([at("a", before="lunch")], "checkpoint 'a' names phase 'lunch'"),
        ([at("a")], "checkpoint 'a' names phase ''"),
        ([at("a", before="planning")], "checkpoint 'a' stands before the first phase 'planning'"),
        (
            [at("a", after="planning"), at("b", before="analysis")],
            "checkpoints 'a' and 'b' both stand after phase 'planning'",
        ),
        (
            [at("a", after="analysis"), at("b", after="analysis")],
            "checkpoints 'a' and 'b' both stand after phase 'analysis'",
        ),
    ],
)
def test_a_boundary_that_cannot_be_is_refused_by_name(
    written: list[CheckpointDefinition], problem: str
) -> None:
    with pytest.raises(BadBoundary, match=problem):
        resolve(written, PHASES)


@pytest.mark.parametrize(("index", "name"), [(0, "first"), (1, None), (2, "last")])
def test_a_phase_ends_at_its_own_checkpoint_or_at_none(index: int, name: str | None) -> None:
    written = [at("last", after="finalization"), at("first", before="analysis")]

    found = checkpoint_after(written, PHASES, index)

    assert (None if found is None else found.name) == name
