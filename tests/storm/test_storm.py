"""A small storm; `python -m tests.storm` raises a big one."""

from __future__ import annotations

from pathlib import Path
from secrets import randbelow

import pytest

from tests.storm.__main__ import table
from tests.storm.kinds import KINDS
from tests.storm.oracles import verdict
from tests.storm.storm import Storm

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

EXECUTIONS = 10
KILLS = 3


def test_executions_of_every_kind_outlive_their_workers_and_none_is_changed_or_mixed_up(
    tmp_path: Path,
) -> None:
    seed = randbelow(1_000_000)
    storm = Storm(tmp_path, executions=EXECUTIONS, seed=seed, every=2.0, hands=2)
    weather = storm.run(kills=KILLS)
    judged = verdict(weather)

    seen = f"seed {seed}\n{table(weather, judged)}"
    assert not judged.wrong, seen
    assert {story.plan.kind.name for story in judged.stories} == {kind.name for kind in KINDS}, seen
    assert weather.kills > 0, seen
    assert all(story.compared for story in judged.stories), seen
