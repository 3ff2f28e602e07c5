"""Rate limits of posts and updates, counted for all processes together."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from storage.db.database import SystemClock, writing
from storage.errors import TooSoon
from storage.messages import OutboxRow
from storage.outbox import rate_limits
from storage.outbox.outbox import Outbox
from storage.outbox.rate_limits import RateLimit
from storage.ports import NoDispatch, NoSignal
from storage.reads import Reads
from storage.state_manager import StateManager
from tests.storage.conftest import Run
from tests.support.factories import NOON, SettableClock

LIMIT = RateLimit()
SECOND = timedelta(seconds=1)


def row_of_a_new_run(run: Run, outbox: Outbox, channel: str = "C1") -> OutboxRow:
    started = run.start(channel=channel)
    [row] = [r for r in outbox.take(owner="d", limit=50) if r.execution_id == started.id]
    return row


def test_a_few_posts_are_allowed_at_once_and_then_one_a_second(
    run: Run, outbox: Outbox, clock: SettableClock
) -> None:
    rows = [row_of_a_new_run(run, outbox) for _ in range(3)]
    late = [row_of_a_new_run(run, outbox) for _ in range(2)]
    for row in rows:
        outbox.sending(row, rate_limit=LIMIT)
    for row in late:
        with pytest.raises(TooSoon):
            outbox.sending(row, rate_limit=LIMIT)

    clock.move(timedelta(seconds=0.9))
    assert outbox.take(owner="d") == ()
    clock.move(timedelta(seconds=0.1))
    first, second = outbox.take(owner="d")
    assert (first.key, second.key) == (late[0].key, late[1].key)
    outbox.sending(first, rate_limit=LIMIT)
    with pytest.raises(TooSoon):
        outbox.sending(second, rate_limit=LIMIT)


def test_rows_of_a_limited_channel_are_not_taken_but_others_are(
    run: Run, outbox: Outbox, clock: SettableClock
) -> None:
    for _ in range(3):
        outbox.sending(row_of_a_new_run(run, outbox), rate_limit=LIMIT)

    run.start(channel="C1")
    free = run.start(channel="C2")

    assert [row.execution_id for row in outbox.take(owner="d")] == [free.id]
    clock.move(SECOND)
    assert [row.channel for row in outbox.take(owner="d")] == ["C1"]


def test_a_paused_channel_waits_for_the_longest_pause_and_then_posts_one_by_one(
    run: Run, outbox: Outbox, clock: SettableClock
) -> None:
    first, second = row_of_a_new_run(run, outbox), row_of_a_new_run(run, outbox)
    outbox.pause(first, 30 * SECOND, "ratelimited", key="C1")
    outbox.pause(second, 5 * SECOND, "ratelimited", key="C1")

    clock.move(29 * SECOND)
    assert outbox.take(owner="d") == ()
    clock.move(SECOND)
    rows = outbox.take(owner="d")
    assert [row.key for row in rows] == [first.key, second.key]
    outbox.sending(rows[0], rate_limit=LIMIT)
    with pytest.raises(TooSoon):
        outbox.sending(rows[1], rate_limit=LIMIT)


def test_a_pause_of_updates_applies_to_all_channels_but_not_to_posts(
    run: Run, outbox: Outbox, state: StateManager, clock: SettableClock
) -> None:
    posted = []
    for channel in ("C1", "C2"):
        row = outbox.sending(row_of_a_new_run(run, outbox, channel))
        posted.append(outbox.posted(row, channel=channel, ts=f"{row.seq}.0", shown=0))
    outbox.pause(posted[0], 10 * SECOND, "ratelimited", key=rate_limits.UPDATES)
    outbox.release(posted[1])
    new = run.start(channel="C1")

    assert [row.execution_id for row in outbox.take(owner="d")] == [new.id]
    clock.move(10 * SECOND)
    assert {row.key for row in outbox.take(owner="d")} == {row.key for row in posted}


def test_a_limited_message_keeps_its_place_and_its_attempts(
    run: Run, outbox: Outbox, clock: SettableClock
) -> None:
    rows = [row_of_a_new_run(run, outbox) for _ in range(4)]
    for row in rows[:3]:
        outbox.sending(row, rate_limit=LIMIT)
    with pytest.raises(TooSoon):
        outbox.sending(rows[3], rate_limit=LIMIT)
    clock.move(SECOND)

    [again] = outbox.take(owner="d")

    assert (again.key, again.attempts, again.state) == (rows[3].key, 0, rows[3].state)


def test_of_many_simultaneous_posts_only_as_many_are_allowed_as_the_limit_says(
    engine: Engine,
) -> None:
    """Also if nobody has posted to the channel before, and each process adds its first row."""
    clock = SystemClock()
    outbox = Outbox(engine, clock)
    slow_limit = RateLimit(per_second=0.01)

    def start(row: OutboxRow) -> bool:
        try:
            outbox.sending(row, rate_limit=slow_limit)
        except TooSoon:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        for channel in ("C1", "C2", "C3"):
            rows = leased_rows(engine, outbox, channel)
            assert list(threads.map(start, rows)).count(True) == 3


def leased_rows(engine: Engine, outbox: Outbox, channel: str) -> tuple[OutboxRow, ...]:
    state = StateManager(engine, clock=SystemClock(), dispatch=NoDispatch(), signal=NoSignal())
    run = Run(state, Reads(engine))
    for _ in range(8):
        run.start(channel=channel)
    rows = outbox.take(owner="d", limit=50)
    return tuple(row for row in rows if row.channel == channel)


def test_rows_of_channels_that_were_idle_for_a_day_are_deleted(
    engine: Engine, outbox: Outbox, run: Run, clock: SettableClock
) -> None:
    outbox.sending(row_of_a_new_run(run, outbox, "C1"), rate_limit=LIMIT)
    clock.move(timedelta(hours=20))
    outbox.sending(row_of_a_new_run(run, outbox, "C2"), rate_limit=LIMIT)
    clock.move(timedelta(hours=5))

    with writing(engine) as connection:
        assert rate_limits.delete_idle(connection, now=clock.now()) == 1
        assert rate_limits.delete_idle(connection, now=clock.now()) == 0


@pytest.mark.parametrize(("per_second", "burst"), [(1.0, 3), (2.0, 1), (0.5, 5)])
def test_over_a_long_time_the_rate_is_as_configured(per_second: float, burst: int) -> None:
    limit, free_at, calls = RateLimit(per_second, burst), None, 0
    for tick in range(600):
        now = NOON + tick * SECOND / 10
        while free_at is None or free_at <= now:
            free_at, calls = limit.next_free_at(free_at, now), calls + 1
    assert burst + 60 * per_second - 1 <= calls <= burst + 60 * per_second
