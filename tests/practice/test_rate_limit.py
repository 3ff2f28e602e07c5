"""Slack's rate limits: for posting in a channel and for each method."""

from __future__ import annotations

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from practice.faults.rate_limit import PostingRateLimit, TierLimits
from tests.support.workspace import ANA, Workspace


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


def test_a_method_takes_its_tier_within_any_minute() -> None:
    now = 0.0
    limits = TierLimits(lambda: now)
    limits.enabled = True

    assert [limits.retry_after("chat.update") for _ in range(51)] == [0] * 50 + [60]
    assert limits.retry_after("views.open") == 0
    now = 45.5
    assert limits.retry_after("chat.update") == 15
    now = 60.0
    assert [limits.retry_after("chat.update") for _ in range(50)] == [0] * 50


def test_tiers_hold_only_when_enabled_and_for_known_methods() -> None:
    limits = TierLimits(lambda: 0.0)
    assert [limits.retry_after("chat.update") for _ in range(60)] == [0] * 60
    limits.enabled = True
    assert [limits.retry_after("api.test") for _ in range(200)] == [0] * 200


def test_the_app_gets_a_429_beyond_its_tier(workspace: Workspace, client: WebClient) -> None:
    workspace.enforce_tiers(users_info=2)

    for _ in range(2):
        assert client.users_info(user=ANA)["ok"]
    with pytest.raises(SlackApiError) as refused:
        client.users_info(user=ANA)
    assert refused.value.response.status_code == 429
    assert int(refused.value.response.headers["Retry-After"]) > 50
