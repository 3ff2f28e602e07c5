"""Webhooks' rows: queued with the events themselves, leased, settled, replayed and deleted."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, func, select

from storage.db.api_tables import webhook_deliveries, webhooks
from storage.db.transaction import Transaction
from storage.decisions import Decision
from storage.errors import NotDead, UnknownDelivery
from storage.outbox.webhook_queue import Due, WebhookQueue
from storage.ports import ENCRYPTED, Undecipherable
from storage.reads import Reads
from storage.records import Action
from storage.state_manager import StateManager
from storage.states import ExecutionState
from storage.use_cases import webhooks as use_cases
from storage.webhooks import (
    GIVE_UP_AFTER,
    SOON,
    Attempt,
    BadSecret,
    Delivery,
    DeliveryCounts,
    DeliveryState,
    NewWebhook,
    Webhook,
    WebhookFormat,
    WebhookPurpose,
    signing_key,
    wait_after,
)
from tests.storage.conftest import RecordingDispatch, RecordingSignal, Run
from tests.support.factories import ANA, SettableClock, asking, crew

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
HOOK = NewWebhook("https://one.example/hook", secrets={"secret": SECRET})
TASKS = NewWebhook("https://two.example/", WebhookFormat.AMP, WebhookPurpose.TASK)


@pytest.fixture
def queue(engine: Engine, clock: SettableClock) -> WebhookQueue:
    return WebhookQueue(engine, clock)


def body(_webhook: Webhook, delivery: Delivery) -> str:
    return f"body of {delivery.type}"


def take(queue: WebhookQueue, *, owner: str = "one", most: int = 10, room: int = 8) -> list[Due]:
    return [*queue.take(body, owner=owner, most=most, room=lambda _host: room).due]


def fail(queue: WebhookQueue, due: Due, owner: str = "one", **values: Any) -> None:
    queue.settle([Attempt(due.delivery, 500, error="answered 500", **values)], owner=owner)


def test_each_event_is_queued_for_each_webhook_of_its_execution(
    run: Run, state: StateManager, reads: Reads
) -> None:
    run.start(webhooks=(HOOK, replace(HOOK, url="https://three.example/"), TASKS))
    run.work()
    state.decide(Decision(run.waiting.id, Action.STOP, ANA))
    other = state.start_execution(definition=crew(), request=asking(), requester=ANA)

    listed = reads.webhook_deliveries()

    assert [each.delivery.type for each in reversed(listed)] == [
        *("execution.started",) * 2,
        *("phase.started",) * 2,
        *("checkpoint.waiting",) * 2,
        *("checkpoint.decided",) * 2,
        *("execution.stopped",) * 2,
    ]
    assert {each.delivery.host for each in listed} == {"one.example:443", "three.example:443"}
    assert other.id not in {each.delivery.execution_id for each in listed}
    assert listed[0].delivery.data["status"] == ExecutionState.STOPPED


def test_an_execution_without_webhooks_costs_no_statement(
    engine: Engine, run: Run, state: StateManager
) -> None:
    sent: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda _c, _cur, sql, *_: sent.append(sql))

    run.start()
    run.work()
    state.decide(Decision(run.waiting.id, Action.STOP, ANA))

    assert sent
    assert [sql for sql in sent if "FROM webhooks" in sql or "INTO webhook" in sql] == []


def test_an_event_that_is_rolled_back_is_not_queued(
    engine: Engine, run: Run, state: StateManager, reads: Reads
) -> None:
    run.start(webhooks=(HOOK,))
    claim = state.claim("worker")
    assert claim is not None
    before = reads.webhook_counts().queued
    state.cancel(run.id, actor=replace(ANA, decides_everything=True))

    with pytest.raises(Exception, match="lease"):
        state.progress(claim, {})

    assert reads.webhook_counts().queued == before + 1


def test_other_purposes_are_queued_by_use_cases(
    engine: Engine,
    clock: SettableClock,
    dispatch: RecordingDispatch,
    run: Run,
    reads: Reads,
) -> None:
    execution = run.start(webhooks=(HOOK, TASKS))
    with engine.begin() as connection:
        tx = Transaction(connection, clock, dispatch, timedelta(seconds=1))
        use_cases.queue(tx, execution, WebhookPurpose.TASK, type="task", data={"task": "draft"})
        tx.flush()

    newest = reads.webhook_deliveries()[0]

    assert (newest.url, newest.delivery.type) == (TASKS.url, "task")
    assert newest.delivery.data == {"task": "draft"}


def test_a_delivery_is_leased_to_one_sender(run: Run, queue: WebhookQueue) -> None:
    run.start(webhooks=(HOOK,))

    (due,) = take(queue)

    assert due.body == "body of execution.started"
    assert due.webhook.secrets == {"secret": SECRET}
    assert take(queue, owner="two") == []


def test_a_lease_that_expires_is_taken_over_with_the_same_body(
    run: Run, queue: WebhookQueue, clock: SettableClock, reads: Reads
) -> None:
    run.start(webhooks=(HOOK,))
    (first,) = take(queue)
    clock.move(timedelta(seconds=31))

    again = queue.take(lambda *_: "another body", owner="two", most=9, room=lambda _: 9).due
    queue.settle([Attempt(first.delivery, 200)], owner="one")  # too late

    assert [(each.delivery.id, each.body) for each in again] == [(first.delivery.id, first.body)]
    assert reads.webhook_deliveries()[0].delivery.state is DeliveryState.QUEUED


def test_leases_of_a_dead_sender_are_released(run: Run, queue: WebhookQueue) -> None:
    run.start(webhooks=(HOOK,))
    (first,) = take(queue)

    assert queue.lease_owners() == ("one",)
    assert queue.release(["one"]) == 1
    assert [due.delivery.id for due in take(queue, owner="two")] == [first.delivery.id]


def test_the_events_of_a_webhook_are_sent_in_their_order(run: Run, queue: WebhookQueue) -> None:
    run.start(webhooks=(HOOK,))
    run.work()
    order = []
    while due := take(queue):
        assert len(due) == 1
        order.append(due[0].delivery.type)
        queue.settle([Attempt(due[0].delivery, 200)], owner="one")

    assert order == ["execution.started", "phase.started", "checkpoint.waiting"]


def test_one_that_keeps_failing_lets_the_next_one_pass(
    run: Run, queue: WebhookQueue, clock: SettableClock
) -> None:
    run.start(webhooks=(HOOK,))
    run.work()
    tried = []
    for _ in range(4):
        (due,) = take(queue)
        tried.append(due.delivery.type)
        fail(queue, due)
        assert len(tried) > 2 or take(queue) == []  # the next one waits for the first retries
        clock.move(timedelta(seconds=7 if len(tried) < 3 else 0))

    assert tried == [*["execution.started"] * 3, "phase.started"]


def test_a_host_gets_no_more_than_it_has_room_for(run: Run, queue: WebhookQueue) -> None:
    for number in range(5):
        run.start(webhooks=(HOOK, replace(HOOK, url=f"https://{number}.example/")))

    due = queue.take(
        body, owner="one", most=100, room=lambda host: 2 if host == "one.example:443" else 9
    ).due

    hosts = [each.delivery.host for each in due]
    assert hosts.count("one.example:443") == 2
    assert len(hosts) == 7


def test_a_delivery_is_dead_after_a_day_and_can_be_replayed(
    run: Run, queue: WebhookQueue, clock: SettableClock, reads: Reads, state: StateManager
) -> None:
    run.start(webhooks=(HOOK,))
    started, attempts, ids = clock.now(), 0, set()
    while reads.webhook_counts().queued:
        clock.move(reads.webhook_deliveries()[0].delivery.not_before - clock.now())
        (due,) = take(queue)
        ids.add((due.delivery.id, due.body))
        fail(queue, due)
        attempts += 1
        if attempts == 4:
            assert clock.now() - started < timedelta(seconds=45)

    assert clock.now() - started == GIVE_UP_AFTER
    assert attempts > 10
    assert len(ids) == 1
    dead = reads.webhook_deliveries(state=DeliveryState.DEAD)[0].delivery
    assert (dead.attempts, dead.last_status, dead.error) == (attempts, 500, "answered 500")

    state.replay_webhook(dead.id)
    (due,) = take(queue)

    assert {(due.delivery.id, due.body)} == ids
    assert due.delivery.give_up_at == clock.now() + GIVE_UP_AFTER


def test_only_dead_deliveries_are_replayed(
    run: Run, reads: Reads, state: StateManager, signal: RecordingSignal
) -> None:
    run.start(webhooks=(HOOK,))
    queued = reads.webhook_deliveries()[0].delivery

    with pytest.raises(NotDead):
        state.replay_webhook(queued.id)
    for unknown in ("nothing", "\x00", "\ud800"):
        with pytest.raises(UnknownDelivery):
            state.replay_webhook(unknown)
        with pytest.raises(UnknownDelivery):
            reads.webhook_delivery(unknown)


def test_a_receiver_that_is_gone_gets_nothing_more(
    run: Run, queue: WebhookQueue, reads: Reads
) -> None:
    run.start(webhooks=(HOOK, replace(HOOK, url="https://two.example/")))
    run.work()
    gone = next(due for due in take(queue) if due.webhook.url == HOOK.url)
    fail(queue, gone, gone=True)
    counts = reads.webhook_counts()

    assert (counts.dead, counts.queued) == (3, 3)


def test_the_oldest_that_waits_is_measured(
    run: Run, clock: SettableClock, engine: Engine, queue: WebhookQueue
) -> None:
    reads = Reads(engine, clock)
    assert reads.webhook_counts() == DeliveryCounts(0, 0, None)

    run.start(webhooks=(HOOK,))
    clock.move(timedelta(minutes=3))

    assert reads.webhook_counts() == DeliveryCounts(1, 0, timedelta(minutes=3))


def test_deliveries_are_listed_by_pages(run: Run, reads: Reads) -> None:
    for _ in range(3):
        run.start(webhooks=(HOOK,))

    first = reads.webhook_deliveries(most=2)
    rest = reads.webhook_deliveries(most=2, before=first[-1].delivery.seq)

    assert [len(first), len(rest)] == [2, 1]
    assert first[0].delivery.seq > first[1].delivery.seq > rest[0].delivery.seq
    assert reads.webhook_deliveries(state=DeliveryState.DELIVERED) == ()


def test_a_body_that_cannot_be_made_waits_and_stops_no_other(
    run: Run, queue: WebhookQueue, reads: Reads
) -> None:
    run.start(webhooks=(HOOK,))
    run.start(webhooks=(replace(HOOK, url="https://two.example/"),))

    def broken(webhook: Webhook, _delivery: Delivery) -> str:
        if webhook.url == HOOK.url:
            raise KeyError("phase")
        return "fine"

    due = queue.take(broken, owner="one", most=9, room=lambda _: 9).due

    assert [each.webhook.url for each in due] == ["https://two.example/"]
    assert [each.delivery.error for each in reads.webhook_deliveries() if each.delivery.error] == [
        "its body cannot be made: KeyError"
    ]


def test_what_has_nothing_to_send_is_done(run: Run, queue: WebhookQueue, reads: Reads) -> None:
    run.start(webhooks=(HOOK,))

    assert queue.take(lambda *_: None, owner="one", most=9, room=lambda _: 9).due == ()
    assert reads.webhook_deliveries()[0].delivery.state is DeliveryState.DELIVERED


class Reversing:
    """A cipher for tests."""

    mark = f"{ENCRYPTED}r:"

    def encrypt(self, text: str) -> str:
        return self.mark + text[::-1]

    def decrypt(self, stored: str) -> str:
        if not stored.startswith(ENCRYPTED):
            return stored
        return stored.removeprefix(self.mark)[::-1]


def test_secrets_are_stored_encrypted_and_no_row_shows_them(
    engine: Engine, clock: SettableClock, dispatch: RecordingDispatch, signal: RecordingSignal
) -> None:
    cipher = Reversing()
    state = StateManager(engine, clock=clock, dispatch=dispatch, signal=signal, cipher=cipher)
    state.start_execution(definition=crew(), request=asking(), requester=ANA, webhooks=(HOOK,))

    with engine.connect() as connection:
        rows = [
            str(row)
            for table in (webhooks, webhook_deliveries)
            for row in connection.execute(select(table))
        ]
    (due,) = take(WebhookQueue(engine, clock, cipher=cipher))

    assert SECRET not in "".join(rows)
    assert due.webhook.secrets == {"secret": SECRET}


def test_what_was_stored_before_there_was_a_key_is_encrypted_later(
    engine: Engine, run: Run, clock: SettableClock
) -> None:
    for _ in range(3):
        run.start(webhooks=(HOOK, TASKS))
    with_key = WebhookQueue(engine, clock, cipher=Reversing())

    assert with_key.encrypt_again() == 3
    assert with_key.encrypt_again() == 0
    assert WebhookQueue(engine, clock).encrypt_again() == 0
    with engine.connect() as connection:
        stored = connection.execute(select(webhooks.c.secrets)).scalars().all()
    assert {each[: len(Reversing.mark)] for each in stored if each} == {Reversing.mark}
    assert take(with_key)[0].webhook.secrets == HOOK.secrets


def test_without_the_key_a_delivery_waits_for_it(
    engine: Engine, clock: SettableClock, dispatch: RecordingDispatch, signal: RecordingSignal
) -> None:
    state = StateManager(engine, clock=clock, dispatch=dispatch, signal=signal, cipher=Reversing())
    state.start_execution(definition=crew(), request=asking(), requester=ANA, webhooks=(HOOK,))

    assert take(WebhookQueue(engine, clock)) == []
    delivery = Reads(engine).webhook_deliveries()[0].delivery
    assert delivery.state is DeliveryState.QUEUED
    assert delivery.error == f"its secret cannot be read: {Undecipherable()}"


def test_a_crews_webhook_signs_with_the_secret_that_crews_yml_has_now(
    engine: Engine, clock: SettableClock, dispatch: RecordingDispatch, signal: RecordingSignal
) -> None:
    of_crew = replace(HOOK, crew="plan")
    state = StateManager(
        engine,
        clock=clock,
        dispatch=dispatch,
        signal=signal,
        crew_webhooks={"plan": (of_crew,), "other": (replace(HOOK, crew="other"),)},
    )
    state.start_execution(definition=crew(name="plan"), request=asking(), requester=ANA)
    new = {"secret": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"}
    now = {"plan": (replace(of_crew, secrets=new),)}

    (due,) = take(WebhookQueue(engine, clock, crews=now))

    assert due.webhook.secrets == new
    clock.move(timedelta(minutes=1))
    (due,) = take(WebhookQueue(engine, clock))  # crews.yml no longer names it
    assert due.webhook.secrets == HOOK.secrets


def test_a_deleted_execution_leaves_no_webhook(
    engine: Engine, run: Run, state: StateManager, clock: SettableClock
) -> None:
    run.start(webhooks=(HOOK,))
    run.work()
    state.decide(Decision(run.waiting.id, Action.STOP, ANA))
    clock.move(timedelta(days=2))

    assert state.delete_old_executions(older_than=timedelta(days=1)) == 1
    with engine.connect() as connection:
        for table in (webhooks, webhook_deliveries):
            assert connection.execute(select(func.count()).select_from(table)).scalar_one() == 0


def test_the_first_retries_come_within_45_seconds_and_later_ones_back_off() -> None:
    for chance in (0.0, 1.0):
        waits = [wait_after(failures, chance).total_seconds() for failures in range(1, 40)]
        assert sum(waits[: len(SOON)]) < 45 - 3 * 5
        assert waits == sorted(waits)
        assert waits[-1] <= 5 * 3600


@pytest.mark.parametrize(
    ("secret", "problem"),
    [
        ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "must begin with whsec_"),
        ("whsec_", "must hold 16 to 64 bytes"),
        ("whsec_c2hvcnQ=", "must hold 16 to 64 bytes"),
        ("whsec_" + "A" * 200, "must hold 16 to 64 bytes"),
        ("whsec_not base64 at all!", "must be base64"),
        ("whsec_äöü", "must be base64"),
    ],
)
def test_a_bad_secret_is_refused_without_showing_it(secret: str, problem: str) -> None:
    with pytest.raises(BadSecret, match=problem) as refused:
        signing_key(secret)

    assert secret.removeprefix("whsec_")[:5] not in str(refused.value) or secret == "whsec_"


def test_a_secret_may_lack_its_padding() -> None:
    assert signing_key("whsec_MDEyMzQ1Njc4OTAxMjM0NQ") == b"0123456789012345"
