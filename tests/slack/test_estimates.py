"""What phases usually use is cached if the query is slow."""

from __future__ import annotations

import time

from sqlalchemy import create_engine

from bot.slack.outbound import estimates
from storage.reads import Reads
from storage.records import Usage


def test_the_result_of_a_slow_query_is_cached() -> None:
    queries = []

    class SlowReads(Reads):
        def usage_of_phase(self, crew: str, phase: str, *, runs: int = 20) -> tuple[Usage, ...]:
            queries.append((crew, phase, runs))
            time.sleep(estimates.CHEAP_SECONDS * 1.5)
            return ({"gpt": {"calls": 1, "prompt_tokens": 1000}},)

    cache = estimates.Estimates(SlowReads(create_engine("sqlite://")))
    first = cache.get("plan", "analysis")
    assert first is not None
    assert (cache.get("plan", "analysis"), len(queries)) == (first, 1)
    cache.get("plan", "finalization")
    assert len(queries) == 2
