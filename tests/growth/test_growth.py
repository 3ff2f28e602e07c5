"""What is done often costs no more with many executions than with few. No clock is asked:
the databases tell how much they looked at."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime

import pytest

from tests.growth.acts import ACTS
from tests.growth.base import base_of, make
from tests.growth.comparing import MOST, Compared, in_turns
from tests.growth.filling import Crowd, Filler
from tests.growth.lives import Life, lives
from tests.support.postgres import Server

SEED = 7
SMALL = Crowd(ended=800, waiting=400)
LARGE = Crowd(ended=3_200, waiting=1_600)


@pytest.fixture(scope="module")
def led() -> tuple[Life, ...]:
    return lives()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def compared(
    request: pytest.FixtureRequest,
    led: tuple[Life, ...],
    tmp_path_factory: pytest.TempPathFactory,
) -> list[Compared]:
    """Every act, once on a small and once on a large database."""
    if request.param == "sqlite":
        folder = tmp_path_factory.mktemp("growth")
        urls = [f"sqlite:///{folder / name}.db" for name in ("small", "large")]
    else:
        server: Server = request.getfixturevalue("server")
        urls = [server.database(), server.database()]
    for url, crowd in zip(urls, (SMALL, LARGE), strict=True):
        make(url)
        Filler(url, led, seed=SEED).fill(crowd, now=datetime.now(UTC))
    with ExitStack() as open_ones:
        small, large = (open_ones.enter_context(base_of(url)) for url in urls)
        return in_turns(small, large, rounds=0, seed=SEED)


def test_what_is_done_often_looks_at_no_more_rows_among_many_executions(
    compared: list[Compared],
) -> None:
    grew = {one.name: round(one.work_ratio, 1) for one in compared if one.work_ratio > MOST}

    assert len(compared) == len(ACTS)
    assert grew == {}


def test_what_is_done_often_reads_and_sorts_no_whole_table(compared: list[Compared]) -> None:
    works = {one.name: one.work for one in compared}

    assert all(work is not None and work[1].statements for work in works.values())
    assert [(name, fault) for name, work in works.items() if work for fault in work[1].faults] == []
