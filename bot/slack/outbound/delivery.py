"""Brings the outbox to Slack: posts, arms, updates, and mends what goes wrong.

A message is posted without its buttons, its place is stored, and only then is it given them.
Whatever happens in between, at most one message of a checkpoint can be acted on.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import timedelta
from threading import Event, Thread
from time import monotonic
from typing import Final

from slack_sdk import WebClient

from bot.slack import slack_errors
from bot.slack.outbound import reconciliation
from bot.slack.outbound.delivery_errors import FailurePolicy, Next
from bot.slack.outbound.posting import Posting
from bot.slack.outbound.views import Views
from bot.slack.slack_errors import SlackFailure
from storage.errors import Busy, MessageLeaseLost, TooSoon
from storage.messages import OutboxKind, OutboxRow, OutboxState
from storage.outbox.outbox import Outbox
from storage.outbox.rate_limits import RateLimit
from storage.ports import Clock
from storage.reads import Reads

log = logging.getLogger(__name__)

IDLE_SECONDS: Final = 2.0
SOON_SECONDS: Final = 0.25


@dataclass(frozen=True, slots=True)
class DeliveryTiming:
    """How fast to go by Slack. `settle`: how long a lost answer may still become a message;
    `look_again`: when to look for one that came later still."""

    posts_per_second: float = 1.0
    root_pause: timedelta = timedelta(seconds=3)
    settle: timedelta = timedelta(seconds=10)
    look_again: timedelta = timedelta(seconds=30)


DEFAULT_TIMING: Final = DeliveryTiming()


@dataclass(frozen=True, slots=True)
class _Doubt:
    """A message that was posted again although an earlier post may still appear."""

    row: OutboxRow
    kept: str
    look_at: float
    looks: int = 10


class Delivery:
    """Threads that work on outbox rows. Several processes may run it on one database."""

    def __init__(
        self,
        client: WebClient,
        *,
        outbox: Outbox,
        reads: Reads,
        clock: Clock,
        owner: str,
        threads: int = 3,
        tempo: DeliveryTiming,
    ) -> None:
        self._client = client
        self._outbox = outbox
        self._views = Views(reads)
        self._posting = Posting(client)
        self._clock = clock
        self._owner = owner
        self._tempo = tempo
        self._pace = RateLimit(per_second=tempo.posts_per_second)
        self._mending = FailurePolicy(outbox=outbox, views=self._views, posting=self._posting)
        self._doubts: list[_Doubt] = []
        self._wakes = [Event() for _ in range(threads)]
        self._stopping = Event()
        self._threads = [
            Thread(target=self._run, args=(n, wake), name=f"slack-delivery-{n}", daemon=True)
            for n, wake in enumerate(self._wakes)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    @property
    def alive(self) -> bool:
        return all(thread.is_alive() for thread in self._threads)

    def wake(self) -> None:
        """There may be something to do. Returns at once."""
        for wake in self._wakes:
            wake.set()

    def stop(self, grace: timedelta) -> None:
        """Let each thread finish the row that it is at."""
        self._stopping.set()
        self.wake()
        until = monotonic() + grace.total_seconds()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(0.0, until - monotonic()))

    def _run(self, number: int, wake: Event) -> None:
        """The first thread looks often while anything is put off; the others when woken."""
        owner = f"{self._owner}#{number}"
        soon = failed = False
        while not self._stopping.is_set():
            wake.wait(SOON_SECONDS if soon or failed else IDLE_SECONDS)
            wake.clear()
            try:
                if failed:  # nobody else would take the messages before the leases end
                    self._outbox.release_leases([owner])
                failed = False
                soon = self._deliver_all(owner) and number == 0
                self._clear_doubts()
            except Exception as error:
                if isinstance(error, Busy):
                    log.warning("delivery.no_database", extra={"why": str(error)})
                else:
                    log.exception("delivery.failed")
                soon, failed = False, True
                self._stopping.wait(1.0)

    def _deliver_all(self, owner: str) -> bool:
        """Work until nothing is due; whether something was put off and comes due later."""
        while not self._stopping.is_set():
            taken = self._outbox.take(owner=owner, limit=1)
            if not taken:
                break
            self.deliver(taken[0])
        return self._outbox.next_due()

    # --- one row ----------------------------------------------------------------------------

    def deliver(self, row: OutboxRow) -> None:
        """Bring one row a step on; afterwards it is done, put off, or given up in words."""
        try:
            if row.state is not OutboxState.POSTED:
                posted = self._post(row)
                if posted is None or posted.lease_owner is None:
                    return
                row = posted
            if row.shown_version < row.version:
                self._update(row)
            else:
                self._outbox.release(row)
                self._mending.went_well(row)
        except TooSoon:
            log.debug("delivery.too_soon", extra={"row": row.key})
        except MessageLeaseLost:
            log.info("delivery.hold_lost", extra={"row": row.key})
        except slack_errors.FAULTS as fault:
            trouble = slack_errors.of(fault)
            log.warning(
                "delivery.trouble",
                extra={"row": row.key, "error": trouble.error, "attempts": row.attempts},
            )
            self._mend(row, trouble)

    def _mend(self, row: OutboxRow, trouble: SlackFailure) -> None:
        try:
            if self._mending.mend(row, trouble) is Next.NOW:
                self.wake()
        except MessageLeaseLost:
            log.info("delivery.hold_lost", extra={"row": row.key})

    def _post(self, row: OutboxRow) -> OutboxRow | None:
        """The row with its place stored; None where there is nothing (more) to do now."""
        if not self._views.still_to_tell(row):
            self._outbox.unneeded(row)
            return None
        if row.kind is OutboxKind.FILE:
            return self._upload(row)
        doubtful = row.state is OutboxState.SENDING and not self._mending.was_refused(row)
        if doubtful:
            adopted = self._adopt(row)
            if adopted is not None:
                return adopted
            if self._put_off_until_settled(row):
                return None
        version = row.version
        rendered = self._views.message(row)
        row = self._outbox.sending(row, pace=self._pace)
        posted = self._posting.post(row, rendered, simply=self._mending.simply(row))
        if doubtful:
            look_at = monotonic() + self._tempo.look_again.total_seconds()
            self._doubts.append(_Doubt(row, kept=posted.ts, look_at=look_at))
        try:
            return self._outbox.posted(
                row,
                channel=posted.channel,
                ts=posted.ts,
                shown=0 if rendered.buttons else version,
            )
        except MessageLeaseLost:
            # It took so long that another deliverer has the row now. That one found this message
            # and adopted it, or posts its own.
            if not self._views.is_shown_by(row, posted.ts):
                self._remove(row, posted.ts)
            raise

    def _update(self, row: OutboxRow) -> None:
        version = row.version
        rendered = self._views.message(row)
        self._posting.update(row, rendered, simply=self._mending.simply(row))
        pause = self._tempo.root_pause if row.kind is OutboxKind.ROOT else timedelta(0)
        self._outbox.shown(row, version, not_before=pause)
        self._mending.went_well(row)

    def _upload(self, row: OutboxRow) -> OutboxRow | None:
        whole = self._views.whole_text(row)
        if whole is None:
            self._outbox.unneeded(row)
            return None
        if row.state is OutboxState.SENDING and not self._mending.was_refused(row):
            found = reconciliation.find_file(self._client, row, whole.name)
            if found is not None:
                return self._outbox.posted(row, channel=row.channel, ts=found, shown=row.version)
            if self._put_off_until_settled(row):
                return None
        row = self._outbox.sending(row, pace=self._pace)
        file_id = self._posting.upload(row, whole)
        return self._outbox.posted(row, channel=row.channel, ts=file_id, shown=row.version)

    # --- what may have happened already ---------------------------------------------------------

    def _adopt(self, row: OutboxRow) -> OutboxRow | None:
        """Take over a message that was posted before; others of it are removed."""
        found = reconciliation.find_messages(self._client, row)
        if not found:
            return None
        log.info("delivery.adopted", extra={"row": row.key, "found": len(found)})
        adopted = self._outbox.posted(row, channel=row.channel, ts=found[0], shown=0)
        for duplicate in found[1:]:
            self._remove(row, duplicate)
        return adopted

    def _remove(self, row: OutboxRow, ts: str) -> None:
        """Delete a copy. It has no buttons, so that one which stays does no harm."""
        try:
            self._posting.delete(channel=row.channel, ts=ts)
        except slack_errors.FAULTS as fault:
            error = slack_errors.of(fault).error
            log.warning("delivery.copy_stays", extra={"row": row.key, "error": error})

    def _put_off_until_settled(self, row: OutboxRow) -> bool:
        since = self._clock.now() - (row.sent_at or row.created_at)
        if since >= self._tempo.settle:
            return False
        self._outbox.later(row, self._tempo.settle - since, "waiting whether it was posted")
        return True

    def _clear_doubts(self) -> None:
        """Remove messages that appeared after they were taken for lost and posted again."""
        now = monotonic()
        for doubt in [doubt for doubt in self._doubts if doubt.look_at <= now]:
            self._doubts.remove(doubt)
            try:
                found = reconciliation.find_messages(self._client, doubt.row)
            except slack_errors.FAULTS as fault:
                error = slack_errors.of(fault).error
                log.warning("delivery.trouble", extra={"row": doubt.row.key, "error": error})
                if doubt.looks > 1:
                    look_at = now + self._tempo.look_again.total_seconds()
                    self._doubts.append(replace(doubt, look_at=look_at, looks=doubt.looks - 1))
                continue
            for ts in found:
                if ts != doubt.kept:
                    self._remove(doubt.row, ts)
