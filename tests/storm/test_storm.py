"""A small storm; `python -m tests.storm` raises a big one."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from copy import copy
from dataclasses import asdict, replace
from pathlib import Path
from secrets import randbelow

import pytest

from tests.storm.__main__ import table
from tests.storm.book import Book
from tests.storm.kinds import KINDS
from tests.storm.oracles import verdict
from tests.storm.slips import CALL, Line, hash_of, hash_of_arguments, lines
from tests.storm.storm import Storm, Weather
from tests.support.prefork_server import PreforkServer as Launchpad

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

KILLS = 2
KIND_COUNT = 4
"""The first ones of the table; `make storm` takes all."""


@pytest.fixture(scope="module")
def seed() -> int:
    return randbelow(1_000_000)


@pytest.fixture(scope="module")
def weather(
    tmp_path_factory: pytest.TempPathFactory, seed: int, crew_launchpad: Launchpad
) -> Weather:
    folder = tmp_path_factory.mktemp("storm")
    storm = Storm(
        folder,
        executions=KIND_COUNT,
        seed=seed,
        every=2.0,
        hands=2,
        worth=1,
        launchpad=crew_launchpad,
    )
    return storm.run(kills=KILLS)


def test_executions_of_every_kind_outlive_their_workers_and_none_is_changed_or_mixed_up(
    weather: Weather, seed: int
) -> None:
    judged = verdict(weather)

    seen = f"seed {seed}\n{table(weather, judged)}"
    assert not judged.wrong, seen
    assert [story.plan.kind for story in judged.stories] == [*KINDS][:KIND_COUNT], seen
    assert weather.kills > 0, seen
    assert all(story.compared for story in judged.stories), seen


def test_a_text_that_differs_from_what_was_shown_is_found(weather: Weather) -> None:
    crowd = copy(weather.crowd)
    reading = crowd.readings[0]
    crowd.readings = [replace(reading, shown=hash_of("another text")), *crowd.readings[1:]]
    wrong = verdict(replace(weather, crowd=crowd)).wrong

    assert any("showed something else than is stored" in each for each in wrong)
    assert any("showed what the crew never wrote" in each for each in wrong)


def test_a_part_written_with_another_text_than_was_let_pass_is_found(
    weather: Weather, tmp_path: Path
) -> None:
    later = next(line for line in lines(weather.effects) if line.part == "second")
    another = replace(later, given={**later.given, "first": [hash_of("another text")]})
    wrong = verdict(with_line(weather, another, tmp_path)).wrong

    assert any(later.token in each and "not written with the first part" in each for each in wrong)


def test_words_of_another_execution_are_found(weather: Weather, tmp_path: Path) -> None:
    line = lines(weather.effects)[0]
    stranger = next(plan.token for plan in weather.plans if plan.token != line.token)
    wrong = verdict(with_line(weather, replace(line, tokens=[stranger]), tmp_path)).wrong

    assert any(f"was written with words of ['{stranger}']" in each for each in wrong)


def test_a_call_of_a_tool_that_nobody_allowed_is_found(weather: Weather, tmp_path: Path) -> None:
    line = next(line for line in lines(weather.effects) if line.part == "first")
    call = replace(line, part=CALL, wrote=hash_of_arguments({"memo": "another"}), given={})
    wrong = verdict(with_line(weather, call, tmp_path)).wrong

    assert any("called with what nobody had allowed" in each for each in wrong)


def test_a_decision_that_was_applied_twice_is_found(weather: Weather, tmp_path: Path) -> None:
    changed = tmp_path / "changed.db"
    with (
        closing(sqlite3.connect(weather.folder / "countersign.db")) as database,
        closing(sqlite3.connect(changed)) as copied,
        copied,
    ):
        database.backup(copied)
        copied.execute(
            "INSERT INTO audit (at, execution_id, event, actor, details) "
            "SELECT at, execution_id, event, actor, details FROM audit "
            "WHERE event = 'checkpoint.decided' LIMIT 1"
        )
    wrong = verdict(replace(weather, book=Book(changed))).wrong

    assert any("was decided 2 times" in each for each in wrong)


def with_line(weather: Weather, line: Line, folder: Path) -> Weather:
    """The same, as if a crew had written this line as well."""
    effects = folder / "effects"
    effects.write_text(weather.effects.read_text() + json.dumps(asdict(line)) + "\n")
    return replace(weather, effects=effects)
