"""A crew's limits apply across all processes that start runs of it at the same moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest
from sqlalchemy import Engine

from storage.db.database import SystemClock
from storage.db.engines import Pool, open_engine
from storage.definitions import Limits
from storage.errors import LimitReached
from storage.ports import NoDispatch, NoSignal
from storage.state_manager import StateManager
from tests.support.factories import ANA, asking, crew

AT_ONCE = 25
MOST = 5


@pytest.fixture
def processes(engine: Engine) -> Iterator[list[StateManager]]:
    """Two that share nothing but the database."""
    url = engine.url.render_as_string(hide_password=False)
    engines = [open_engine(url, Pool(size=AT_ONCE)) for _ in range(2)]
    yield [
        StateManager(each, clock=SystemClock(), dispatch=NoDispatch(), signal=NoSignal())
        for each in engines
    ]
    for each in engines:
        each.dispose()


@pytest.mark.parametrize(
    "limits",
    [Limits(at_once=MOST), Limits(per_person=MOST), Limits(starts_per_hour=MOST)],
    ids=["at_once", "per_person", "starts_per_hour"],
)
def test_of_fifty_simultaneous_starts_as_many_succeed_as_the_crew_allows(
    processes: list[StateManager], limits: Limits
) -> None:
    definition = replace(crew(), limits=limits)
    ready = Barrier(2 * AT_ONCE)

    def start(number: int) -> str:
        ready.wait()
        try:
            processes[number % 2].start_execution(
                definition=definition, request=asking(), requester=ANA
            )
        except LimitReached as error:
            return error.limit
        return "started"

    with ThreadPoolExecutor(2 * AT_ONCE) as people:
        results = Counter(people.map(start, range(2 * AT_ONCE)))

    [name] = {*results} - {"started"}
    assert getattr(limits, name) == MOST
    assert results == {"started": MOST, name: 2 * AT_ONCE - MOST}


def test_crews_do_not_wait_for_each_other(processes: list[StateManager]) -> None:
    first, second = (replace(crew(name=name), limits=Limits(at_once=1)) for name in ("a", "b"))
    for definition in (first, second):
        processes[0].start_execution(definition=definition, request=asking(), requester=ANA)
        with pytest.raises(LimitReached):
            processes[1].start_execution(definition=definition, request=asking(), requester=ANA)
