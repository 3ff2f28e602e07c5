"""Delivers the outbox to Slack: posts and updates messages, and handles failures.

A message is posted without buttons; its channel and timestamp are stored; only then does an update
add the buttons. So at most one message of a checkpoint can be acted on, even after a crash.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from threading import Event, Thread
from time import monotonic
from typing import Final

from slack_sdk import WebClient

from bot.slack import slack_errors
from bot.slack.outbound import reconciliation
from bot.slack.outbound.clicks import Clicks
from bot.slack.outbound.delivery_errors import FailurePolicy, Next
from bot.slack.outbound.fallbacks import Shown, whole_key
from bot.slack.outbound.permalinks import Permalinks
from bot.slack.outbound.posting import Posted, Posting
from bot.slack.outbound.thread_status import ThreadStatus
from bot.slack.outbound.views import Post, Views
from bot.slack.render.files import Upload
from bot.slack.render.message import Rendered
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
NEVER_CHANGE: Final = (OutboxKind.OUTPUT, OutboxKind.WHOLE, OutboxKind.FILE)
WAIT_FOR_WHOLE: Final = timedelta(seconds=2)
UPDATES_OF_TIER_3: Final = RateLimit.per_minute(50)


@dataclass(frozen=True, slots=True)
class DeliveryTiming:
    """Rates and waits. Posts are limited in each channel, updates in the whole workspace.
    `settle` is how long a post without a response may still appear; `look_again` is when to check
    for one that appeared even later."""

    posts_per_second: float = 1.0
    updates: RateLimit = UPDATES_OF_TIER_3
    root_pause: timedelta = timedelta(seconds=3)
    settle: timedelta = timedelta(seconds=10)
    look_again: timedelta = timedelta(seconds=30)


DEFAULT_TIMING: Final = DeliveryTiming()


@dataclass(frozen=True, slots=True)
class _PossibleDuplicate:
    """A message that was posted again although an earlier post may still appear."""

    row: OutboxRow
    kept_ts: str
    check_at: float
    checks_left: int = 10


class Delivery:
    """Threads that deliver outbox rows. Several processes may do so on one database."""

    def __init__(
        self,
        client: WebClient,
        *,
        outbox: Outbox,
        reads: Reads,
        clock: Clock,
        owner: str,
        threads: int = 3,
        timing: DeliveryTiming,
        clicks: Clicks | None = None,
        on_card: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_card` is called, and must return at once, when a card shows its present state."""
        self._client = client
        self._outbox = outbox
        self._reads = reads
        self._views = Views(reads)
        self._posting = Posting(client)
        self._clock = clock
        self._owner = owner
        self._timing = timing
        self._rate_limit = RateLimit(per_second=timing.posts_per_second)
        self._updates = timing.updates
        self._clicks = clicks or Clicks()
        self._on_card = on_card
        self._status = ThreadStatus(self._posting)
        self._permalinks = Permalinks(outbox=outbox, reads=reads, posting=self._posting)
        self._failure_policy = FailurePolicy(
            outbox=outbox, views=self._views, posting=self._posting
        )
        self._possible_duplicates: list[_PossibleDuplicate] = []
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
        """Check the outbox soon. Returns at once."""
        for wake in self._wakes:
            wake.set()

    def stop(self, grace: timedelta) -> None:
        """Let each thread finish its current row, for at most `grace`."""
        self._stopping.set()
        self.wake()
        deadline = monotonic() + grace.total_seconds()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(0.0, deadline - monotonic()))

    def _run(self, number: int, wake: Event) -> None:
        """The first thread polls often while a row is postponed; the others wait to be woken."""
        owner = f"{self._owner}#{number}"
        soon = failed = False
        while not self._stopping.is_set():
            wake.wait(SOON_SECONDS if soon or failed else IDLE_SECONDS)
            wake.clear()
            try:
                if failed:  # nobody else could take the messages until the leases expire
                    self._outbox.release_leases([owner])
                failed = False
                soon = self._deliver_all(owner) and number == 0
                self._remove_late_duplicates()
            except Exception as error:
                if isinstance(error, Busy):
                    log.warning("delivery.no_database", extra={"why": str(error)})
                else:
                    log.exception("delivery.failed")
                soon, failed = False, True
                self._stopping.wait(1.0)

    def _deliver_all(self, owner: str) -> bool:
        """Deliver until nothing is due; returns whether a postponed row comes due later."""
        while not self._stopping.is_set():
            row = self._take(owner)
            if row is not None:
                self.deliver(row)
            elif not self._permalinks.fetch_one():
                break
        return self._outbox.has_pending()

    def _take(self, owner: str) -> OutboxRow | None:
        """Lease the most urgent row: a card that was clicked, or whatever the limits allow."""
        clicked = self._clicks.keys()
        row = self._outbox.take_clicked(clicked, owner=owner) if clicked else None
        if row is not None:
            return row
        rows = self._outbox.take(owner=owner, limit=1, updates=self._updates)
        return rows[0] if rows else None

    # --- one row ----------------------------------------------------------------------------

    def deliver(self, row: OutboxRow) -> None:
        """Deliver one row; afterwards it is done, postponed, or given up with a message."""
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
                self._failure_policy.forget_failures(row)
        except TooSoon:
            log.debug("delivery.too_soon", extra={"row": row.key})
        except MessageLeaseLost:
            log.info("delivery.lease_lost", extra={"row": row.key})
        except slack_errors.SLACK_ERRORS as error:
            failure = slack_errors.classify(error)
            log.warning(
                "delivery.trouble",
                extra={"row": row.key, "error": failure.error, "attempts": row.attempts},
            )
            self._handle_failure(row, failure)

    def _handle_failure(self, row: OutboxRow, failure: SlackFailure) -> None:
        try:
            if self._failure_policy.handle(row, failure) is Next.NOW:
                self.wake()
        except MessageLeaseLost:
            log.info("delivery.lease_lost", extra={"row": row.key})

    def _post(self, row: OutboxRow) -> OutboxRow | None:
        """Returns the row with its timestamp stored; None if there is nothing (more) to do now."""
        post = self._views.post(row)
        if post is None:
            also = [whole_key(row)] if row.kind is OutboxKind.OUTPUT else []
            self._outbox.mark_unneeded(row, also=also)
            return None
        sending = row.state is OutboxState.SENDING
        maybe_posted = sending and not self._failure_policy.was_rejected(row)
        if maybe_posted:
            earlier = self._find(row, post)
            if earlier:
                return self._adopt(row, post, earlier)
            if self._postpone_until_settled(row):
                return None
        version = row.version
        row = self._outbox.sending(row, rate_limit=self._rate_limit)
        if isinstance(post.content, Upload):
            posted = Posted(row.channel, self._posting.upload(row, post.content))
        else:
            posted = self._posting.post(row, post.content)
            if maybe_posted:
                check_at = monotonic() + self._timing.look_again.total_seconds()
                duplicate = _PossibleDuplicate(row, kept_ts=posted.ts, check_at=check_at)
                self._possible_duplicates.append(duplicate)
        try:
            return self._store(row, post, posted, shown=0 if post.has_buttons else version)
        except MessageLeaseLost:
            # The post took so long that another thread or process has leased the row. That one has
            # either adopted this message or posts its own.
            is_message = isinstance(post.content, Rendered)
            if is_message and not self._views.is_shown_by(row, posted.ts):
                self._remove(row, posted.ts)
            raise

    def _store(self, row: OutboxRow, post: Post, posted: Posted, *, shown: int) -> OutboxRow | None:
        """Store where the message is; None if its next page follows, or it is complete."""
        if not post.last:
            self._outbox.next_page(row, Shown.of(row).next_page().in_payload(row))
            return None
        stored = self._outbox.posted(
            row, channel=posted.channel, ts=posted.ts, shown=shown, updates=self._updates
        )
        if row.kind is OutboxKind.OUTPUT:
            self._permalinks.add(row)
        return stored

    def _update(self, row: OutboxRow) -> None:
        version, is_card = row.version, row.kind is OutboxKind.CHECKPOINT
        if is_card and row.shown_version == 0 and not self._views.is_whole_settled(row):
            self._outbox.postpone(row, WAIT_FOR_WHOLE, "waiting for the whole text")
            return
        if row.kind is OutboxKind.ROOT:
            self._update_root(row)
            return
        rendered = self._views.message(row)
        if not (is_card and self._replace_clicked(row, rendered)):
            self._posting.update(row, rendered)
        self._outbox.shown(row, version)
        self._failure_policy.forget_failures(row)
        if is_card:
            self._on_card()
            self._permalinks.add(row)

    def _update_root(self, row: OutboxRow) -> None:
        version, progress = row.version, self._views.progress(row)
        if self._status.covers(row, *progress):
            self._outbox.leave_for_later(row, self._timing.root_pause, updates=self._updates)
            return
        self._posting.update(row, self._views.message(row))
        self._status.updated(row, *progress)
        self._outbox.shown(row, version, not_before=self._root_pause())
        self._failure_policy.forget_failures(row)

    def _replace_clicked(self, row: OutboxRow, rendered: Rendered) -> bool:
        """Update a card by the click on it; False if nobody has just clicked it."""
        response_url = self._clicks.take(row)
        if response_url is None:
            return False
        try:
            return self._posting.replace_clicked(row, rendered, response_url=response_url)
        except slack_errors.SLACK_ERRORS as error:
            log.info("delivery.not_replaced", extra={"row": row.key, "error": type(error).__name__})
            return False

    def _root_pause(self) -> timedelta:
        """The pause between two updates of a root: all roots together keep to the limit."""
        interval = timedelta(seconds=1 / self._timing.updates.per_second)
        return max(self._timing.root_pause, self._reads.running_phases() * interval)

    # --- posts that may already have happened ---------------------------------------------------

    def _find(self, row: OutboxRow, post: Post) -> list[str]:
        """The timestamps of messages that were posted before, or the id of the file."""
        if isinstance(post.content, Upload):
            file_id = reconciliation.find_file(self._client, row, post.content.name)
            return [] if file_id is None else [file_id]
        return reconciliation.find_messages(self._client, row)

    def _adopt(self, row: OutboxRow, post: Post, earlier: list[str]) -> OutboxRow | None:
        """Adopt what was posted before, and remove its duplicates."""
        log.info("delivery.adopted", extra={"row": row.key, "found": len(earlier)})
        shown = row.version if row.kind in NEVER_CHANGE else 0
        adopted = self._store(row, post, Posted(row.channel, earlier[0]), shown=shown)
        for duplicate in earlier[1:]:
            self._remove(row, duplicate)
        return adopted

    def _remove(self, row: OutboxRow, ts: str) -> None:
        """Delete a duplicate. It has no buttons, so one that stays does no harm."""
        try:
            self._posting.delete(channel=row.channel, ts=ts)
        except slack_errors.SLACK_ERRORS as exception:
            error = slack_errors.classify(exception).error
            log.warning("delivery.copy_stays", extra={"row": row.key, "error": error})

    def _postpone_until_settled(self, row: OutboxRow) -> bool:
        elapsed = self._clock.now() - (row.sent_at or row.created_at)
        if elapsed >= self._timing.settle:
            return False
        self._outbox.postpone(
            row, self._timing.settle - elapsed, "waiting to see whether it was posted"
        )
        return True

    def _remove_late_duplicates(self) -> None:
        """Remove posts that seemed lost, were posted again, and then appeared after all."""
        now = monotonic()
        for duplicate in [each for each in self._possible_duplicates if each.check_at <= now]:
            self._possible_duplicates.remove(duplicate)
            try:
                timestamps = reconciliation.find_messages(self._client, duplicate.row)
            except slack_errors.SLACK_ERRORS as exception:
                error = slack_errors.classify(exception).error
                log.warning("delivery.trouble", extra={"row": duplicate.row.key, "error": error})
                if duplicate.checks_left > 1:
                    check_at = now + self._timing.look_again.total_seconds()
                    self._possible_duplicates.append(
                        replace(duplicate, check_at=check_at, checks_left=duplicate.checks_left - 1)
                    )
                continue
            for ts in timestamps:
                if ts != duplicate.kept_ts:
                    self._remove(duplicate.row, ts)
