"""Tokens: what their secrets are worth, and until when."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from storage.db.database import reading
from storage.errors import AmbiguousToken, UnknownToken
from storage.token_manager import TokenManager
from storage.tokens import Scope, TokenKind, expand
from tests.support.factories import SettableClock

AN_HOUR = timedelta(hours=1)


@pytest.fixture
def tokens(engine: Engine, clock: SettableClock) -> TokenManager:
    return TokenManager(engine, clock=clock)


def test_a_token_is_found_by_its_secret_alone(tokens: TokenManager) -> None:
    token, secret = tokens.create(
        TokenKind.TOKEN,
        scopes={Scope.DECIDE, Scope.READ},
        lifetime=AN_HOUR,
        label="the web page",
        person="UANA",
    )

    assert tokens.find(secret) == token
    assert (token.scopes, token.label, token.person) == (
        (Scope.READ, Scope.DECIDE),
        "the web page",
        "UANA",
    )
    for wrong in (
        secret[:-1] + ("0" if secret[-1] != "0" else "1"),
        secret.upper(),
        secret[:-1],
        secret + "0",
        token.prefix,
        token.id,
        f" {secret}",
        "",
        "ü",
        "cs_" + "0" * 12 + "_" + "0" * 64,
    ):
        assert tokens.find(wrong) is None, wrong


def test_a_secret_has_256_random_bits_and_is_not_in_the_database(
    tokens: TokenManager, engine: Engine
) -> None:
    token, secret = tokens.create(TokenKind.TOKEN, scopes={Scope.READ}, lifetime=None)

    random = secret.removeprefix(f"{token.prefix}_")
    assert len(bytes.fromhex(random)) == 32
    with reading(engine) as connection:
        rows = str(connection.execute(text("SELECT * FROM tokens")).all())
    assert token.prefix in rows
    assert random not in rows


def test_a_token_expires(tokens: TokenManager, clock: SettableClock) -> None:
    _, secret = tokens.create(TokenKind.TOKEN, scopes={Scope.READ}, lifetime=AN_HOUR)
    _, lasting = tokens.create(TokenKind.TOKEN, scopes={Scope.READ}, lifetime=None)

    clock.move(AN_HOUR - timedelta(seconds=1))
    assert tokens.find(secret) is not None
    clock.move(timedelta(seconds=1))

    assert tokens.find(secret) is None
    assert tokens.find(lasting) is not None


def test_a_revoked_token_takes_with_it_what_was_made_with_it(tokens: TokenManager) -> None:
    token, secret = tokens.create(TokenKind.TOKEN, scopes={Scope.READ}, lifetime=None)
    session, in_browser = tokens.create(
        TokenKind.SESSION, scopes={Scope.READ}, lifetime=AN_HOUR, parent=token.id
    )
    _, ticket = tokens.create(
        TokenKind.TICKET, scopes={Scope.READ}, lifetime=AN_HOUR, parent=session.id
    )
    assert tokens.find(ticket) is not None

    assert tokens.revoke(token.prefix).id == token.id

    assert [tokens.find(each) for each in (secret, in_browser, ticket)] == [None, None, None]


def test_a_session_ends_alone(tokens: TokenManager) -> None:
    token, secret = tokens.create(TokenKind.TOKEN, scopes={Scope.READ}, lifetime=None)
    session, in_browser = tokens.create(
        TokenKind.SESSION, scopes={Scope.READ}, lifetime=AN_HOUR, parent=token.id
    )

    assert tokens.end(session.id)
    assert not tokens.end(session.id)

    assert tokens.find(in_browser) is None
    assert tokens.find(secret) is not None


def test_revoking_needs_a_prefix_that_names_one_token(tokens: TokenManager) -> None:
    one, _ = tokens.create(TokenKind.TOKEN, scopes={Scope.READ}, lifetime=None)
    other, secret = tokens.create(TokenKind.TOKEN, scopes={Scope.READ}, lifetime=None)
    link, _ = tokens.create(TokenKind.LINK, scopes={Scope.READ}, lifetime=AN_HOUR)

    for unknown in ("cs_", "", "cs_zzzzzz", "zzzzzzzz", link.prefix, "%%%%%%%"):
        with pytest.raises(UnknownToken):
            tokens.revoke(unknown)
    assert [token.revoked_at for token in tokens.made()] == [None, None]

    assert tokens.revoke(one.prefix[:10]).id == one.id
    assert tokens.revoke(secret).id == other.id


def test_a_prefix_of_two_tokens_revokes_neither(
    tokens: TokenManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = iter(["aaaaaa000001", "1" * 64, "aaaaaa000002", "2" * 64])
    monkeypatch.setattr("storage.use_cases.tokens.secrets.token_hex", lambda _: next(numbers))
    for _ in range(2):
        tokens.create(TokenKind.TOKEN, scopes={Scope.READ}, lifetime=None)

    with pytest.raises(AmbiguousToken):
        tokens.revoke("cs_aaaaaa")

    assert [token.revoked_at for token in tokens.made()] == [None, None]
    assert tokens.revoke("cs_aaaaaa000002").prefix == "cs_aaaaaa000002"


def test_a_link_is_used_by_exactly_one(tokens: TokenManager) -> None:
    link, secret = tokens.create(
        TokenKind.LINK, scopes={Scope.READ}, lifetime=AN_HOUR, person="UANA"
    )

    with ThreadPoolExecutor(8) as threads:
        uses = list(threads.map(lambda _: tokens.use_once(secret, TokenKind.LINK), range(8)))

    assert [each.id for each in uses if each is not None] == [link.id]
    assert tokens.find(secret) is None


def test_only_the_named_kind_is_used_up(tokens: TokenManager) -> None:
    _, secret = tokens.create(TokenKind.TOKEN, scopes={Scope.READ}, lifetime=None)

    assert tokens.use_once(secret, TokenKind.LINK) is None
    assert tokens.find(secret) is not None


def test_a_callback_is_found_as_often_as_it_is_asked_for(tokens: TokenManager) -> None:
    _, secret = tokens.create(
        TokenKind.CALLBACK, scopes={Scope.DECIDE}, lifetime=AN_HOUR, subject="checkpoint"
    )

    for _ in range(2):
        callback = tokens.find(secret)
        assert callback is not None
        assert callback.subject == "checkpoint"
        tokens.record_use(callback.id)


def test_the_last_use_is_stored_once_a_minute(tokens: TokenManager, clock: SettableClock) -> None:
    token, secret = tokens.create(TokenKind.TOKEN, scopes={Scope.READ}, lifetime=None)
    first = clock.now()

    tokens.record_use(token.id)
    clock.move(timedelta(seconds=59))
    tokens.record_use(token.id)
    assert tokens.made()[0].used_at == first

    clock.move(timedelta(seconds=2))
    tokens.record_use(token.id)
    assert tokens.made()[0].used_at == clock.now()
    assert tokens.find(secret) is not None


def test_what_expired_is_deleted_but_tokens_made_by_hand_stay(
    tokens: TokenManager, clock: SettableClock
) -> None:
    assert not tokens.any_made()
    for kind in TokenKind:
        tokens.create(kind, scopes={Scope.READ}, lifetime=AN_HOUR)
    session, _ = tokens.create(TokenKind.SESSION, scopes={Scope.READ}, lifetime=timedelta(days=30))

    clock.move(timedelta(days=2))
    deleted = tokens.delete_expired()

    assert deleted == len(TokenKind) - 1
    assert tokens.any_made()
    assert tokens.end(session.id)


def test_a_link_or_a_session_makes_no_token_exist(tokens: TokenManager) -> None:
    for kind in TokenKind:
        if kind is not TokenKind.TOKEN:
            tokens.create(kind, scopes={Scope.READ}, lifetime=AN_HOUR)

    assert not tokens.any_made()


def test_admin_includes_every_scope() -> None:
    assert expand((Scope.ADMIN,)) == frozenset(Scope)
    assert expand((Scope.READ,)) == {Scope.READ}
