"""Webhooks over real HTTP: what receivers get, in which order, and how often."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from standardwebhooks import WebhookVerificationError

from bot.webhooks.sender import WebhookSender
from storage.decisions import Decision
from storage.reads import Reads
from storage.records import Action
from storage.state_manager import StateManager
from storage.webhooks import DeliveryState
from tests.support.factories import ANA
from tests.webhooks.conftest import start, webhook, work
from tests.webhooks.receivers import OLDER_SECRET, SECRET, Answer, receiving

Start = Callable[..., WebhookSender]


def settled(reads: Reads, count: int, *, seconds: float = 10) -> None:
    """Wait until so many deliveries are stored as delivered."""
    until = time.monotonic() + seconds
    while len(reads.webhook_deliveries(state=DeliveryState.DELIVERED)) < count:
        assert time.monotonic() < until, reads.webhook_deliveries()
        time.sleep(0.01)


def test_every_event_of_a_run_arrives_signed_and_in_order(
    state: StateManager, reads: Reads, sender: Start
) -> None:
    with receiving() as receiver:
        sender()
        execution = start(state, webhook(receiver))
        work(state, execution)
        checkpoint = reads.waiting_checkpoint(execution.id)
        assert checkpoint is not None
        state.decide(Decision(checkpoint.id, Action.STOP, ANA))

        requests = receiver.wait_for(5)

    for each in requests:
        each.verify(SECRET)
        assert each.payload["data"]["execution_id"] == execution.id
        assert set(each.payload) == {"type", "timestamp", "data"}
        assert each.headers["content-type"] == "application/json"
    assert [each.type for each in requests] == [
        "execution.started",
        "phase.started",
        "checkpoint.waiting",
        "checkpoint.decided",
        "execution.stopped",
    ]
    assert [each.payload["data"]["status"] for each in requests] == [
        "pending",
        "running",
        "waiting_feedback",
        "stopped",
        "stopped",
    ]
    assert requests[2].payload["data"] == {
        "execution_id": execution.id,
        "status": "waiting_feedback",
        "checkpoint_id": checkpoint.id,
        "checkpoint_name": "after_planning",
        "phase": "planning",
        "revision": 1,
    }
    decided = requests[3].payload["data"]
    assert decided["checkpoint_id"] == checkpoint.id
    assert decided["action"] == "stop"
    assert decided["actor"] == "Ana"


def test_both_secrets_sign_while_one_replaces_the_other(state: StateManager, sender: Start) -> None:
    both = {"secret": SECRET, "previous_secret": OLDER_SECRET}
    with receiving() as receiver:
        sender()
        start(state, webhook(receiver, secrets=both))
        request = receiver.wait_for(1)[0]

    request.verify(SECRET)
    request.verify(OLDER_SECRET)
    with pytest.raises(WebhookVerificationError):
        request.verify("whsec_" + "A" * 32)


def test_an_answer_of_500_is_tried_again_with_the_same_id_and_body(
    state: StateManager, reads: Reads, sender: Start
) -> None:
    with receiving(lambda _request, number: Answer(500 if number < 2 else 204)) as receiver:
        sender()
        start(state, webhook(receiver))
        first, second, third = receiver.wait_for(3)
        settled(reads, 1)

    assert first.id == second.id == third.id
    assert first.body == second.body == third.body
    for each in (first, second, third):
        each.verify()
    assert [each.delivery.attempts for each in reads.webhook_deliveries()] == [3]


@pytest.mark.parametrize(
    "answer",
    [Answer(302, {"Location": "http://127.0.0.1:1/elsewhere"}), Answer(404), Answer(cut=True)],
    ids=["redirect", "not found", "cut"],
)
def test_anything_but_a_2xx_is_a_failure(
    state: StateManager, reads: Reads, sender: Start, answer: Answer
) -> None:
    with receiving(lambda _request, number: answer if number == 0 else Answer()) as receiver:
        sender()
        start(state, webhook(receiver))
        assert {each.path for each in receiver.wait_for(2)} == {"/hook"}
        settled(reads, 1)

    assert reads.webhook_deliveries()[0].delivery.attempts == 2


def test_a_receiver_that_hangs_does_not_delay_another(state: StateManager, sender: Start) -> None:
    with receiving(lambda *_: Answer(hang=60)) as hanging, receiving() as quick:
        sender()
        for _ in range(12):
            start(state, webhook(hanging))
        started = time.monotonic()
        start(state, webhook(quick), webhook(quick))
        quick.wait_for(2, seconds=5)

        assert time.monotonic() - started < 5
        assert len(hanging.requests) <= 8


def test_one_event_that_keeps_failing_does_not_block_the_others(
    state: StateManager, sender: Start
) -> None:
    def answer(request: object, _number: int) -> Answer:
        return Answer(500 if request.type == "execution.started" else 200)  # type: ignore[attr-defined]  # a Received

    with receiving(answer) as receiver:
        sender()
        execution = start(state, webhook(receiver))
        work(state, execution)

        receiver.wait_until(lambda all_: any(each.type == "checkpoint.waiting" for each in all_))

    types = [each.type for each in receiver.requests]
    assert types[0] == "execution.started"
    assert types.index("phase.started") < types.index("checkpoint.waiting")


def test_no_answer_in_time_is_a_failure(state: StateManager, reads: Reads, sender: Start) -> None:
    with receiving(lambda _request, number: Answer(hang=0 if number else 30)) as receiver:
        sender(timeout=0.3)
        start(state, webhook(receiver))
        receiver.wait_for(2)
        settled(reads, 1)


def test_410_turns_the_webhook_off_until_it_is_replayed(
    state: StateManager, reads: Reads, sender: Start
) -> None:
    with receiving(lambda _request, number: Answer(410 if number == 0 else 200)) as receiver:
        sender()
        execution = start(state, webhook(receiver))
        receiver.wait_for(1)
        _wait(lambda: reads.webhook_counts().dead == 1)
        work(state, execution)

        assert [each.delivery.type for each in reads.webhook_deliveries()] == ["execution.started"]

        dead = reads.webhook_deliveries(state=DeliveryState.DEAD)[0].delivery
        state.replay_webhook(dead.id)
        first, again = receiver.wait_for(2)
        settled(reads, 1)

    assert first.id == again.id == dead.id
    assert first.body == again.body


def test_retry_after_is_honoured(state: StateManager, reads: Reads, sender: Start) -> None:
    busy = Answer(429, {"Retry-After": "100"})
    with receiving(lambda *_: busy) as receiver:
        sender()
        start(state, webhook(receiver))
        receiver.wait_for(1)
        _wait(lambda: reads.webhook_deliveries()[0].delivery.attempts == 1)

    delivery = reads.webhook_deliveries()[0].delivery
    assert timedelta(seconds=99) < delivery.not_before - delivery.created_at
    assert delivery.last_status == 429


def test_a_long_response_is_not_read_to_its_end(
    state: StateManager, reads: Reads, sender: Start
) -> None:
    with receiving(lambda *_: Answer(body=b"x" * 50_000_000)) as receiver:
        sender()
        start(state, webhook(receiver))
        settled(reads, 1)


def test_a_sender_that_stops_finishes_its_request(
    state: StateManager, reads: Reads, sender: Start
) -> None:
    with receiving(lambda *_: Answer(hang=0.5)) as receiver:
        running = sender()
        start(state, webhook(receiver))
        receiver.wait_for(1)
        running.stop(timedelta(seconds=10))

        assert reads.webhook_deliveries()[0].delivery.state is DeliveryState.DELIVERED
        assert len(receiver.requests) == 1


def test_a_sender_that_may_not_wait_gives_its_request_back(
    state: StateManager, sender: Start
) -> None:
    with receiving(lambda _request, number: Answer(hang=0 if number else 30)) as receiver:
        running = sender()
        start(state, webhook(receiver))
        receiver.wait_for(1)
        running.stop(timedelta(0))
        sender(owner="another")

        first, second = receiver.wait_for(2, seconds=5)

    assert (first.id, first.body) == (second.id, second.body)


def test_two_senders_share_the_deliveries(state: StateManager, reads: Reads, sender: Start) -> None:
    with receiving() as receiver:
        for owner in ("one", "two"):
            sender(owner=owner)
        for _ in range(40):
            start(state, webhook(receiver))
        settled(reads, 40)

    ids = [each.id for each in receiver.requests]
    assert len(ids) == len({*ids}) == 40


def _wait(condition: Callable[[], bool], *, seconds: float = 10) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)
