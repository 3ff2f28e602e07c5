"""Executions of several kinds of crews while workers die; `make storm` runs all kinds."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from copy import copy
from dataclasses import asdict, replace
from pathlib import Path
from secrets import randbelow

import pytest

from tests.support.prefork_server import PreforkServer
from tests.trouble.crews.effects import Effect, effects, hash_of, hash_of_arguments
from tests.trouble.db import Database
from tests.trouble.load.load import Report
from tests.trouble.load.plans import KINDS
from tests.trouble.load_scenarios import storm_report, table
from tests.trouble.oracles.executions import Scene, violations

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

KILLS = 2
KIND_COUNT = 4
"""The first kinds of the table; `make storm` runs all."""


@pytest.fixture(scope="module")
def seed() -> int:
    return randbelow(1_000_000)


@pytest.fixture(scope="module")
def report(
    tmp_path_factory: pytest.TempPathFactory, seed: int, crewai_prefork_server: PreforkServer
) -> Iterator[Report]:
    folder = tmp_path_factory.mktemp("storm")
    with storm_report(
        crewai_prefork_server, folder, KIND_COUNT, seed, every=2.0, kills=KILLS, count=2, worth=1
    ) as report:
        yield report


@pytest.fixture
def scene(report: Report) -> Scene:
    return report.scene


def test_executions_of_every_kind_survive_their_workers_and_no_text_is_changed_or_mixed_up(
    report: Report, scene: Scene, seed: int
) -> None:
    details = "\n".join([f"seed {seed}", *table(report), report.text()])
    assert not report.wrong, details
    plans = scene.crowd.plans
    assert [plan.kind for plan in plans.values()] == [*KINDS][:KIND_COUNT], details
    assert report.counts["kills"] > 0, details
    assert all(scene.compared[token] for token in plans), details


def test_a_text_that_differs_from_what_was_shown_is_found(scene: Scene) -> None:
    crowd = copy(scene.crowd)
    reading = crowd.readings[0]
    crowd.readings = [replace(reading, shown=hash_of("another text")), *crowd.readings[1:]]
    wrong = violations(replace(scene, crowd=crowd))

    assert any("showed another text than is stored" in each for each in wrong)
    assert any("showed a text that the crew never wrote" in each for each in wrong)


def test_a_part_written_with_a_text_that_was_not_approved_is_found(
    scene: Scene, tmp_path: Path
) -> None:
    later = next(e for e in effects(scene.effects) if e.part == "check" and e.event == "end")
    another = replace(later, context={**later.context, "draft": [hash_of("another text")]})
    wrong = violations(with_effect(scene, another, tmp_path))

    assert any(
        later.token in each and "not written with the approved draft part" in each for each in wrong
    )


def test_text_of_another_execution_is_found(scene: Scene, tmp_path: Path) -> None:
    effect = next(effect for effect in effects(scene.effects) if effect.event == "end")
    stranger = next(token for token in scene.crowd.plans if token != effect.token)
    wrong = violations(with_effect(scene, replace(effect, tokens=[stranger]), tmp_path))

    assert any(f"was written with text of ['{stranger}']" in each for each in wrong)


def test_a_tool_call_that_nobody_allowed_is_found(scene: Scene, tmp_path: Path) -> None:
    effect = next(effect for effect in effects(scene.effects) if effect.event == "end")
    wrote = hash_of_arguments({"memo": "another"})
    call = replace(effect, event="call", part="call", wrote=wrote, context={})
    wrong = violations(with_effect(scene, call, tmp_path))

    assert any("called with arguments that nobody had allowed" in each for each in wrong)


def test_a_decision_that_was_applied_twice_is_found(scene: Scene, tmp_path: Path) -> None:
    changed = tmp_path / "changed.db"
    with (
        closing(sqlite3.connect(scene.effects.with_name("countersign.db"))) as database,
        closing(sqlite3.connect(changed)) as copied,
        copied,
    ):
        database.backup(copied)
        copied.execute(
            "INSERT INTO audit (at, execution_id, event, actor, details) "
            "SELECT at, execution_id, event, actor, details FROM audit "
            "WHERE event = 'checkpoint.decided' LIMIT 1"
        )
    wrong = violations(replace(scene, database=Database(changed)))

    assert any("was decided 2 times" in each for each in wrong)


def with_effect(scene: Scene, effect: Effect, folder: Path) -> Scene:
    """The scene as if a crew had also logged this effect."""
    log = folder / "effects"
    log.write_text(scene.effects.read_text() + json.dumps(asdict(effect)) + "\n")
    return replace(scene, effects=log)
