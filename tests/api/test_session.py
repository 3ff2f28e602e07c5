"""Signing in to the board, and out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from bot.api.app import create_api
from bot.api.guard import loopback_hosts
from bot.api.services import ApiConfig
from storage.tokens import PERSON_SCOPES, Scope, TokenKind
from tests.api.conftest import ADDRESS, PLAN, Service

SESSION = "/api/session"
ORIGIN = {"Origin": ADDRESS}

Connect = Callable[..., TestClient]


@pytest.fixture
def connect(service: Service) -> Connect:
    """A browser of its own, in front of a server with another configuration."""

    def connect(base_url: str = ADDRESS, **config: Any) -> TestClient:
        api = create_api(
            state=service.state,
            reads=service.reads,
            tokens=service.tokens,
            idempotency_keys=service.keys,
            crews={"plan": PLAN},
            door=None,
            config=ApiConfig(hosts=loopback_hosts("127.0.0.1", 8000), version="1", **config),
        )
        return TestClient(api, base_url=base_url, raise_server_exceptions=False)

    return connect


@pytest.fixture
def token(service: Service) -> str:
    """Once there is one, a sign-in is needed."""
    _, secret = service.tokens.create(
        TokenKind.TOKEN, scopes=[Scope.READ], lifetime=timedelta(days=1), label="reader"
    )
    return secret


def link(service: Service, lifetime: timedelta = timedelta(minutes=10)) -> str:
    _, secret = service.tokens.create(
        TokenKind.LINK, scopes=PERSON_SCOPES, lifetime=lifetime, label="ana", person="U_ANA"
    )
    return secret


def test_nobody_signs_in_where_no_token_was_made(client: TestClient) -> None:
    session = client.get(SESSION).json()

    assert session["needed"] is False
    assert "decide" in session["scopes"]


def test_a_link_signs_its_person_in_until_they_sign_out(
    service: Service, client: TestClient, token: str
) -> None:
    assert client.get(SESSION).status_code == 401

    signed_in = client.post(SESSION, json={"link": link(service)}, headers=ORIGIN)

    assert signed_in.status_code == 200
    assert signed_in.headers["Cache-Control"] == "no-store"
    cookie = signed_in.headers["Set-Cookie"]
    assert cookie.startswith("countersign_session=cs_")
    assert {"HttpOnly", "Path=/", "SameSite=strict", "Max-Age=43200"} <= set(cookie.split("; "))
    session = client.get(SESSION).json()
    assert (session["name"], session["person"]) == ("ana", "U_ANA")
    assert session["scopes"] == ["decide", "execute", "read"]

    assert client.delete(SESSION, headers=ORIGIN).status_code == 204
    assert client.get(SESSION).status_code == 401


def test_a_session_that_was_signed_out_of_is_revoked_and_not_only_forgotten(
    service: Service, connect: Connect, token: str
) -> None:
    browser, thief = connect(), connect()
    browser.post(SESSION, json={"link": link(service)}, headers=ORIGIN)
    thief.cookies.update(browser.cookies)

    browser.delete(SESSION, headers=ORIGIN)

    assert thief.get(SESSION).status_code == 401


def test_a_link_works_once_and_is_not_used_up_by_being_opened(
    service: Service, connect: Connect, token: str
) -> None:
    secret = link(service)
    for path in ("/", f"/?link={secret}"):
        connect().get(path, headers={"Accept": "text/html"})

    answers = [connect().post(SESSION, json={"link": secret}, headers=ORIGIN) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 401]
    assert "Set-Cookie" not in answers[1].headers


def test_a_link_that_has_expired_signs_nobody_in(
    service: Service, client: TestClient, token: str
) -> None:
    late = link(service, lifetime=timedelta(microseconds=1))

    assert client.post(SESSION, json={"link": late}, headers=ORIGIN).status_code == 401


def test_a_session_has_the_scopes_of_its_token_and_ends_with_it(
    service: Service, client: TestClient, token: str
) -> None:
    client.post(SESSION, json={"token": token}, headers=ORIGIN)
    assert client.get(SESSION).json()["scopes"] == ["read"]
    started = client.post("/api/crew/execute", json={"message": "x"}, headers=ORIGIN)
    assert started.status_code == 403

    service.tokens.revoke(token)
    fresh = TestClient(client.app, base_url=ADDRESS, cookies=client.cookies)

    assert eventually_closed(fresh)


def eventually_closed(client: TestClient) -> bool:
    """Other processes may take a token for valid for half a second."""
    return any(client.get(SESSION).status_code == 401 for _ in range(2000))


@pytest.mark.parametrize("kind", [kind for kind in TokenKind if kind is not TokenKind.TOKEN])
def test_only_a_token_is_taken_for_a_token(
    service: Service, client: TestClient, token: str, kind: TokenKind
) -> None:
    _, secret = service.tokens.create(kind, scopes=PERSON_SCOPES, lifetime=timedelta(hours=1))

    answer = client.post(SESSION, json={"token": secret}, headers=ORIGIN)

    assert answer.status_code == 401


@pytest.mark.parametrize("body", [{}, {"link": "a", "token": "b"}])
def test_one_of_both_is_needed_to_sign_in(client: TestClient, body: dict[str, str]) -> None:
    answer = client.post(SESSION, json=body)

    assert answer.status_code == 400
    assert answer.json()["detail"] == "one of link and token is needed"


def test_a_page_from_elsewhere_cannot_use_the_session(
    service: Service, client: TestClient, token: str
) -> None:
    client.post(SESSION, json={"link": link(service)}, headers=ORIGIN)

    for headers in ({"Origin": "https://evil.example"}, {}):
        assert client.delete(SESSION, headers=headers).status_code == 403
    assert client.get(SESSION).status_code == 200


def test_the_cookie_is_for_the_prefix_and_for_encrypted_connections(
    service: Service, connect: Connect, token: str
) -> None:
    browser = connect("https://bot.example.com", root_path="/sign-off")

    answer = browser.post("/sign-off/api/session", json={"link": link(service)})

    assert {"Path=/sign-off", "Secure"} <= set(answer.headers["Set-Cookie"].split("; "))
    assert "Secure" not in sign_in_on_loopback(service, connect())


def sign_in_on_loopback(service: Service, browser: TestClient) -> list[str]:
    answer = browser.post(SESSION, json={"link": link(service)})
    return answer.headers["Set-Cookie"].split("; ")
