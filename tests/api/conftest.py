"""The API on a real database. The tests do the worker's part themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from bot.api.app import create_api
from bot.api.guard import loopback_hosts
from bot.api.services import ApiConfig
from storage.db.database import SystemClock
from storage.definitions import (
    CheckpointDefinition,
    CrewDefinition,
    CrewInput,
    CrewKind,
    CrewReport,
    DecisionRule,
    Examination,
    Limits,
    PhaseDefinition,
)
from storage.idempotency_keys import IdempotencyKeys
from storage.ports import NoDispatch, NoSignal
from storage.reads import Reads
from storage.records import Claim, PhaseOutput, TaskResult
from storage.state_manager import StateManager
from storage.token_manager import TokenManager
from tests.support.schema import upgraded

ADDRESS = "http://127.0.0.1:8000"
ANYONE = DecisionRule(approvers=("@channel",), timeout=timedelta(hours=1))

PLAN = CrewDefinition(
    name="plan",
    kind=CrewKind.COMMAND,
    command=("true",),
    phases=tuple(PhaseDefinition(name, (f"{name}_task",)) for name in ("draft", "check", "end")),
    checkpoints=(
        CheckpointDefinition("after_draft", ANYONE, after="draft", description="Read the draft"),
        CheckpointDefinition("before_end", ANYONE, before="end", description="Last look"),
    ),
    tries=1,
)
FLOW = CrewDefinition(name="flow", kind=CrewKind.CREW, target="some.where:Flow", rule=ANYONE)
BOUNDED = {
    name: replace(PLAN, name=name, limits=limits)
    for name, limits in {
        "one_at_once": Limits(at_once=1),
        "one_per_client": Limits(per_person=1),
        "one_per_hour": Limits(starts_per_hour=1),
        "one_revision": Limits(revisions=1),
    }.items()
}
NOTE = CrewDefinition(
    name="note",
    kind=CrewKind.COMMAND,
    command=("true",),
    phases=(PhaseDefinition("write"),),
)
LAUNCH = CrewDefinition(
    name="launch",
    kind=CrewKind.CREW,
    description="A launch",
    target="some.where:Launch",
    rule=ANYONE,
    inputs=(CrewInput("company", label="For which company?"),),
)
"""A crew with inputs of its own: `examine` makes them known."""


@dataclass(frozen=True)
class Service:
    """The API, and what is behind it."""

    state: StateManager
    reads: Reads
    tokens: TokenManager
    keys: IdempotencyKeys
    api: FastAPI
    database: Path

    def claim(self) -> Claim:
        claim = self.state.claim("tests")
        assert claim is not None, "no phase run is due"
        return claim

    def examine(self, crew: str, *inputs: CrewInput, kind: str = "crew") -> None:
        """Store what a worker learns when it builds the crew."""
        examination = Examination(kind=kind, inputs=inputs, pauses=("after_write",))
        self.state.report_crew(CrewReport(crew, None, ("write",), datetime.now(UTC), examination))

    def run_phase(self, text: str = "") -> Claim:
        """Run the next phase as a worker would."""
        claim = self.claim()
        phase = claim.run.phase
        output = text or f"{phase} done, revision {claim.run.revision}"
        self.state.phase_done(
            claim, PhaseOutput(output, (TaskResult(f"{phase}_task", "writer", output),))
        )
        return claim


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    database = tmp_path / "c.db"
    engine = upgraded(f"sqlite:///{database}")
    state = StateManager(engine, clock=SystemClock(), dispatch=NoDispatch(), signal=NoSignal())
    reads = Reads(engine)
    tokens = TokenManager(engine, clock=SystemClock())
    keys = IdempotencyKeys(engine, clock=SystemClock())
    yield Service(state, reads, tokens, keys, _api(state, reads, tokens, keys), database)
    engine.dispose()


def _api(state: StateManager, reads: Reads, tokens: TokenManager, keys: IdempotencyKeys) -> FastAPI:
    return create_api(
        state=state,
        reads=reads,
        tokens=tokens,
        idempotency_keys=keys,
        crews={"plan": PLAN, "note": NOTE, "flow": FLOW, "launch": LAUNCH, **BOUNDED},
        door=None,
        config=ApiConfig(hosts=loopback_hosts("127.0.0.1", 8000), version="1.2.3"),
    )


@pytest.fixture
def client(service: Service) -> TestClient:
    return TestClient(service.api, base_url=ADDRESS, raise_server_exceptions=False)


@dataclass(frozen=True)
class Api:
    """The calls, as a client makes them."""

    http: TestClient

    def execute(self, **body: Any) -> Any:
        body.setdefault("message", "a summer campaign")
        answer = self.http.post("/api/crew/execute", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def status(self, execution_id: str) -> Any:
        return self.http.get(f"/api/crew/status/{execution_id}").json()

    def checkpoint(self, execution_id: str) -> Any:
        answer = self.http.get(f"/api/crew/checkpoint/{execution_id}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def decide(self, checkpoint: Any, action: str, feedback: str | None = None) -> Any:
        return self.http.post(
            "/api/crew/feedback",
            json={
                "execution_id": checkpoint["execution_id"],
                "checkpoint_id": checkpoint["checkpoint_id"],
                "action": action,
                "feedback": feedback,
            },
        )


@pytest.fixture
def api(client: TestClient) -> Api:
    return Api(client)
