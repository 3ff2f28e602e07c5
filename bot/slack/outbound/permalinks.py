"""Gets the addresses of cards and outputs, after everything that is more urgent."""

from __future__ import annotations

import logging
from collections import deque

from bot.slack import slack_errors
from bot.slack.outbound.fallbacks import output_key
from bot.slack.outbound.posting import Posting
from storage.messages import OutboxKind, OutboxRow
from storage.outbox.outbox import Outbox
from storage.reads import Reads

log = logging.getLogger(__name__)

MAX_KEPT = 1000


class Permalinks:
    """Messages whose address is not known yet, in memory only: one that is forgotten is asked for
    again when its card changes. Safe to share between threads."""

    def __init__(self, *, outbox: Outbox, reads: Reads, posting: Posting) -> None:
        self._outbox = outbox
        self._reads = reads
        self._posting = posting
        self._keys: deque[str] = deque(maxlen=MAX_KEPT)

    def add(self, row: OutboxRow) -> None:
        """Get the address of this message later; that of a card's output as well."""
        if row.permalink is not None:
            return
        self._keys.append(row.key)
        if row.kind is OutboxKind.CHECKPOINT:
            self._keys.append(output_key(row))

    def fetch_one(self) -> bool:
        """Get and store one address. Returns False if none is left.

        Nothing depends on it, so it is not tried again at once.
        """
        try:
            key = self._keys.popleft()
        except IndexError:
            return False
        row = self._reads.messages([key]).get(key)
        if row is None or row.ts is None or row.permalink is not None:
            return True
        try:
            self._outbox.store_permalink(row, self._posting.permalink(row))
        except slack_errors.SLACK_ERRORS as error:
            failure = slack_errors.classify(error)
            log.info("delivery.no_permalink", extra={"row": key, "error": failure.error})
        return True
