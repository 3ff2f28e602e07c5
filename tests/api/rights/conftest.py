"""The API with Slack's people, a token for each column, and an execution in each state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import pytest
from fastapi import FastAPI
from slack_sdk import WebClient

from bot.api.app import create_api
from bot.api.guard import loopback_hosts
from bot.api.services import ApiConfig
from bot.door import DoorAnswer
from bot.slack.people.actors import People
from bot.slack.people.persons import SlackPersons
from storage.db.database import SystemClock
from storage.decisions import Decision
from storage.definitions import DecisionRule, PhaseDefinition
from storage.idempotency_keys import IdempotencyKeys
from storage.ports import NoDispatch, NoSignal
from storage.reads import Reads
from storage.records import (
    Action,
    Actor,
    ActorKind,
    Failure,
    PhaseOutput,
    Request,
    TaskResult,
)
from storage.state_manager import StateManager
from storage.token_manager import TokenManager
from storage.tokens import Scope, TokenKind
from tests.api.conftest import PLAN
from tests.support.schema import upgraded
from tests.support.workspace import ANA, BEN, GUS, Workspace

CHANNEL: Final = "C00CAMPAIGN"
LEA: Final = "U00LEFT001"
"""An approver who has left the workspace."""

APPROVER: Final = "U00OUTSIDE"
"""An approver who is not in the channel."""

CREW: Final = replace(
    PLAN,
    phases=(PhaseDefinition("draft", ("draft_task",)),),
    checkpoints=(
        replace(
            PLAN.checkpoints[0],
            rule=DecisionRule(approvers=("@channel", LEA, APPROVER), except_requester=True),
        ),
    ),
)

ACTS: Final = frozenset({Scope.EXECUTE, Scope.READ, Scope.DECIDE})
TOKENS: Final[dict[str, tuple[frozenset[Scope], str | None]]] = {
    "revoked": (frozenset(Scope), None),
    **{scope.value: (frozenset({scope}), None) for scope in Scope},
    "ana": (ACTS, ANA),
    "ben": (ACTS, BEN),
    "gus": (ACTS, GUS),
    "zoe": (ACTS, "U00NOBODY1"),
    "ben-reads": (frozenset({Scope.READ}), BEN),
}
"""The scopes of a column's token, and for whom it acts."""


@dataclass
class Rights:
    """What the calls of the table need."""

    state: StateManager
    reads: Reads
    tokens: TokenManager
    api: FastAPI
    secrets: Mapping[str, str | None]
    _executions: dict[str, Mapping[str, str]] = field(default_factory=dict)

    def values(self, state: str) -> Mapping[str, str]:
        """The ids of an execution in this state."""
        if state not in self._executions:
            self._executions[state] = self._start(state)
        return self._executions[state]

    def changed(self, state: str) -> None:
        """The execution in this state has been changed by a call: the next one needs another."""
        self._executions.pop(state, None)

    def _start(self, state: str) -> Mapping[str, str]:
        others = {"crew": CREW.name, "name": CREW.name, "request_id": "x", "delivery_id": "x"}
        if state == "-":
            return others
        core, ana = self.state, Actor(ActorKind.SLACK, ANA, channel_member=True)
        boss = Actor(ActorKind.API, "boss", decides_everything=True)
        execution = core.start_execution(
            definition=CREW, request=Request("a campaign"), requester=ana, channel=CHANNEL
        )
        checkpoint_id = "none"
        if state != "pending":
            run = self.reads.phase_runs(execution.id)[0]
            claim = core.claim("tests", run.id)
            assert claim is not None
            if state == "error":
                core.fail(claim, Failure("it broke", retryable=False))
            elif state != "running":
                core.phase_done(
                    claim, PhaseOutput("a draft", (TaskResult("draft_task", "writer", "a draft"),))
                )
                waiting = self.reads.waiting_checkpoint(execution.id)
                assert waiting is not None
                checkpoint_id = waiting.id
        if state in ("completed", "stopped"):
            action = Action.CONTINUE if state == "completed" else Action.STOP
            core.decide(Decision(checkpoint_id, action, boss))
        if state == "cancelled":
            core.cancel(execution.id, actor=boss)
        assert self.reads.execution(execution.id).state == state
        return {
            **others,
            "execution_id": execution.id,
            "kickoff_id": execution.id,
            "checkpoint_id": checkpoint_id,
        }


@pytest.fixture(scope="module")
def slack() -> Iterator[Workspace]:
    with Workspace() as opened:
        yield opened


@pytest.fixture(scope="module")
def rights(slack: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rights]:
    engine = upgraded(f"sqlite:///{tmp_path_factory.mktemp('rights') / 'c.db'}")
    clock = SystemClock()
    state = StateManager(engine, clock=clock, dispatch=NoDispatch(), signal=NoSignal())
    reads, tokens = Reads(engine), TokenManager(engine, clock=clock)
    client = WebClient(
        token="xoxb-practice", base_url=slack.env()["SLACK_API_URL"], timeout=3, retry_handlers=[]
    )
    people = People(client, reads=reads, clock=clock, timeout=5)
    api = create_api(
        state=state,
        reads=reads,
        tokens=tokens,
        idempotency_keys=IdempotencyKeys(engine, clock=clock),
        crews={CREW.name: CREW},
        door=lambda _headers, _body: DoorAnswer(200, {}),
        config=ApiConfig(hosts=loopback_hosts("127.0.0.1", 8000), version="1", channel=CHANNEL),
        persons=SlackPersons(people),
    )
    secrets: dict[str, str | None] = {"nobody": None}
    for name, (scopes, person) in TOKENS.items():
        _, secrets[name] = tokens.create(
            TokenKind.TOKEN, scopes=scopes, lifetime=None, person=person
        )
    tokens.revoke(str(secrets["revoked"]))
    yield Rights(state, reads, tokens, api, secrets)
    people.close()
    engine.dispose()
