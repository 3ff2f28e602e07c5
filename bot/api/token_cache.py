"""Tokens that were looked up less than a second ago: not every request asks the database."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from time import monotonic
from typing import Final

from starlette.concurrency import run_in_threadpool

from storage.db.database import is_outage
from storage.errors import CountersignError
from storage.token_manager import USE_RECORDED_EVERY, TokenManager
from storage.tokens import Token, TokenKind

log = logging.getLogger(__name__)

SECONDS: Final = 0.5
"""For how long a look-up counts. A revoked token works for this long in other processes."""

MOST: Final = 10_000


class TokenCache:
    """For one event loop. What is not valid is never cached: it could become valid."""

    def __init__(self, tokens: TokenManager, *, seconds: float = SECONDS) -> None:
        self._tokens = tokens
        self._seconds = seconds
        self._any_made = False
        self._asked_at: float | None = None
        self._valid: dict[str, tuple[Token, float]] = {}
        self._recorder = ThreadPoolExecutor(1, thread_name_prefix="token-uses")

    async def any_made(self) -> bool:
        """Whether the API is closed to requests without a token. Once it is, it stays closed.

        Raises Busy.
        """
        now = monotonic()
        if self._any_made or (self._asked_at is not None and now - self._asked_at < self._seconds):
            return self._any_made
        first, self._asked_at = self._asked_at is None, now
        try:
            self._any_made = await run_in_threadpool(self._tokens.any_made) or self._any_made
        except BaseException:
            if first:
                self._asked_at = None
            raise
        return self._any_made

    async def find(self, secret: str) -> Token | None:
        """The token with this secret, if it can be used. Raises Busy."""
        now = monotonic()
        cached = self._valid.get(secret)
        if cached is not None and now - cached[1] < self._seconds:
            return cached[0]
        token = await run_in_threadpool(self._tokens.find, secret)
        if token is None:
            self._valid.pop(secret, None)
            return None
        if len(self._valid) >= MOST:
            self._valid.clear()
        self._valid[secret] = (token, now)
        self._record_use(token)
        return token

    def _record_use(self, token: Token) -> None:
        """Store the time of the last use in a thread of its own: no request waits for it."""
        if token.kind not in (TokenKind.TOKEN, TokenKind.SESSION):
            return
        used_at = token.used_at
        if used_at is None or datetime.now(UTC) - used_at > USE_RECORDED_EVERY:
            self._recorder.submit(self._store_use, token.id)

    def _store_use(self, token_id: str) -> None:
        try:
            self._tokens.record_use(token_id)
        except Exception as error:
            if not isinstance(error, CountersignError) and not is_outage(error):
                raise
            log.warning("tokens.use_not_recorded", extra={"error": type(error).__name__})
