"""The deliverer's rows: in order, each leased to one owner, as often as something changes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from storage.decisions import Decision
from storage.errors import MessageLeaseLost
from storage.messages import OutboxKind, OutboxRow, OutboxState
from storage.outbox import due_messages
from storage.outbox.outbox import Outbox
from storage.reads import Reads
from storage.records import Action
from storage.state_manager import StateManager
from tests.storage.conftest import Run
from tests.support.factories import BEN, SettableClock, crew


def take_one(outbox: Outbox) -> OutboxRow:
    [row] = outbox.take(owner="d")
    return row


def post(outbox: Outbox, row: OutboxRow) -> OutboxRow:
    """Post the message with its current version."""
    posted = outbox.posted(
        outbox.sending(row), channel=row.channel, ts=f"{row.seq}.0", shown=row.version
    )
    outbox.release(posted)
    return posted


def test_the_root_message_comes_first_and_starts_the_thread_of_the_others(
    run: Run, outbox: Outbox, reads: Reads
) -> None:
    run.start()
    run.work()

    root = take_one(outbox)
    assert root.kind is OutboxKind.ROOT
    post(outbox, root)
    checkpoint = take_one(outbox)

    assert reads.execution(run.id).thread_ts == "1.0"
    assert (checkpoint.kind, checkpoint.thread_ts) == (OutboxKind.CHECKPOINT, "1.0")
    post(outbox, checkpoint)
    assert take_one(outbox).kind is OutboxKind.FILE


def test_a_leased_row_is_not_taken_again_until_the_lease_expires(
    run: Run, outbox: Outbox, clock: SettableClock
) -> None:
    run.start()

    assert len(outbox.take(owner="one")) == 1
    assert outbox.take(owner="two") == ()
    clock.move(timedelta(seconds=61))
    assert len(outbox.take(owner="two")) == 1


def test_a_deliverer_that_lost_its_lease_stores_nothing(
    run: Run, outbox: Outbox, reads: Reads, clock: SettableClock
) -> None:
    run.start()
    [slow] = outbox.take(owner="slow")
    slow = outbox.sending(slow)
    clock.move(timedelta(seconds=61))
    [quick] = outbox.take(owner="quick")
    posted = outbox.posted(quick, channel=quick.channel, ts="2.0", shown=0)

    with pytest.raises(MessageLeaseLost):
        outbox.posted(slow, channel=slow.channel, ts="1.0", shown=0)
    with pytest.raises(MessageLeaseLost):
        outbox.postpone(slow, timedelta(0), "timeout")

    assert reads.execution(run.id).thread_ts == "2.0"
    outbox.shown(posted, posted.version)
    clock.move(timedelta(seconds=61))
    assert outbox.take(owner="next") == ()


def test_messages_of_a_dead_owner_can_be_taken_at_once(
    run: Run, outbox: Outbox, state: StateManager, reads: Reads
) -> None:
    run.start()
    outbox.take(owner="dead")
    assert reads.lease_owners() == ("dead",)

    assert state.release_leases(["another"]) == 0
    assert outbox.take(owner="next") == ()
    assert state.release_leases(["dead"]) == 1
    assert len(outbox.take(owner="next")) == 1


def test_after_a_crash_a_started_post_is_taken_as_sending(
    run: Run, outbox: Outbox, clock: SettableClock
) -> None:
    run.start()
    outbox.sending(take_one(outbox))
    clock.move(timedelta(seconds=61))

    row = take_one(outbox)

    assert row.state is OutboxState.SENDING
    assert row.sent_at is not None


def test_a_change_during_an_update_leads_to_another_update(
    run: Run, outbox: Outbox, state: StateManager
) -> None:
    run.start()
    root = post(outbox, take_one(outbox))
    assert outbox.take(owner="d") == ()
    state.claim("worker")
    row = take_one(outbox)
    state.cancel(run.id, actor=BEN)

    outbox.shown(row, row.version)

    kinds = {row.key: row for row in outbox.take(owner="d")}
    assert kinds[root.key].version > row.version


def test_a_decision_updates_the_checkpoints_message_and_the_root(
    run: Run, outbox: Outbox, state: StateManager
) -> None:
    run.start()
    run.work()
    for _ in range(3):
        post(outbox, take_one(outbox))
    assert outbox.take(owner="d") == ()

    state.decide(Decision(run.waiting.id, Action.CONTINUE, BEN))

    rows = outbox.take(owner="d")
    assert {row.kind for row in rows} == {OutboxKind.ROOT, OutboxKind.CHECKPOINT}
    assert all(row.shown_version < row.version for row in rows)


def test_a_postponed_row_waits_and_updates_keep_their_interval(
    run: Run, outbox: Outbox, state: StateManager, clock: SettableClock
) -> None:
    run.start()
    outbox.postpone(take_one(outbox), timedelta(seconds=10), "ratelimited")
    assert outbox.take(owner="d") == ()
    clock.move(timedelta(seconds=11))
    row = take_one(outbox)
    assert row.attempts == 1

    posted = outbox.posted(row, channel=row.channel, ts="1.0", shown=0)
    outbox.shown(posted, row.version, not_before=timedelta(seconds=3))
    state.claim("worker")
    assert outbox.take(owner="d") == ()
    clock.move(timedelta(seconds=4))
    assert take_one(outbox).kind is OutboxKind.ROOT


def test_postponed_messages_do_not_hide_one_that_is_due(run: Run, outbox: Outbox) -> None:
    for _ in range(60):
        run.start()
    for row in outbox.take(owner="d", limit=60):
        outbox.postpone(row, timedelta(minutes=10), "rate limit")
    free = run.start()

    assert take_one(outbox).execution_id == free.id


def test_a_message_waits_for_an_earlier_one_that_is_postponed(run: Run, outbox: Outbox) -> None:
    run.start()
    run.work()
    outbox.postpone(take_one(outbox), timedelta(minutes=10), "channel is paused")

    assert outbox.take(owner="d") == ()


def test_a_deleted_message_is_posted_again_with_the_next_generation(
    run: Run, outbox: Outbox, state: StateManager
) -> None:
    run.start()
    post(outbox, take_one(outbox))
    state.claim("worker")

    again = outbox.repost(take_one(outbox))

    assert (again.state, again.ts, again.generation) == (OutboxState.QUEUED, None, 2)


def test_a_failed_message_does_not_block_the_next(run: Run, outbox: Outbox) -> None:
    run.start()
    run.work()
    outbox.fail(take_one(outbox), "channel_not_found")

    checkpoint = take_one(outbox)
    assert checkpoint.kind is OutboxKind.CHECKPOINT
    moved = outbox.move(checkpoint, channel="DANA", thread_ts=None)
    assert (moved.channel, moved.thread_ts) == ("DANA", None)


def test_an_execution_without_a_channel_posts_nothing(
    run: Run, outbox: Outbox, state: StateManager
) -> None:
    run.start(crew(), channel=None)
    run.work()
    state.decide(Decision(run.waiting.id, Action.STOP, BEN))

    assert outbox.take(owner="d") == ()


def test_a_notice_is_posted_once_for_each_key(
    run: Run, outbox: Outbox, state: StateManager
) -> None:
    run.start()
    post(outbox, take_one(outbox))
    for _ in range(2):
        state.notice(run.id, "A word to the wise.", key="word")

    row = take_one(outbox)
    assert row.payload == {"text": "A word to the wise."}
    post(outbox, row)
    assert outbox.take(owner="d") == ()


def test_a_row_that_another_deliverer_has_just_updated_is_not_taken(
    run: Run, outbox: Outbox, state: StateManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two find it due at the same moment; one has updated it before the other leases it."""
    run.start()
    post(outbox, take_one(outbox))
    claim = state.claim("worker")
    assert claim is not None
    state.progress(claim, {"tasks": []})
    taken: list[OutboxRow] = []
    original = due_messages.find_due

    def update_at_once(connection: Connection, **options: Any) -> list[Any]:
        due = original(connection, **options)
        if not taken:
            taken.append(due[0])
            row = take_one(outbox)
            outbox.shown(row, row.version, not_before=timedelta(seconds=3))
            state.progress(claim, {"tasks": []})
        return due

    monkeypatch.setattr(due_messages, "find_due", update_at_once)
    assert outbox.take(owner="second") == ()
    assert taken
