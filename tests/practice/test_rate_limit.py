"""Slack's rate limit for posting messages."""

from __future__ import annotations

from practice.faults.rate_limit import PostingRateLimit


def test_nothing_is_limited_until_it_is_enabled() -> None:
    limit = PostingRateLimit(lambda: 0.0)
    assert [limit.retry_after("C1") for _ in range(10)] == [0] * 10


def test_a_channel_takes_a_burst_of_four_and_then_one_message_a_second() -> None:
    now = 0.0
    limit = PostingRateLimit(lambda: now)
    limit.enabled = True

    assert [limit.retry_after("C1") for _ in range(5)] == [0, 0, 0, 0, 1]
    assert limit.retry_after("C2") == 0
    now = 0.9
    assert limit.retry_after("C1") == 1
    now = 1.0
    assert [limit.retry_after("C1") for _ in range(2)] == [0, 1]


def test_a_slow_rate_gives_the_whole_seconds_to_wait() -> None:
    limit = PostingRateLimit(lambda: 0.0)
    limit.enabled, limit.rate, limit.burst = True, 0.25, 1.0

    assert [limit.retry_after("C1") for _ in range(2)] == [0, 4]
