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
from storage.outbox.rate_limits import RateLimit
from storage.reads import Reads
from storage.records import Action
from storage.state_manager import StateManager
from tests.storage.conftest import Run
from tests.support.factories import BEN, NOON, SettableClock, crew


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
    output = take_one(outbox)

    assert reads.execution(run.id).thread_ts == "1.0"
    assert (output.kind, output.thread_ts) == (OutboxKind.OUTPUT, "1.0")


def test_a_card_waits_until_the_whole_output_is_in_the_thread(run: Run, outbox: Outbox) -> None:
    run.start()
    run.work()
    post(outbox, take_one(outbox))
    output = take_one(outbox)
    assert output.kind is OutboxKind.OUTPUT
    assert outbox.take(owner="d") == ()
    post(outbox, output)
    whole = take_one(outbox)
    assert whole.kind is OutboxKind.WHOLE
    outbox.postpone(whole, timedelta(minutes=1), "timeout")
    assert outbox.take(owner="d") == ()


@pytest.mark.parametrize("way", ["posted", "unneeded", "failed", "unneeded with the output"])
def test_a_card_follows_the_rest_of_its_output_whatever_became_of_it(
    run: Run, outbox: Outbox, way: str
) -> None:
    run.start()
    run.work()
    post(outbox, take_one(outbox))
    output = take_one(outbox)
    if way == "unneeded with the output":
        outbox.mark_unneeded(output, also=[f"whole:{run.waiting.id}"])
    else:
        post(outbox, output)
        whole = take_one(outbox)
        match way:
            case "posted":
                post(outbox, whole)
            case "unneeded":
                outbox.mark_unneeded(whole)
            case _:
                outbox.fail(whole, "storage_limit_reached")

    assert take_one(outbox).kind is OutboxKind.CHECKPOINT


def at_the_card(run: Run, outbox: Outbox) -> OutboxRow:
    """The card of a new run's first checkpoint, whose output needs no message."""
    run.start()
    run.work()
    post(outbox, next_post(outbox))
    outbox.mark_unneeded(next_post(outbox), also=[f"whole:{run.waiting.id}"])
    return next_post(outbox)


def next_post(outbox: Outbox) -> OutboxRow:
    """The next message to post; those to update are left as they are."""
    rows = outbox.take(owner="d")
    for row in rows:
        if row.state is OutboxState.POSTED:
            outbox.release(row)
    [post] = [row for row in rows if row.state is not OutboxState.POSTED]
    return post


def test_a_card_that_shows_less_waits_for_the_whole_text_that_was_not_needed_before(
    run: Run, outbox: Outbox
) -> None:
    card = outbox.sending(at_the_card(run, outbox))

    outbox.show_differently(card, {"form": 1}, needs=f"whole:{run.waiting.id}")

    whole = take_one(outbox)
    assert (whole.kind, whole.payload, whole.generation) == (OutboxKind.WHOLE, {"needed": True}, 2)
    post(outbox, whole)
    card = take_one(outbox)
    assert (card.kind, card.state, card.payload) == (
        OutboxKind.CHECKPOINT,
        OutboxState.QUEUED,
        {"form": 1},
    )


def test_a_message_of_several_pages_is_posted_page_by_page(run: Run, outbox: Outbox) -> None:
    run.start()
    run.work()
    post(outbox, take_one(outbox))
    post(outbox, take_one(outbox))
    row = outbox.sending(take_one(outbox))

    outbox.next_page(row, {"page": 1})

    row = take_one(outbox)
    assert (row.kind, row.payload, row.generation) == (OutboxKind.WHOLE, {"page": 1}, 2)


def test_what_a_card_is_about_moves_with_it_and_comes_first(run: Run, outbox: Outbox) -> None:
    card = at_the_card(run, outbox)
    keys = [f"{kind}:{run.waiting.id}" for kind in ("output", "whole")]

    outbox.release(outbox.move(card, channel="DANA", thread_ts=None, together_with=keys))

    output = take_one(outbox)
    assert (output.kind, output.channel, output.thread_ts) == (OutboxKind.OUTPUT, "DANA", None)


