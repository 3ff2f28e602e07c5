"""Who is let in once a token was made, and what everybody else reads."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from starlette.testclient import WebSocketDenialResponse

from bot.api.app import create_api
from bot.api.guard import loopback_hosts
from bot.api.services import ApiConfig
from bot.api_settings import RequestRate
from bot.api_settings import _networks as networks
from storage.tokens import Scope, TokenKind
from tests.api.conftest import ADDRESS, PLAN, Service
from tests.support.processes import wait_until

READ = frozenset({Scope.READ})
ALL = frozenset(Scope)
EXECUTE = "/api/crew/execute"
BODY = {"message": "a summer campaign"}

Connect = Callable[..., TestClient]


@pytest.fixture
def connect(service: Service) -> Connect:
    """A client of an API with another configuration."""

    def connect(address: str = "127.0.0.1", **config: Any) -> TestClient:
        api = create_api(
            state=service.state,
            reads=service.reads,
            tokens=service.tokens,
            idempotency_keys=service.keys,
            crews={"plan": PLAN},
            door=None,
            config=ApiConfig(hosts=loopback_hosts("127.0.0.1", 8000), version="1", **config),
        )
        return TestClient(
            api, base_url=ADDRESS, raise_server_exceptions=False, client=(address, 50000)
        )

    return connect


def make(
    service: Service,
    kind: TokenKind = TokenKind.TOKEN,
    scopes: frozenset[Scope] = ALL,
    **more: Any,
) -> str:
    more.setdefault("lifetime", timedelta(hours=1))
    return service.tokens.create(kind, scopes=scopes, **more)[1]


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/api/crew/status/x"),
        ("HEAD", "/api/crew/status/x"),
        ("OPTIONS", EXECUTE),
        ("POST", EXECUTE),
        ("PUT", "/nowhere"),
        ("GET", "/openapi.json"),
        ("GET", "/metrics"),
        ("GET", "/health/"),
        ("GET", "//health"),
        ("GET", "/healthy"),
        ("GET", "/%68ealth/x"),
    ],
)
def test_without_a_token_every_path_answers_401_whether_it_exists_or_not(
    client: TestClient, service: Service, method: str, path: str
) -> None:
    make(service)

    answer = client.request(method, path)

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_health_needs_no_token(client: TestClient, service: Service) -> None:
    make(service)

    assert client.get("/health").status_code == 200
    assert client.get("/health", headers=bearer("wrong")).status_code == 200


def test_every_kind_of_invalid_token_gets_the_same_answer(
    client: TestClient, service: Service
) -> None:
    expired = make(service, lifetime=timedelta(microseconds=1))
    revoked = make(service)
    service.tokens.revoke(revoked)
    valid = make(service)
    others = {kind: make(service, kind) for kind in TokenKind if kind is not TokenKind.TOKEN}
    headers: list[Any] = [
        {},
        bearer(expired),
        bearer(revoked),
        bearer(valid[:-1]),
        bearer(valid.upper()),
        bearer(f"{valid} {valid}"),
        bearer(""),
        {"Authorization": "Bearer"},
        {"Authorization": valid},
        {"Authorization": f"Basic {valid}"},
        {"Authorization": b"Bearer \xff\xfe"},
        [("Authorization", f"Bearer {valid}"), ("Authorization", f"Bearer {valid}")],
        {"Cookie": f"countersign_session={valid}"},
        {"Cookie": b"countersign_session=\xff"},
        *(bearer(secret) for secret in others.values()),
    ]

    answers = [client.get("/api/crews", headers=each) for each in headers]
    answers += [client.get(f"/api/crews?{name}={valid}") for name in ("token", "ticket")]

    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1


def test_a_valid_token_is_let_in_however_the_scheme_is_written(
    client: TestClient, service: Service
) -> None:
    secret = make(service)

    for scheme in ("Bearer", "bearer", "BEARER", "Bearer "):
        headers = {"Authorization": f"{scheme} {secret}", "Host": "bot.example"}
        assert client.get("/api/crews", headers=headers).status_code == 200


def test_a_running_api_closes_when_the_first_token_is_made_and_a_revoked_one_ends(
    client: TestClient, service: Service
) -> None:
    assert client.get("/api/crews").status_code == 200

    secret = make(service)
    started = time.monotonic()
    wait_until(
        lambda: client.get("/api/crews").status_code == 401, within=1, what="the API is closed"
    )
    assert client.get("/api/crews", headers=bearer(secret)).status_code == 200
    service.tokens.revoke(secret)
    wait_until(
        lambda: client.get("/api/crews", headers=bearer(secret)).status_code == 401,
        within=1,
        what="the token is refused",
    )

    assert time.monotonic() - started < 5
    assert client.get("/api/crews").status_code == 401, "a revoked token keeps the API closed"


def test_an_expired_token_keeps_the_api_closed(client: TestClient, service: Service) -> None:
    make(service, lifetime=timedelta(microseconds=1))

    assert client.get("/api/crews").status_code == 401


def test_the_token_is_who_asks_and_its_last_use_is_recorded(
    client: TestClient, service: Service
) -> None:
    secret = make(service, label="the web page")

    answer = client.post(EXECUTE, json=BODY, headers=bearer(secret))

    requester = service.reads.execution(answer.json()["execution_id"]).requester
    assert (requester.id, requester.name) == (secret[:15], "the web page")
    wait_until(
        lambda: service.tokens.made()[0].used_at is not None, within=5, what="its use is recorded"
    )


def test_a_missing_scope_is_named(client: TestClient, service: Service) -> None:
    secret = make(service, scopes=READ)

    answer = client.post(EXECUTE, json=BODY, headers=bearer(secret))

    assert answer.status_code == 403
    assert answer.json()["detail"] == "the token lacks the scope 'execute'"
    assert service.reads.executions() == ()


def test_beyond_loopback_nobody_is_let_in_without_a_token(
    connect: Connect, service: Service
) -> None:
    assert connect(loopback=False).get("/api/crews").status_code == 401

    secret = make(service)
    assert connect(loopback=False).get("/api/crews", headers=bearer(secret)).status_code == 200


def test_a_database_that_does_not_answer_lets_nobody_in(
    client: TestClient, service: Service
) -> None:
    with closing(sqlite3.connect(service.database)) as database:
        database.execute("ALTER TABLE tokens RENAME TO gone")

    for headers in ({}, bearer(f"cs_{'0' * 12}_{'0' * 64}")):
        answer = client.get("/api/crews", headers=headers)
        assert answer.status_code == 503
        assert answer.headers["Retry-After"]
    assert client.get("/health").status_code == 200


def test_a_websocket_is_refused_before_it_opens(client: TestClient, service: Service) -> None:
    def refusal(**headers: str) -> int:
        with (
            pytest.raises(WebSocketDenialResponse) as refused,
            client.websocket_connect("/api/unknown/events", headers=headers),
        ):
            pass
        return refused.value.status_code

    assert refusal(Host="evil.example") == 403
    assert refusal(Host="127.0.0.1:8000", Origin="https://evil.example") == 403

    make(service)
    wait_until(lambda: client.get("/api/crews").status_code == 401, within=1, what="closed")
    assert refusal() == 401
    session = make(service, TokenKind.SESSION)
    assert refusal(Cookie=f"countersign_session={session}") == 403
    assert refusal(**in_browser(session, Origin="https://evil.example")) == 403


# --- sessions and tickets -------------------------------------------------------------------


def in_browser(secret: str, **headers: str) -> dict[str, str]:
    return {"Cookie": f"countersign_session={secret}", **headers}


def test_a_session_reads_and_decides_from_a_page_of_ours_alone(
    client: TestClient, service: Service
) -> None:
    make(service)
    session = make(service, TokenKind.SESSION)
    ours = "http://127.0.0.1:8000"

    assert client.get("/api/crews", headers=in_browser(session)).status_code == 200
    answer = client.post(EXECUTE, json=BODY, headers=in_browser(session, Origin=ours))
    assert answer.status_code == 200

    for theirs in ({}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
        answer = client.post(EXECUTE, json=BODY, headers=in_browser(session, **theirs))
        assert answer.status_code == 403
    headers = in_browser(session, Origin="https://evil.example")
    assert client.get("/api/crews", headers=headers).status_code == 403
    assert len(service.reads.executions()) == 1


def test_a_session_works_on_a_page_behind_a_proxy(connect: Connect, service: Service) -> None:
    session = make(service, TokenKind.SESSION)
    api = connect(loopback=False, public_url="https://bot.example/countersign")

    headers = in_browser(session, Origin="https://bot.example", Host="10.0.0.7:8000")
    assert api.post(EXECUTE, json=BODY, headers=headers).status_code == 200


def test_a_ticket_opens_event_streams_alone(client: TestClient, service: Service) -> None:
    make(service)
    ticket = make(service, TokenKind.TICKET)

    assert client.get(f"/api/unknown/events?ticket={ticket}").status_code == 404
    for path in (
        f"/api/crews?ticket={ticket}",
        f"/api/unknown/events?ticket={ticket}&ticket={ticket}",
        f"/api/unknown/events?ticket={ticket[:-1]}",
        f"/api/unknown/events/more?ticket={ticket}",
    ):
        assert client.get(path).status_code == 401, path
    assert client.post(f"/api/unknown/events?ticket={ticket}", json={}).status_code == 401


# --- pages elsewhere ------------------------------------------------------------------------


def test_a_page_that_is_named_may_call_with_a_token(connect: Connect, service: Service) -> None:
    secret = make(service)
    api = connect(cors_origins=("https://app.example",))
    page = {"Origin": "https://app.example"}

    preflight = api.options(
        EXECUTE,
        headers={
            **page,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type,idempotency-key",
        },
    )
    assert preflight.status_code == 200
    assert preflight.headers["Access-Control-Allow-Origin"] == "https://app.example"
    assert "Access-Control-Allow-Credentials" not in preflight.headers

    answer = api.post(EXECUTE, json=BODY, headers={**page, **bearer(secret)})
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example"
    refused = api.get("/api/crews", headers=page)
    assert refused.status_code == 401
    assert refused.headers["Access-Control-Allow-Origin"] == "https://app.example"


def test_a_page_that_is_not_named_gets_no_leave(connect: Connect, service: Service) -> None:
    secret = make(service)

    for api in (connect(), connect(cors_origins=("https://app.example",))):
        headers = {"Origin": "https://evil.example", **bearer(secret)}
        answer = api.get("/api/crews", headers=headers)
        assert "Access-Control-Allow-Origin" not in answer.headers
        preflight = {**headers, "Access-Control-Request-Method": "POST"}
        answer = api.options(EXECUTE, headers=preflight)
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_named_page_may_call_without_a_token_as_long_as_none_was_made(connect: Connect) -> None:
    api = connect(cors_origins=("http://localhost:5173",))

    named = api.post(EXECUTE, json=BODY, headers={"Origin": "http://localhost:5173"})
    other = api.post(EXECUTE, json=BODY, headers={"Origin": "http://localhost:5174"})

    assert (named.status_code, other.status_code) == (200, 403)


# --- limits ---------------------------------------------------------------------------------

TWICE = RequestRate(2, 60)


def test_a_token_may_call_so_often_and_others_still_may(connect: Connect, service: Service) -> None:
    one, other = make(service), make(service)
    api = connect(rate_limit=TWICE)

    codes = [api.get("/api/crews", headers=bearer(one)).status_code for _ in range(3)]

    assert codes == [200, 200, 429]
    answer = api.get("/api/crews", headers=bearer(one))
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert api.get("/api/crews", headers=bearer(other)).status_code == 200
    assert api.get("/health", headers=bearer(one)).status_code == 200


def test_an_address_without_a_valid_token_is_limited_and_its_valid_token_is_not(
    connect: Connect, service: Service
) -> None:
    secret = make(service)
    api = connect(rate_limit=TWICE)

    codes = [api.get("/api/crews", headers=bearer("wrong")).status_code for _ in range(3)]

    assert codes == [401, 401, 429]
    assert api.get("/nowhere").status_code == 429
    assert api.get("/health").status_code == 200
    assert api.get("/api/crews", headers=bearer(secret)).status_code == 200


def test_after_the_time_of_retry_after_a_client_may_call_again(
    connect: Connect, service: Service
) -> None:
    secret = make(service)
    api = connect(rate_limit=RequestRate(1, 1))
    assert api.get("/api/crews", headers=bearer(secret)).status_code == 200
    refused = api.get("/api/crews", headers=bearer(secret))
    assert refused.status_code == 429

    wait_until(
        lambda: api.get("/api/crews", headers=bearer(secret)).status_code == 200,
        within=int(refused.headers["Retry-After"]) + 0.5,
        what="the client may call again",
    )


def test_loopback_without_tokens_is_not_limited(connect: Connect) -> None:
    api = connect(rate_limit=RequestRate(1, 60))

    assert [api.get("/api/crews").status_code for _ in range(5)] == [200] * 5


def test_an_ipv6_client_is_its_network(connect: Connect, service: Service) -> None:
    make(service)
    api = connect(
        rate_limit=TWICE, loopback=False, trusted_proxies=networks("10.0.0.0/8"), address="10.0.0.1"
    )

    def code(address: str) -> int:
        return api.get("/api/crews", headers={"X-Forwarded-For": address}).status_code

    assert [code(f"2001:db8:0:1::{n}") for n in range(3)] == [401, 401, 429]
    assert code("2001:db8:0:2::1") == 401


def test_only_a_trusted_proxy_says_where_a_request_comes_from(
    connect: Connect, service: Service
) -> None:
    make(service)
    trusted = networks("10.0.0.0/8")
    behind = connect(rate_limit=TWICE, trusted_proxies=trusted, address="10.0.0.1")
    direct = connect(rate_limit=TWICE, trusted_proxies=trusted, address="192.0.2.1")
    unset = connect(rate_limit=TWICE, address="10.0.0.1")

    def codes(api: TestClient) -> list[int]:
        return [
            api.get("/api/crews", headers={"X-Forwarded-For": f"198.51.100.{n}"}).status_code
            for n in range(3)
        ]

    assert codes(behind) == [401, 401, 401]
    assert codes(direct) == [401, 401, 429]
    assert codes(unset) == [401, 401, 429]


def test_a_client_from_elsewhere_behind_a_local_proxy_needs_a_token(connect: Connect) -> None:
    api = connect(trusted_proxies=networks("127.0.0.1"))

    assert api.get("/api/crews").status_code == 200
    assert api.get("/api/crews", headers={"X-Forwarded-For": "192.0.2.7"}).status_code == 401


def test_long_urls_and_headers_are_refused(client: TestClient, service: Service) -> None:
    assert client.get("/api/crews?x=" + "y" * 9000).status_code == 414
    assert client.get("/" + "y" * 9000).status_code == 414
    answer = client.get("/api/crews", headers={"X-Long": "y" * 40_000})
    assert answer.status_code == 431
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_paths_need_their_token_behind_a_prefix_too(connect: Connect, service: Service) -> None:
    secret = make(service)
    api = connect(root_path="/tools/cs")

    for prefix in ("", "/tools/cs"):
        assert api.get(f"{prefix}/health").status_code == 200
        assert api.get(f"{prefix}/api/crews").status_code == 401
        assert api.get(f"{prefix}/api/crews", headers=bearer(secret)).status_code == 200
