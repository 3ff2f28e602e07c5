"""What becomes of a row after trouble: put off, shown elsewhere, shown simply, or given up.

Whatever is given up is said in words to the one who asked for the run.
"""

from __future__ import annotations

import logging
from collections import Counter
from datetime import timedelta
from enum import Enum, auto
from threading import Lock
from typing import Final

from bot.slack import slack_errors
from bot.slack.ids import short
from bot.slack.outbound.posting import Posting
from bot.slack.outbound.views import Views
from bot.slack.slack_errors import Kind, SlackFailure
from storage.backoff import Backoff
from storage.messages import OutboxKind, OutboxRow, OutboxState
from storage.outbox.outbox import Outbox
from storage.outbox.rate_limits import UPDATES
from storage.records import ActorKind
from storage.states import ENDED

log = logging.getLogger(__name__)

GIVE_UP_AFTER: Final = 6
ROOT_CHANCES: Final = 3
BACKOFF: Final = Backoff(first=0.5, longest=60.0)
TOKEN_WAIT: Final = timedelta(seconds=30)
LONG_REST: Final = 30.0
PLACE_WAIT: Final = timedelta(minutes=10)


class Next(Enum):
    """Whether the row can be taken again at once."""

    NOW = auto()
    LATER = auto()


class FailurePolicy:
    """Remembers for this process what was tried with which row. Safe to share between threads."""

    def __init__(self, *, outbox: Outbox, views: Views, posting: Posting) -> None:
        self._outbox = outbox
        self._views = views
        self._posting = posting
        self._lock = Lock()
        self._failures: dict[str, Counter[Kind]] = {}
        self._refused: set[tuple[str, int]] = set()
        self._simply: set[str] = set()

    def was_refused(self, row: OutboxRow) -> bool:
        """Whether Slack is known to have refused the last post, so that it need not be sought."""
        return (row.key, row.generation) in self._refused

    def simply(self, row: OutboxRow) -> bool:
        """Whether the row is shown in the plain form because Slack refused the other."""
        return row.key in self._simply

    def went_well(self, row: OutboxRow) -> None:
        """Or is over: what went wrong before counts no more."""
        with self._lock:
            self._failures.pop(row.key, None)
            self._refused.discard((row.key, row.generation))

    def mend(  # noqa: PLR0911 an arm for each kind of trouble
        self, row: OutboxRow, trouble: SlackFailure
    ) -> Next:
        posting = row.state is not OutboxState.POSTED
        failures = self._count(row, trouble)
        match trouble.kind:
            case Kind.RATE:
                return self._rest(row, trouble)
            case Kind.PLACE:
                return self._elsewhere(row, trouble, posting=posting)
            case Kind.THREAD if failures <= ROOT_CHANCES:
                # The root is refreshed by whatever queued this row, and then posted anew.
                return self._put_off(row, _after(failures), trouble)
            case Kind.THREAD if row.thread_ts is not None:
                self._outbox.release(self._outbox.move(row, channel=row.channel, thread_ts=None))
                return Next.NOW
            case Kind.MESSAGE if not posting and failures == 1:
                # Once: where that one may not change either, a third would only be in the way.
                self._outbox.release(self._outbox.anew(row))
                return Next.NOW
            case Kind.BLOCKS if not self.simply(row):
                with self._lock:
                    self._simply.add(row.key)
                self._outbox.release(row)
                return Next.NOW
            case Kind.TOKEN:
                log.error("slack.token_refused", extra={"error": trouble.error})
                return self._put_off(row, TOKEN_WAIT, trouble)
            case Kind.UNCERTAIN:
                return self._put_off(row, _after(failures), trouble)
            case Kind.BLOCKS:
                return self._give_up(row, trouble)
            case _ if failures < GIVE_UP_AFTER:
                return self._put_off(row, _after(failures), trouble)
            case _:
                return self._give_up(row, trouble)

    def _count(self, row: OutboxRow, trouble: SlackFailure) -> int:
        """How often this row has met trouble of this kind since it last went well."""
        with self._lock:
            counted = self._failures.setdefault(row.key, Counter())
            counted[trouble.kind] += 1
            if trouble.refused:
                self._refused.add((row.key, row.generation))
            elif trouble.kind is Kind.UNCERTAIN:
                self._refused.discard((row.key, row.generation))
            return counted[trouble.kind]

    def _put_off(self, row: OutboxRow, delay: timedelta, trouble: SlackFailure) -> Next:
        self._outbox.later(row, delay, trouble.error)
        return Next.LATER

    def _rest(self, row: OutboxRow, trouble: SlackFailure) -> Next:
        """Nobody asks for it meanwhile, in whatever process: posts are limited in each channel,
        changes of messages in the whole workspace. Of other calls this row alone keeps away."""
        delay = timedelta(seconds=trouble.wait or LONG_REST)
        key = {UPDATES: UPDATES, "chat.postMessage": row.channel}.get(trouble.method)
        if key is None:
            return self._put_off(row, delay, trouble)
        self._outbox.rest(row, delay, trouble.error, key=key)
        facts = {"method": trouble.method, "in": row.channel if key != UPDATES else "all channels"}
        log.warning("slack.resting", extra={**facts, "seconds": delay.total_seconds()})
        return Next.LATER

    def _elsewhere(self, row: OutboxRow, trouble: SlackFailure, *, posting: bool) -> Next:
        """Where the bot may not post, the requester gets it as a direct message."""
        execution = self._views.execution(row)
        unarmed = row.kind is OutboxKind.CHECKPOINT and row.shown_version == 0
        if not posting and not unarmed:
            if execution.state in ENDED:
                self._outbox.fail(row, trouble.error)
                return Next.LATER
            return self._put_off(row, PLACE_WAIT, trouble)
        if execution.requester.kind is not ActorKind.SLACK or row.channel.startswith("D"):
            return self._give_up(row, trouble)
        try:
            direct = self._posting.direct_message(execution.requester.id)
        except slack_errors.FAULTS as fault:
            further = slack_errors.of(fault)
            tries = self._failures[row.key][trouble.kind]
            if further.kind is Kind.OTHER and tries >= GIVE_UP_AFTER:
                return self._give_up(row, further)
            return self._put_off(row, _after(tries), further)
        if not posting:
            row = self._outbox.anew(row)
        self._outbox.release(self._outbox.move(row, channel=direct, thread_ts=None))
        log.warning(
            "delivery.moved",
            extra={"row": row.key, "error": trouble.error, "execution": execution.id},
        )
        return Next.NOW

    def _give_up(self, row: OutboxRow, trouble: SlackFailure) -> Next:
        """What comes after this message goes on; the requester is told that it is missing."""
        self._outbox.fail(row, trouble.error)
        self.went_well(row)
        log.error("delivery.given_up", extra={"row": row.key, "error": trouble.error})
        requester = self._views.execution(row).requester
        if requester.kind is ActorKind.SLACK:
            try:
                self._posting.tell(
                    self._posting.direct_message(requester.id), _missing(row, trouble)
                )
            except slack_errors.FAULTS as fault:
                further = slack_errors.of(fault)
                log.error("delivery.untold", extra={"row": row.key, "error": further.error})
        return Next.LATER


def _after(failures: int) -> timedelta:
    return timedelta(seconds=BACKOFF.after(failures))


_NAMES: Final = {
    OutboxKind.ROOT: "the message that its thread hangs on",
    OutboxKind.CHECKPOINT: "a checkpoint",
    OutboxKind.FILE: "the file with a whole text",
    OutboxKind.REMINDER: "a reminder",
    OutboxKind.FINAL: "its result",
    OutboxKind.NOTICE: "a notice",
}


def _missing(row: OutboxRow, trouble: SlackFailure) -> str:
    return (
        f":warning: Run `{short(row.execution_id)}`: I could not show {_NAMES[row.kind]} "
        f"(Slack says `{trouble.error}`). Look at `/crew status {short(row.execution_id)}`, and "
        "tell whoever runs this bot."
    )
