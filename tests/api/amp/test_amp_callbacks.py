"""Answers through the `callback_url` of a request for a person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from storage.records import ActorKind
from storage.tokens import Scope, TokenKind
from tests.api.amp.conftest import Amp, at_gate
from tests.api.conftest import Service


@dataclass(frozen=True)
class Callback:
    """A flow that waits at a gate, and the token that its webhook got."""

    service: Service
    amp: Amp
    kickoff_id: str
    checkpoint_id: str
    token: str

    def answer(self, feedback: str, token: str | None = None, **more: object) -> Any:
        path = f"/human_feedback_requests/{self.checkpoint_id}/respond"
        body = {"feedback": feedback, **more}
        return self.amp.post(f"{path}?token={self.token if token is None else token}", **body)

    @property
    def waits(self) -> bool:
        return bool(self.amp.status(self.kickoff_id)["status"] == "pending_human_input")


@pytest.fixture
def callback(service: Service, client: TestClient) -> Callback:
    amp, kickoff_id = at_gate(service, client, "approve", "reject", "request_changes")
    checkpoint = service.reads.waiting_checkpoint(kickoff_id)
    assert checkpoint is not None
    return Callback(service, amp, kickoff_id, checkpoint.id, secret(service, checkpoint.id))


def secret(service: Service, subject: str, kind: TokenKind = TokenKind.CALLBACK) -> str:
    _token, secret = service.tokens.create(
        kind,
        scopes=[Scope.DECIDE],
        lifetime=timedelta(hours=1),
        label="a receiver",
        subject=subject,
    )
    return secret


def test_the_words_answer_and_the_second_answer_hears_that_it_is_late(callback: Callback) -> None:
    answer = callback.answer("Approved. Great article!", source="my_app")

    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "accepted"
    request = answer.json()["request"]
    assert (request["id"], request["status"]) == (callback.checkpoint_id, "responded")
    assert (request["outcome"], request["responded_via"]) == ("approve", "my_app")
    resume = callback.service.claim().resume
    assert resume is not None
    assert (resume.feedback.outcome, resume.feedback.text) == (
        "approve",
        "Approved. Great article!",
    )
    assert resume.feedback.actor.kind is ActorKind.API
    assert resume.feedback.actor.name == "my_app through a callback"

    late = callback.answer("reject")
    assert (late.status_code, late.json()["error"]) == (409, "already_responded")
    assert "continued with outcome 'approve' by my_app" in late.json()["message"]


def test_words_that_name_no_outcome_go_to_the_flow_and_approve_nothing(callback: Callback) -> None:
    assert callback.answer("Good, but the price is wrong").status_code == 200

    resume = callback.service.claim().resume
    assert resume is not None
    assert (resume.feedback.action.value, resume.feedback.outcome) == ("revise", None)
    assert resume.feedback.text == "Good, but the price is wrong"


def test_a_decision_elsewhere_counts_as_the_answer(callback: Callback) -> None:
    callback.amp.resume(callback.kickoff_id, "review", "approve")

    late = callback.answer("reject")

    assert (late.status_code, late.json()["error"]) == (409, "already_responded")


def test_only_the_token_of_this_request_answers_it(callback: Callback) -> None:
    other = secret(callback.service, "another-checkpoint")
    ordinary = secret(callback.service, callback.checkpoint_id, TokenKind.TICKET)

    for wrong in ("", "nothing", other, ordinary):
        answer = callback.answer("approve", token=wrong)
        assert (answer.status_code, answer.json()["error"]) == (401, "unauthorized")
    assert callback.waits


def test_an_answer_that_cannot_be_used_leaves_the_token_as_it_is(callback: Callback) -> None:
    assert callback.answer("").status_code == 422
    assert callback.answer("x", outcome="splendid").status_code == 422
    assert callback.waits

    assert callback.answer("approve").status_code == 200
