"""A client of AMP's API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from fastapi.testclient import TestClient

from storage.records import Pause, PhaseOutput
from tests.api.conftest import Service


@dataclass(frozen=True)
class Amp:
    """The calls, as a client of AMP makes them."""

    http: TestClient
    crew: str = "plan"

    def get(self, path: str) -> Any:
        return self.http.get(f"/amp/{self.crew}{path}")

    def post(self, path: str, **body: object) -> Any:
        return self.http.post(f"/amp/{self.crew}{path}", json=body)

    def kickoff(self, **more: object) -> str:
        answer = self.post("/kickoff", **{"inputs": {"user_input": "a campaign"}, **more})
        assert answer.status_code == 200, answer.text
        (kickoff_id,) = answer.json().values()
        return str(kickoff_id)

    def status(self, kickoff_id: str) -> Any:
        return self.get(f"/status/{kickoff_id}").json()

    def resume(self, kickoff_id: str, task_id: str, feedback: str, **more: object) -> Any:
        body = {"execution_id": kickoff_id, "task_id": task_id, "human_feedback": feedback}
        return self.post("/resume", **{**body, "is_approve": True, **more})


@pytest.fixture
def amp(client: TestClient) -> Amp:
    return Amp(client)


def at_gate(
    service: Service, client: TestClient, *outcomes: str, **more: object
) -> tuple[Amp, str]:
    """An execution of a flow that waits at its gate `review`."""
    amp = Amp(client, "flow")
    kickoff_id = amp.kickoff(**{"inputs": {"topic": "bikes"}, **more})
    claim = service.state.record_phases(service.claim(), ["start"])
    state = {"state": {"id": "f1", "price": 12}, "context": {"metadata": {"priority": "high"}}}
    pause = Pause("review", "Is it good?", outcomes, saved=state)
    service.state.phase_done(claim, PhaseOutput("a draft", pause=pause))
    return amp, kickoff_id
