"""What to do with a row after a failed call: postpone, move, simplify, or give up.

A message that Slack refuses is shown in ever simpler forms, a file as messages. A card that Slack
refuses in every form moves to a direct message with the requester of the run. If another row is
given up, the requester gets a direct message about it.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from enum import Enum, auto
from threading import Lock
from typing import Final

from bot.slack import slack_errors
from bot.slack.ids import short
from bot.slack.outbound.fallbacks import Shown, whole_key
from bot.slack.outbound.posting import Posting
from bot.slack.outbound.views import Views
from bot.slack.render.message import WholeText
from bot.slack.slack_errors import FailureKind, SlackFailure
from storage.backoff import Backoff
from storage.messages import OutboxKind, OutboxRow, OutboxState
from storage.outbox.outbox import Outbox
from storage.outbox.rate_limits import UPDATES
from storage.records import ActorKind
from storage.states import ENDED

log = logging.getLogger(__name__)

GIVE_UP_AFTER: Final = 6
OTHER_TRIES: Final = 3
"""Tries of each form, if Slack gives a reason that is not known here."""

ROOT_TRIES: Final = 3
BACKOFF: Final = Backoff(first=0.5, longest=60.0)
TOKEN_WAIT: Final = timedelta(seconds=30)
DEFAULT_RETRY_AFTER: Final = 30.0
CHANNEL_WAIT: Final = timedelta(minutes=10)


class Next(Enum):
    """Whether the row can be leased again at once."""

    NOW = auto()
    LATER = auto()


class FailurePolicy:
    """Remembers, for this process, what has failed for each row. Safe to share between threads."""

    def __init__(self, *, outbox: Outbox, views: Views, posting: Posting) -> None:
        self._outbox = outbox
        self._views = views
        self._posting = posting
        self._lock = Lock()
        self._failures: dict[str, Counter[FailureKind]] = {}
        self._rejected: set[tuple[str, int]] = set()

    def was_rejected(self, row: OutboxRow) -> bool:
        """Whether Slack is known to have rejected the last post, so it need not be searched for."""
        return (row.key, row.generation) in self._rejected

    def forget_failures(self, row: OutboxRow) -> None:
        """Forget the row's failures: it was delivered, or given up."""
        with self._lock:
            self._failures.pop(row.key, None)
            self._rejected.discard((row.key, row.generation))

    def handle(  # noqa: PLR0911, PLR0912 an arm for each kind of failure
        self, row: OutboxRow, failure: SlackFailure
    ) -> Next:
        """Decide what happens to the row after this failure, and store that."""
        posting = row.state is not OutboxState.POSTED
        failures = self._count(row, failure)
        shown = Shown.of(row)
        match failure.kind:
            case FailureKind.RATE_LIMITED:
                return self._back_off(row, failure)
            case FailureKind.CHANNEL_CLOSED:
                return self._move_to_direct_message(row, failure, posting=posting)
            case FailureKind.THREAD_GONE if failures <= ROOT_TRIES:
                # Queuing this row also refreshed the root, which is then posted again.
                return self._postpone(row, _after(failures), failure)
            case FailureKind.THREAD_GONE if row.thread_ts is not None:
                self._outbox.release(self._outbox.move(row, channel=row.channel, thread_ts=None))
                return Next.NOW
            case FailureKind.MESSAGE_GONE if not posting and failures == 1:
                # Only once: if the new message cannot be edited either, a third would not help.
                self._outbox.release(self._outbox.repost(row))
                return Next.NOW
            case FailureKind.NOT_EDITABLE if _is_unarmed(row) and failures == 1:
                self._outbox.release(self._outbox.repost(row))
                return Next.NOW
            case FailureKind.FILE_REJECTED:
                return self._show(row, replace(shown, as_messages=True), failure)
            case FailureKind.METADATA_REJECTED if shown.metadata:
                return self._show(row, replace(shown, metadata=False), failure)
            case FailureKind.BLOCKS_REJECTED | FailureKind.METADATA_REJECTED:
                return self._simplify(row, shown, failure)
            case FailureKind.TOKEN_REJECTED:
                log.error("slack.token_refused", extra={"error": failure.error})
                return self._postpone(row, TOKEN_WAIT, failure)
            case FailureKind.UNCERTAIN if failure.about_file and failures >= GIVE_UP_AFTER:
                return self._show(row, replace(shown, as_messages=True), failure)
            case FailureKind.UNCERTAIN:
                return self._postpone(row, _after(failures), failure)
            case FailureKind.OTHER if failures >= OTHER_TRIES:
                return self._simplify(row, shown, failure)
            case _ if failures < GIVE_UP_AFTER:
                return self._postpone(row, _after(failures), failure)
            case _:
                return self._give_up(row, failure)

    def _simplify(self, row: OutboxRow, shown: Shown, failure: SlackFailure) -> Next:
        """Show the message in the next form. A card that then shows less waits for the whole."""
        if shown.is_last:
            return self._give_up(row, failure)
        card_shows_it = (
            row.kind is OutboxKind.CHECKPOINT and self._views.whole(row) is WholeText.ON_CARD
        )
        needs = whole_key(row) if card_shows_it else None
        return self._show(row, shown.simpler(), failure, needs=needs)

    def _show(
        self, row: OutboxRow, shown: Shown, failure: SlackFailure, *, needs: str | None = None
    ) -> Next:
        self.forget_failures(row)
        self._outbox.show_differently(row, shown.in_payload(row), needs=needs)
        extra = {"row": row.key, "error": failure.error, "form": shown.form.name}
        log.warning("delivery.simplified", extra=extra | {"as_messages": shown.as_messages})
        return Next.NOW

    def _count(self, row: OutboxRow, failure: SlackFailure) -> int:
        """How many failures of this kind the row has had since its last success."""
        with self._lock:
            counts = self._failures.setdefault(row.key, Counter())
            counts[failure.kind] += 1
            if failure.rejected_post:
                self._rejected.add((row.key, row.generation))
            elif failure.kind is FailureKind.UNCERTAIN:
                self._rejected.discard((row.key, row.generation))
            return counts[failure.kind]

    def _postpone(self, row: OutboxRow, delay: timedelta, failure: SlackFailure) -> Next:
        self._outbox.postpone(row, delay, failure.error)
        return Next.LATER

    def _back_off(self, row: OutboxRow, failure: SlackFailure) -> Next:
        """Back off in every process: posts per channel, updates in the whole workspace. For other
        methods only this row is postponed."""
        delay = timedelta(seconds=failure.retry_after or DEFAULT_RETRY_AFTER)
        key = {UPDATES: UPDATES, "chat.postMessage": row.channel}.get(failure.method)
        if key is None:
            return self._postpone(row, delay, failure)
        self._outbox.pause(row, delay, failure.error, key=key)
        where = row.channel if key != UPDATES else "all channels"
        extra = {"method": failure.method, "in": where, "seconds": delay.total_seconds()}
        log.warning("slack.resting", extra=extra)
        return Next.LATER

    def _move_to_direct_message(
        self, row: OutboxRow, failure: SlackFailure, *, posting: bool
    ) -> Next:
        """The bot may not post in the channel, so the requester gets a direct message instead."""
        execution = self._views.execution(row)
        if not posting and not _is_unarmed(row):
            if execution.state in ENDED:
                self._outbox.fail(row, failure.error)
                return Next.LATER
            return self._postpone(row, CHANNEL_WAIT, failure)
        if execution.requester.kind is not ActorKind.SLACK or row.channel.startswith("D"):
            return self._fail(row, failure)
        try:
            dm = self._posting.direct_message(execution.requester.id)
        except slack_errors.SLACK_ERRORS as error:
            new_failure = slack_errors.classify(error)
            tries = self._failures[row.key][failure.kind]
            if new_failure.kind is FailureKind.OTHER and tries >= GIVE_UP_AFTER:
                return self._fail(row, new_failure)
            return self._postpone(row, _after(tries), new_failure)
        if not posting:
            row = self._outbox.repost(row)
        is_card = row.kind is OutboxKind.CHECKPOINT
        moved = self._outbox.move(
            row,
            channel=dm,
            thread_ts=None,
            payload=Shown().in_payload(row) if is_card else None,
            together_with=self._views.posted_outside(row, dm) if is_card else (),
        )
        self._outbox.release(moved)
        log.warning(
            "delivery.moved",
            extra={"row": row.key, "error": failure.error, "execution": execution.id},
        )
        return Next.NOW

    def _give_up(self, row: OutboxRow, failure: SlackFailure) -> Next:
        """Give up this message where it is: a card that cannot be decided there moves."""
        posting = row.state is not OutboxState.POSTED
        if row.kind is OutboxKind.CHECKPOINT and (posting or _is_unarmed(row)):
            return self._move_to_direct_message(row, failure, posting=posting)
        return self._fail(row, failure)

    def _fail(self, row: OutboxRow, failure: SlackFailure) -> Next:
        """Give up this message so that later ones are delivered, and notify the requester.

        A card says itself that its output could not be posted.
        """
        self._outbox.fail(row, failure.error)
        self.forget_failures(row)
        log.error("delivery.given_up", extra={"row": row.key, "error": failure.error})
        if row.kind in (OutboxKind.OUTPUT, OutboxKind.WHOLE):
            return Next.NOW
        requester = self._views.execution(row).requester
        if requester.kind is ActorKind.SLACK:
            try:
                self._posting.send_text(
                    self._posting.direct_message(requester.id), _undelivered(row, failure)
                )
            except slack_errors.SLACK_ERRORS as error:
                new_failure = slack_errors.classify(error)
                log.error("delivery.untold", extra={"row": row.key, "error": new_failure.error})
        return Next.LATER


def _is_unarmed(row: OutboxRow) -> bool:
    """Whether the row is a card that was posted, but has no buttons yet."""
    posted = row.state is OutboxState.POSTED
    return posted and row.kind is OutboxKind.CHECKPOINT and row.shown_version == 0


def _after(failures: int) -> timedelta:
    return timedelta(seconds=BACKOFF.after(failures))


_NAMES: Final = {
    OutboxKind.ROOT: "the first message of its thread",
    OutboxKind.CHECKPOINT: "a checkpoint",
    OutboxKind.OUTPUT: "an output",
    OutboxKind.WHOLE: "a whole output",
    OutboxKind.FILE: "a file",
    OutboxKind.REMINDER: "a reminder",
    OutboxKind.FINAL: "its result",
    OutboxKind.NOTICE: "a notice",
}


def _undelivered(row: OutboxRow, failure: SlackFailure) -> str:
    return (
        f":warning: Run `{short(row.execution_id)}`: I could not show {_NAMES[row.kind]} "
        f"(Slack says `{failure.error}`). `/crew status {short(row.execution_id)}` shows the run; "
        "please tell the operator of this bot."
    )
