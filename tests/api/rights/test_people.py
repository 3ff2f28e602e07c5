"""What is special about tokens that act for a person."""

from __future__ import annotations

import asyncio

from fastapi.testclient import TestClient

from practice.state.records import User
from storage.tokens import TokenKind
from tests.api.rights.conftest import ACTS, APPROVER, CHANNEL, LEA, Rights
from tests.api.rights.table import ROWS, Row, call
from tests.support.workspace import ANA, BEN, Workspace

FEEDBACK = next(row for row in ROWS if row.path == "/api/crew/feedback")
STATUS = next(row for row in ROWS if row.path.startswith("/api/crew/status"))
EXECUTE = next(row for row in ROWS if row.path == "/api/crew/execute")


def code(rights: Rights, row: Row, user: str) -> int:
    _, secret = rights.tokens.create(TokenKind.TOKEN, scopes=ACTS, lifetime=None, person=user)
    return asyncio.run(call(rights.api, row, rights.values("waiting_feedback"), secret))[0]


def test_what_a_person_starts_is_their_own(rights: Rights) -> None:
    rights.values("waiting_feedback")
    before = {each.id for each in rights.reads.executions()}

    assert code(rights, EXECUTE, ANA) == 200

    (started,) = [each for each in rights.reads.executions() if each.id not in before]
    assert (started.requester.kind, started.requester.id) == ("slack", ANA)
    assert started.requester.name == "Ana Lindqvist"


def test_who_has_left_the_workspace_decides_nothing_even_if_the_rule_names_them(
    rights: Rights, slack: Workspace
) -> None:
    slack.add_user(User(LEA, "lea", "Lea", "T00PRACTICE", deleted=True))
    slack.invite(CHANNEL, LEA)

    assert code(rights, STATUS, LEA) == 200
    assert code(rights, FEEDBACK, LEA) == 403
    assert code(rights, EXECUTE, LEA) == 403


def listed(rights: Rights, path: str, user: str) -> set[str]:
    """The executions in a list, for a token that acts for this user."""
    _, secret = rights.tokens.create(TokenKind.TOKEN, scopes=ACTS, lifetime=None, person=user)
    client = TestClient(rights.api, base_url="http://127.0.0.1:8000")
    answer = client.get(path, headers={"Authorization": f"Bearer {secret}"})
    assert answer.status_code == 200, answer.text
    return {item["execution_id"] for item in answer.json()["items"]}


def test_lists_hold_what_a_person_may_see_and_what_waits_what_they_may_decide(
    rights: Rights, slack: Workspace
) -> None:
    run = rights.values("waiting_feedback")["execution_id"]
    slack.add_user(User(APPROVER, "max", "Max", "T00PRACTICE"))

    assert run in listed(rights, "/api/executions", ANA)
    assert run in listed(rights, "/api/executions", BEN)
    assert listed(rights, "/api/executions", "U00NOBODY1") == set()
    assert listed(rights, "/api/executions", APPROVER) == set()

    assert run in listed(rights, "/api/checkpoints", BEN)
    assert run not in listed(rights, "/api/checkpoints", ANA), "four eyes"
    assert listed(rights, "/api/checkpoints", "U00NOBODY1") == set()
    assert listed(rights, "/api/checkpoints", APPROVER) == set(), "not in the channel"
