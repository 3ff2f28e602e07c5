"""What is queued for the webhooks of CrewAI AMP, and where it goes."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from storage.outbox.webhook_queue import WebhookQueue
from storage.webhooks import NewWebhook, WebhookFormat, WebhookPurpose
from tests.storage.conftest import Run
from tests.support.factories import ANA, SettableClock, output

TASK, HUMAN = WebhookPurpose.TASK, WebhookPurpose.HUMAN_INPUT
ONE_TASK = output("a plan", tasks=["planning_task"])


def webhook(purpose: WebhookPurpose, path: str, crew: str | None = None) -> NewWebhook:
    url = f"https://{path}.example/hook"
    return NewWebhook(url, WebhookFormat.AMP, purpose, {"token": path}, crew)


@pytest.fixture
def queue(engine: Engine, clock: SettableClock) -> WebhookQueue:
    return WebhookQueue(engine, clock)


def due(queue: WebhookQueue) -> list[tuple[str, str, str]]:
    """The type, host and token of each delivery that is due."""
    taken = queue.take(lambda _webhook, _delivery: "{}", owner="o", most=99, room=lambda _: 99).due
    return sorted(
        (each.delivery.type, each.webhook.url, each.webhook.secrets["token"]) for each in taken
    )


def test_a_task_and_the_question_about_it_are_queued_in_one_commit(
    run: Run, queue: WebhookQueue
) -> None:
    run.start(webhooks=[webhook(TASK, "a"), webhook(HUMAN, "b")])

    run.work(ONE_TASK)

    assert due(queue) == [
        ("new_request", "https://b.example/hook", "b"),
        ("task", "https://a.example/hook", "a"),
    ]


def test_new_urls_get_what_waits_and_what_comes_and_those_of_crews_yml_stay(
    run: Run, queue: WebhookQueue
) -> None:
    run.start(webhooks=[webhook(TASK, "a"), webhook(TASK, "operator", crew="plan")])
    run.work(ONE_TASK)

    run.state.replace_webhooks(run.id, [webhook(TASK, "elsewhere"), webhook(HUMAN, "added")])

    assert due(queue) == [
        ("task", "https://elsewhere.example/hook", "elsewhere"),
        ("task", "https://operator.example/hook", "operator"),
    ]


def test_an_execution_without_webhooks_can_get_some_later(run: Run, queue: WebhookQueue) -> None:
    run.start()
    run.state.replace_webhooks(run.id, [webhook(HUMAN, "late")])

    run.work(ONE_TASK)

    assert due(queue) == [("new_request", "https://late.example/hook", "late")]


def test_the_end_is_queued_however_it_comes(run: Run, queue: WebhookQueue) -> None:
    run.start(webhooks=[webhook(WebhookPurpose.CREW, "a")])

    run.state.cancel(run.id, actor=ANA)

    assert due(queue) == [("crew", "https://a.example/hook", "a")]
