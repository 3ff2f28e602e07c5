"""What CrewAI AMP's webhooks say, from a real database."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from bot.webhooks.amp import AmpBodies
from storage.outbox.webhook_queue import WebhookQueue
from storage.ports import NoDispatch, NoSignal
from storage.reads import Reads
from storage.records import Execution, Failure, Pause, PhaseOutput, TaskResult
from storage.state_manager import StateManager
from storage.token_manager import TokenManager
from storage.tokens import TokenKind
from storage.webhooks import Attempt, NewWebhook, WebhookFormat, WebhookPurpose
from tests.support.factories import ANA, NOON, SettableClock, asking, crew, rule

DECIDES = {"meta": {"id": "r-1"}, "answers": {"name": "A program", "person": None, "token": None}}
EVERYTHING = [
    NewWebhook(f"https://hooks.example/{purpose}", WebhookFormat.AMP, purpose, context=DECIDES)
    for purpose in (*WebhookPurpose,)
]


class Amp:
    """An execution with AMP's webhooks, and what they get."""

    def __init__(self, engine: Engine) -> None:
        self.clock = SettableClock()
        self.tokens = TokenManager(engine, clock=self.clock)
        self.state = StateManager(
            engine, clock=self.clock, dispatch=NoDispatch(), signal=NoSignal()
        )
        self._queue = WebhookQueue(engine, self.clock)
        self._bodies = AmpBodies(
            Reads(engine, self.clock), self.tokens, self.clock, "https://bot.example/prefix"
        )

    def start(self, *webhooks: NewWebhook, tries: int = 1) -> Execution:
        return self.state.start_execution(
            definition=crew(decided_by=rule("UANA", timeout=timedelta(hours=2)), tries=tries),
            request=asking(),
            requester=ANA,
            webhooks=webhooks or EVERYTHING,
        )

    def work(self, output: PhaseOutput) -> Execution:
        claim = self.state.claim("worker")
        assert claim is not None
        self.clock.move(timedelta(seconds=30))
        return self.state.phase_done(claim, output)

    def take(self, error: str | None = None) -> list[tuple[str, Any]]:
        """The purpose and the body of all that is due."""
        due = self._queue.take(self._bodies, owner="o", most=99, room=lambda _: 99).due
        attempts = [Attempt(each.delivery, error=error) for each in due]
        self._queue.settle(attempts, owner="o")
        return [(each.webhook.purpose.value, json.loads(each.body)) for each in due]


@pytest.fixture
def amp(engine: Engine) -> Amp:
    return Amp(engine)


def result(**more: Any) -> PhaseOutput:
    dump = {"description": "Plan it", "expected_output": "A plan", "summary": "Plan it…"}
    task = TaskResult("planning_task", "Planner", "a plan", saved={"output": dump}, **more)
    return PhaseOutput("a plan", (task,))


def test_a_flow_that_pauses_sends_a_new_request_with_its_state(amp: Amp) -> None:
    execution = amp.start()
    state = {"id": "f1", "price": 12}
    pause = Pause(
        "review",
        "Is it good?",
        ("approve", "reject"),
        "reject",
        {"state": state, "context": {"metadata": {"priority": "high"}}},
    )

    amp.work(PhaseOutput("a draft", pause=pause))

    ((purpose, body),) = amp.take()
    assert purpose == "human_input"
    assert (body["event_type"], body["status"]) == ("new_request", "pending")
    assert (body["method_name"], body["task_id"]) == ("review", "review")
    assert (body["message"], body["output"]) == ("Is it good?", "a draft")
    assert (body["emit"], body["default_outcome"]) == (["approve", "reject"], "reject")
    assert (body["state"], body["metadata"]) == (state, {"priority": "high"})
    assert body["flow_execution_id"] == body["execution_id"] == execution.id
    assert (body["deployment_name"], body["flow_class"]) == ("plan", "Crew")
    assert body["sla_target_minutes"] == 120
    assert body["routing"]["effective_responders"] == [{"id": "UANA", "email": None, "name": None}]
    assert body["meta"] == {"id": "r-1"}
    path = f"/amp/plan/human_feedback_requests/{body['id']}/respond?token="
    assert body["callback_url"] == f"https://bot.example/prefix{path}{body['response_token']}"
    token = amp.tokens.find(body["response_token"])
    assert token is not None
    assert (token.kind, token.subject, token.label) == (
        TokenKind.CALLBACK,
        body["id"],
        "A program",
    )


def test_each_attempt_has_a_token_of_its_own(amp: Amp) -> None:
    amp.start()
    amp.work(PhaseOutput("a plan"))

    ((_, first),) = amp.take(error="no answer")
    amp.clock.move(timedelta(seconds=10))
    ((_, second),) = amp.take()

    assert first["response_token"] != second["response_token"]
    assert {**first, "callback_url": "", "response_token": ""} == {
        **second,
        "callback_url": "",
        "response_token": "",
    }


def test_whoever_may_decide_nothing_gets_no_callback(amp: Amp) -> None:
    (human,) = (each for each in EVERYTHING if each.purpose is WebhookPurpose.HUMAN_INPUT)
    amp.start(NewWebhook(human.url, human.format, human.purpose))
    amp.work(PhaseOutput("a plan"))

    ((_, body),) = amp.take()

    assert (body["callback_url"], body["response_token"]) == (None, None)


def test_a_task_is_reported_with_what_crewai_knows_of_it(amp: Amp) -> None:
    execution = amp.start()
    amp.work(result(structured='{"price": 12}'))

    bodies = dict(amp.take())

    assert bodies["task"] == {
        "task_id": "planning_task",
        "name": "planning_task",
        "description": "Plan it",
        "expected_output": "A plan",
        "summary": "Plan it…",
        "agent": "Planner",
        "output": "a plan",
        "output_json": {"price": 12},
        "kickoff_id": execution.id,
        "execution_id": execution.id,
        "meta": {"id": "r-1"},
        "execution_time": 30.0,
        "revision": 1,
    }


def test_a_step_says_who_works_on_what_with_which_tool(amp: Amp) -> None:
    amp.start()
    claim = amp.state.claim("worker")
    assert claim is not None
    task = {"task": "planning_task", "agent": "Planner", "state": "running"}
    amp.state.progress(claim, {"tasks": [task], "tool": "search"})

    ((purpose, body),) = amp.take()

    assert purpose == "step"
    assert (body["task_id"], body["agent"], body["tool"]) == ("planning_task", "Planner", "search")
    assert (body["thought"], body["result"]) == (None, None)


def test_a_failure_ends_the_crews_webhook_with_its_reason(amp: Amp) -> None:
    amp.start()
    claim = amp.state.claim("worker")
    assert claim is not None
    amp.state.fail(claim, Failure("the model is away"))

    ((purpose, body),) = amp.take()

    assert purpose == "crew"
    assert (body["status"], body["result"], body["error"]) == ("error", None, "the model is away")


def test_the_last_reminder_is_an_escalation(amp: Amp) -> None:
    amp.start()
    amp.work(PhaseOutput("a plan"))
    assert [body["event_type"] for _, body in amp.take()] == ["new_request"]
    amp.clock.move(timedelta(hours=1, minutes=1))
    amp.state.remind_due()  # half of the time is over
    amp.clock.move(timedelta(minutes=48))
    amp.state.remind_due()

    escalated = [body for _, body in amp.take() if body["event_type"] == "escalation"]

    assert [body["status"] for body in escalated] == ["pending"]
    assert escalated[0]["escalated_at"] > NOON.isoformat()
