"""The bot dies at random moments of runs in real CrewAI; `python -m tests.chaos` does many more."""

from __future__ import annotations

from pathlib import Path
from random import Random
from secrets import randbelow

import pytest

from tests.chaos.kinds import CREW
from tests.chaos.storm import Weather
from tests.support.launchpad import Launchpad

pytestmark = pytest.mark.slow

KILLS = 2


def test_a_real_crew_survives_kills_at_random_moments(tmp_path: Path, launchpad: Launchpad) -> None:
    seed = randbelow(1_000_000)
    killed = 0
    with Weather(tmp_path, CREW, Random(seed), launchpad) as weather:
        while killed < KILLS:
            storm = weather.storm(KILLS - killed)
            assert not storm.wrong, f"seed {seed}: {[str(kill) for kill in storm.kills]}"
            killed += len(storm.kills)
