"""`/crew board`: a link that signs the person in who typed it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.slack.actions.board import BoardLinks
from bot.slack.inbound.parse import Person
from storage.token_manager import TokenManager
from storage.tokens import Scope, TokenKind
from tests.slack.stage import MovableClock, Stage
from tests.support.schema import upgraded
from tests.support.workspace import ANA, Workspace

LOCAL, PUBLIC = "http://127.0.0.1:8000", "https://example.com/sign-off"
BY_ANA = Person("U_ANA", "ana")


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def tokens(tmp_path: Path, clock: MovableClock) -> Iterator[TokenManager]:
    engine = upgraded(f"sqlite:///{tmp_path / 'c.db'}")
    yield TokenManager(engine, clock=clock)
    engine.dispose()


def links(tokens: TokenManager, *, public: str | None = None, loopback: bool = True) -> BoardLinks:
    return BoardLinks(tokens, LOCAL, public=public, loopback=loopback)


def make_token(tokens: TokenManager) -> None:
    tokens.create(TokenKind.TOKEN, scopes=[Scope.READ], lifetime=None)


def secret_in(answer: str) -> str:
    [secret] = re.findall(r"#/sign-in/(cs_[0-9a-f_]+)\|", answer)
    return str(secret)


def test_as_long_as_no_token_was_made_the_link_signs_nobody_in(tokens: TokenManager) -> None:
    answer = links(tokens, public=PUBLIC).answer(BY_ANA)

    assert answer.startswith(f"<{LOCAL}/|Open the board>")
    assert "needs no sign-in" in answer


def test_beyond_loopback_there_is_always_a_sign_in(tokens: TokenManager) -> None:
    answer = links(tokens, loopback=False).answer(BY_ANA)

    assert answer.startswith(f"<{LOCAL}/#/sign-in/cs_")


def test_the_link_is_bound_to_the_person_and_works_once_within_ten_minutes(
    tokens: TokenManager, clock: MovableClock
) -> None:
    make_token(tokens)
    first, second = (secret_in(links(tokens, public=PUBLIC).answer(BY_ANA)) for _ in range(2))

    link = tokens.use_once(first, TokenKind.LINK)
    assert link is not None
    assert (link.person, link.label) == ("U_ANA", "ana")
    assert set(link.scopes) == {Scope.EXECUTE, Scope.READ, Scope.DECIDE}
    assert tokens.use_once(first, TokenKind.LINK) is None
    clock.move(timedelta(minutes=11))
    assert tokens.use_once(second, TokenKind.LINK) is None


def test_the_link_leads_to_the_public_address_and_says_if_there_is_none(
    tokens: TokenManager,
) -> None:
    make_token(tokens)

    assert f"<{PUBLIC}/#/sign-in/" in links(tokens, public=PUBLIC).answer(BY_ANA)
    assert "COUNTERSIGN_PUBLIC_URL" in links(tokens).answer(BY_ANA)
    assert "COUNTERSIGN_PUBLIC_URL" not in links(tokens, public=PUBLIC).answer(BY_ANA)


def test_a_front_end_without_a_board_says_so(stage: Stage, workspace: Workspace) -> None:
    workspace.command("board")

    assert "There is no board" in stage.answer_to(ANA, "board")
