"""Slack's rate limits: for posting in a channel, and for each method of the app; off by default."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable

MESSAGES_PER_SECOND = 1.0
BURST = 4.0
WINDOW = 60.0
TIER_2, TIER_3, TIER_4 = 20, 50, 100
"""Calls of one method a minute."""

PER_MINUTE = {
    "chat.update": TIER_3,
    "chat.delete": TIER_3,
    "chat.postEphemeral": TIER_4,
    "conversations.history": TIER_3,
    "conversations.info": TIER_3,
    "conversations.join": TIER_3,
    "conversations.list": TIER_2,
    "conversations.members": TIER_4,
    "conversations.open": TIER_3,
    "conversations.replies": TIER_3,
    "users.conversations": TIER_3,
    "users.info": TIER_4,
    "users.list": TIER_2,
    "users.lookupByEmail": TIER_3,
    "usergroups.list": TIER_2,
    "usergroups.users.list": TIER_2,
    "team.info": TIER_3,
    "bots.info": TIER_3,
    "reactions.add": TIER_3,
    "files.info": TIER_4,
    "files.getUploadURLExternal": TIER_4,
    "files.completeUploadExternal": TIER_4,
    "views.open": TIER_4,
    "views.push": TIER_4,
    "views.update": TIER_4,
    "views.publish": TIER_4,
    "assistant.threads.setStatus": 600,
    "chat.postMessage": 300,
}
"""`chat.postMessage` is limited in each channel; a workspace takes several hundred a minute."""


class PostingRateLimit:
    """A token bucket per channel: about one message per second, with a small burst."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.enabled = False
        self.rate = MESSAGES_PER_SECOND
        self.burst = BURST
        self._buckets: dict[str, tuple[float, float]] = {}

    def retry_after(self, channel: str) -> int:
        """Seconds until this channel may be posted to again; 0 accepts and counts the post."""
        if not self.enabled:
            return 0
        now = self._clock()
        tokens, updated = self._buckets.get(channel, (self.burst, now))
        tokens = min(self.burst, tokens + (now - updated) * self.rate)
        if tokens < 1.0:
            self._buckets[channel] = (tokens, now)
            return max(1, math.ceil((1.0 - tokens) / self.rate))
        self._buckets[channel] = (tokens - 1.0, now)
        return 0


class TierLimits:
    """For each method, the calls that the whole app may make within any 60 seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.enabled = False
        self.per_minute = dict(PER_MINUTE)
        self._calls: dict[str, deque[float]] = {}

    def retry_after(self, method: str) -> int:
        """Seconds until this method may be called again; 0 accepts and counts the call."""
        most = self.per_minute.get(method)
        if not self.enabled or most is None:
            return 0
        now, calls = self._clock(), self._calls.setdefault(method, deque())
        while calls and calls[0] <= now - WINDOW:
            calls.popleft()
        if len(calls) >= most:
            return max(1, math.ceil(calls[0] + WINDOW - now))
        calls.append(now)
        return 0
