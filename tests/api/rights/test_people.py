"""What is special about tokens that act for a person."""

from __future__ import annotations

import asyncio

from practice.state.records import User
from storage.tokens import TokenKind
from tests.api.rights.conftest import ACTS, CHANNEL, LEA, Rights
from tests.api.rights.table import ROWS, Row, call
from tests.support.workspace import ANA, Workspace

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