def test_the_address_of_a_card_is_stored_once_and_refreshes_the_root(
    run: Run, outbox: Outbox, reads: Reads
) -> None:
    card = post(outbox, at_the_card(run, outbox))
    assert reads.permalink(card.key) is None
    for row in outbox.take(owner="d"):
        outbox.shown(row, row.version)

    for _ in range(2):
        outbox.store_permalink(card, "https://slack.example/p1")

    assert reads.permalink(card.key) == "https://slack.example/p1"
    [root] = outbox.take(owner="d")
    assert root.kind is OutboxKind.ROOT
    outbox.shown(root, root.version)
    outbox.store_permalink(card, "https://slack.example/p2")
    assert outbox.take(owner="d") == ()


def test_cards_without_buttons_are_updated_before_decided_ones_and_roots_last(
    run: Run, outbox: Outbox, state: StateManager
) -> None:
    decided = post(outbox, at_the_card(run, outbox))
    first = run.waiting.id
    unarmed = at_the_card(run, outbox)
    outbox.release(outbox.posted(unarmed, channel=unarmed.channel, ts="9.0", shown=0))
    state.decide(Decision(first, Action.CONTINUE, BEN))

    taken = outbox.take(owner="d")

    assert [row.key for row in taken[:2]] == [unarmed.key, decided.key]
    assert {row.kind for row in taken[2:]} == {OutboxKind.ROOT}


def test_progress_leaves_most_of_the_limit_for_updates_to_the_cards(
    run: Run, outbox: Outbox, clock: SettableClock
) -> None:
    limit = RateLimit.per_minute(50)
    card = at_the_card(run, outbox)
    for _ in range(8):
        run.start()
        row = next_post(outbox)
        outbox.release(outbox.posted(row, channel=row.channel, ts=f"{row.seq}.0", shown=0))

    assert len(outbox.take(owner="d", updates=limit)) == 5
    assert outbox.take(owner="d", updates=limit) == ()
    posted = outbox.posted(card, channel=card.channel, ts="9.0", shown=0, updates=limit)
    assert posted.lease_owner == "d"
    clock.move(timedelta(minutes=1))
    assert outbox.take(owner="d", updates=limit)


def test_a_root_that_is_left_for_later_stays_due_and_uses_nothing_of_the_limit(
    run: Run, outbox: Outbox, clock: SettableClock
) -> None:
    limit = RateLimit(per_second=0.01, burst=2)
    run.start()
    root = take_one(outbox)
    outbox.release(outbox.posted(root, channel=root.channel, ts="1.0", shown=0))

    for _ in range(5):
        [row] = outbox.take(owner="d", updates=limit)
        outbox.leave_for_later(row, timedelta(seconds=3), updates=limit)
        assert outbox.take(owner="d", updates=limit) == ()
        clock.move(timedelta(seconds=4))


def test_a_card_whose_update_the_limit_does_not_allow_yet_is_released(
    run: Run, outbox: Outbox, clock: SettableClock
) -> None:
    limit = RateLimit(per_second=1, burst=1)
    for ts in ("8.0", "9.0"):
        card = at_the_card(run, outbox)
        posted = outbox.posted(card, channel=card.channel, ts=ts, shown=0, updates=limit)
    assert posted.lease_owner is None
    keys = [posted.key]

    assert [r for r in outbox.take(owner="d", updates=limit) if r.key in keys] == []
    clicked = outbox.take_clicked(keys, owner="d")
    assert clicked is not None
    outbox.release(clicked)
    clock.move(timedelta(seconds=2))
    assert [r.key for r in outbox.take(owner="d", limit=1, updates=limit)] == keys


def test_in_any_minute_there_are_no_more_updates_than_slack_allows() -> None:
    limit, free_at, now = RateLimit.per_minute(50), None, NOON
    calls = []
    while now < NOON + timedelta(minutes=5):
        if free_at is None or free_at <= now:
            free_at = limit.next_free_at(free_at, now)
            calls.append(now)
        else:
            now += timedelta(milliseconds=100)
    for start in calls:
        assert sum(start <= call < start + timedelta(minutes=1) for call in calls) <= 50


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
    for _ in range(4):
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

    output = take_one(outbox)
    assert output.kind is OutboxKind.OUTPUT
    moved = outbox.move(output, channel="DANA", thread_ts=None)
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
