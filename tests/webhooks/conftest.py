"""A real database, executions with webhooks, and senders that tests start and kill."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Engine

from bot.webhooks import bodies
from bot.webhooks.addresses import AllowedAddresses, parse_networks
from bot.webhooks.requests import Requests
from bot.webhooks.sender import WebhookSender
from storage.db.database import SystemClock
from storage.outbox.webhook_queue import WebhookQueue
from storage.ports import NoDispatch
from storage.reads import Reads
from storage.records import Execution
from storage.state_manager import StateManager
from storage.webhooks import NewWebhook, WebhookFormat
from tests.support.factories import ANA, asking, crew, output
from tests.support.schema import upgraded
from tests.webhooks.receivers import SECRET, Receiver

LOOPBACK = AllowedAddresses(parse_networks("127.0.0.0/8"))
BODIES = {WebhookFormat.STANDARD: bodies.standard, WebhookFormat.AMP: bodies.standard}


class Wakes:
    """Wakes the senders after a commit."""

    def __init__(self) -> None:
        self.senders: list[WebhookSender] = []

    def outbox_changed(self) -> None:
        pass

    def events_committed(self) -> None:
        for sender in self.senders:
            sender.wake()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = upgraded(f"sqlite:///{tmp_path / 'countersign.db'}")
    yield engine
    engine.dispose()


@pytest.fixture
def signal() -> Wakes:
    return Wakes()


@pytest.fixture
def state(engine: Engine, signal: Wakes) -> StateManager:
    return StateManager(engine, clock=SystemClock(), dispatch=NoDispatch(), signal=signal)


@pytest.fixture
def reads(engine: Engine) -> Reads:
    return Reads(engine)


@pytest.fixture
def queue(engine: Engine) -> WebhookQueue:
    return WebhookQueue(engine, SystemClock())


@pytest.fixture
def sender(queue: WebhookQueue, signal: Wakes) -> Iterator[Callable[..., WebhookSender]]:
    """Starts a sender, which the test may stop earlier."""
    started: list[WebhookSender] = []

    def start(
        *,
        owner: str = "sender",
        allowed: AllowedAddresses = LOOPBACK,
        timeout: float = 15,
        of: WebhookQueue = queue,
    ) -> WebhookSender:
        new = WebhookSender(
            of, bodies=BODIES, owner=owner, connect=partial(Requests, allowed, timeout=timeout)
        )
        new.start()
        started.append(new)
        signal.senders.append(new)
        return new

    yield start
    for each in started:
        each.stop(timedelta(0))


def webhook(receiver: Receiver, **values: object) -> NewWebhook:
    new = NewWebhook(receiver.url, secrets={"secret": SECRET})
    return replace(new, **values)  # type: ignore[arg-type]  # by name


def start(state: StateManager, *webhooks: NewWebhook) -> Execution:
    return state.start_execution(
        definition=crew(), request=asking(), requester=ANA, webhooks=webhooks
    )


def work(state: StateManager, execution: Execution) -> Execution:
    """Run the next phase of the only execution."""
    claim = state.claim("worker")
    assert claim is not None
    assert claim.execution.id == execution.id
    return state.phase_done(claim, output("a draft"))
