"""Server-Sent Events over real connections."""

from __future__ import annotations

import random
import resource
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine, insert

from bot.api.live import audience
from bot.process.http_server import MOST_FILES
from storage.db.engines import open_engine
from storage.db.tables import audit
from storage.records import Action
from storage.tokens import Scope, TokenKind
from tests.api.live.conftest import Clients, Served, served
from tests.support.factories import ANA, NOON
from tests.support.postgres import Server
from tests.support.processes import wait_until
from tests.support.schema import upgraded


def events_of(execution_id: str) -> str:
    return f"/api/executions/{execution_id}/events"


def test_the_stream_of_an_execution_begins_with_its_first_event_and_ends_with_its_last(
    bot: Served, clients: Clients
) -> None:
    execution_id = bot.start()
    bot.run_phase()

    stream = clients.listen(bot, events_of(execution_id))

    assert stream.answer.headers["Content-Type"].startswith("text/event-stream")
    assert stream.answer.headers["Cache-Control"] == "no-store"
    assert stream.answer.headers["X-Accel-Buffering"] == "no"
    assert stream.types(3) == ["execution.started", "phase.started", "checkpoint.waiting"]
    bot.decide(execution_id)
    (decided,) = stream.events(1)
    assert decided["type"] == "checkpoint.decided"
    assert decided["execution_id"] == execution_id
    assert (decided["status"], decided["action"], decided["actor"]) == (
        "running",
        "continue",
        "Ana",
    )
    assert decided["at"].endswith("Z")
    bot.run_phase()
    assert [event["type"] for event in stream.rest()] == ["phase.started", "execution.completed"]


def test_a_browser_that_resumes_after_the_last_event_is_told_to_stop(
    bot: Served, clients: Clients
) -> None:
    execution_id = bot.start()
    bot.state.cancel(execution_id, actor=ANA)
    stream = clients.listen(bot, events_of(execution_id))
    assert [event["type"] for event in stream.rest()] == [
        "execution.started",
        "execution.cancelled",
    ]

    clients.listen(bot, events_of(execution_id), after=stream.last_id, status=204)
    clients.listen(bot, f"{events_of(execution_id)}?last_event_id={stream.last_id}", status=204)


def test_an_error_does_not_end_the_stream_since_the_run_can_be_retried(
    bot: Served, clients: Clients
) -> None:
    execution_id = bot.start()
    stream = clients.listen(bot, events_of(execution_id))
    bot.fail_phase()
    assert stream.types(3)[-1] == "execution.error"

    bot.state.retry(execution_id, actor=ANA)
    bot.run_phase()

    assert stream.types(2) == ["phase.started", "checkpoint.waiting"]


def test_the_stream_of_everything_begins_now_and_resumes_where_it_was(
    bot: Served, clients: Clients
) -> None:
    bot.start()
    stream = clients.listen(bot)
    second = bot.start()
    (started,) = stream.events(1)
    assert started["execution_id"] == second
    stream.answer.close()
    bot.run_phase()
    third = bot.start()

    resumed = clients.listen(bot, after=started["id"])
    by_query = clients.listen(bot, f"/api/events?last_event_id={started['id']}")

    assert resumed.types(3) == ["phase.started", "checkpoint.waiting", "execution.started"]
    assert by_query.events(3)[-1]["execution_id"] == third


def test_a_client_that_has_seen_nothing_yet_can_resume_too(bot: Served, clients: Clients) -> None:
    bot.start()
    with httpx.stream("GET", f"{bot.url}/api/events", trust_env=False) as answer:
        lines = answer.iter_lines()
        assert next(lines).startswith("retry: ")
        first = next(lines).removeprefix("id: ")
    missed = bot.start()

    assert clients.listen(bot, after=first).events(1)[0]["execution_id"] == missed


@pytest.mark.parametrize("wrong", ["x", "-1", "1.5", "9" * 30, "１"])
def test_an_id_that_is_none_is_refused(bot: Served, wrong: str) -> None:
    headers = [(b"Last-Event-ID", wrong.encode())]
    answer = httpx.get(f"{bot.url}/api/events", headers=headers, trust_env=False)

    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_an_id_from_the_future_means_from_now(bot: Served, clients: Clients) -> None:
    stream = clients.listen(bot, after="999999999")
    execution_id = bot.start()

    assert stream.events(1)[0]["execution_id"] == execution_id


def test_an_unknown_execution_has_no_stream(bot: Served, clients: Clients) -> None:
    clients.listen(bot, events_of("no-such"), status=404)


def test_quiet_streams_get_heartbeats(engine: Engine, clients: Clients) -> None:
    with served(engine, heartbeat=0.2) as bot:
        stream = clients.listen(bot)
        time.sleep(2.5)  # the hub looks once a second
        bot.start()

        assert stream.types(1) == ["execution.started"]
        assert 1 <= stream.heartbeats <= 4


def test_a_client_that_leaves_is_freed(bot: Served, clients: Clients) -> None:
    execution_id = bot.start()
    streams = [clients.listen(bot), clients.listen(bot, events_of(execution_id))]
    wait_until(lambda: bot.hub.listeners == 2, what="both to listen", within=10)

    for stream in streams:
        stream.answer.close()

    bot.until_free()


def test_a_client_that_is_too_slow_for_the_memory_still_gets_everything(
    engine: Engine, clients: Clients
) -> None:
    with served(engine, size=16) as bot:
        slow = clients.listen(bot)
        execution_id = bot.start(phases=1)
        bot.run_phase()
        for _ in range(30):
            bot.decide(execution_id, Action.REVISE)
            bot.run_phase()
        bot.decide(execution_id)

        ids = [int(event["id"]) for event in slow.events(3 + 3 * 30 + 2)]

        assert ids == [event.seq for event in bot.reads.events_after(0, 1000)]


def test_shutdown_ends_streams_at_once_even_those_that_nobody_reads(
    engine: Engine, clients: Clients
) -> None:
    with served(engine, grace=20) as bot:
        executions = [bot.start(), bot.start()]
        streams = [clients.listen(bot, events_of(each)) for each in executions]
        with _stalled(bot, engine):
            time.sleep(0.5)  # until its connection is full
            began = time.monotonic()
            bot.server.stop()

            assert time.monotonic() - began < 5
            for stream in streams:
                assert [event["type"] for event in stream.rest()] == ["execution.started"]


def test_the_server_allows_itself_more_streams_than_systems_usually_do(engine: Engine) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
    try:
        with served(engine):
            assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == min(hard, MOST_FILES)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _stalled(bot: Served, engine: Engine) -> socket.socket:
    """A client that asks for everything since the beginning, and takes nothing of it."""
    long = {"name": "x" * 5000}
    row = {"at": NOON, "execution_id": "e1", "event": "checkpoint.opened", "details": long}
    with engine.begin() as connection:
        connection.execute(insert(audit), [row] * 4000)  # more than the system buffers
    stalled = socket.socket()
    stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    stalled.connect(("127.0.0.1", bot.port))
    stalled.sendall(
        b"GET /api/events HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nLast-Event-ID: 0\r\n\r\n" % bot.port
    )
    wait_until(lambda: bot.hub.listeners == 3, what="the stalled client", within=10)
    return stalled


# --- rights ----------------------------------------------------------------------------------


@pytest.fixture
def reread_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audience, "REREAD_SECONDS", 0.05)


def token_of(bot: Served, person: str | None = None) -> str:
    _, secret = bot.tokens.create(
        TokenKind.TOKEN, scopes={Scope.READ}, lifetime=None, label="tests", person=person
    )
    return secret


def test_a_token_for_a_person_hears_of_their_channels_and_their_own_runs_only(
    bot: Served, clients: Clients, reread_often: None
) -> None:
    everybody, ben = token_of(bot), token_of(bot, "UBEN")
    ana = token_of(bot, ANA.id)
    bot.persons.member_of = {"UBEN": {"COPEN"}, ANA.id: {"COPEN"}}
    streams = {
        name: clients.listen(bot, token=token)
        for name, token in {"all": everybody, "ben": ben, "ana": ana}.items()
    }

    secret, shared = bot.start(channel="CSECRET"), bot.start(channel="COPEN")

    assert [event["execution_id"] for event in streams["all"].events(2)] == [secret, shared]
    assert [event["execution_id"] for event in streams["ana"].events(2)] == [secret, shared]
    assert [event["execution_id"] for event in streams["ben"].events(1)] == [shared]
    clients.listen(bot, events_of(secret), token=ben, status=404)

    bot.persons.member_of = {"UBEN": {"CSECRET"}}
    time.sleep(0.1)
    later = bot.start(channel="CSECRET")
    bot.start(channel="COPEN")
    last = bot.start(channel="CSECRET")
    assert [event["execution_id"] for event in streams["ben"].events(2)] == [later, last]


def test_a_person_who_leaves_the_channel_hears_no_more_of_its_runs(
    bot: Served, clients: Clients, reread_often: None
) -> None:
    ben = token_of(bot, "UBEN")
    bot.persons.member_of = {"UBEN": {"COPEN"}}
    execution_id = bot.start(channel="COPEN")
    stream = clients.listen(bot, events_of(execution_id), token=ben)
    assert stream.types(1) == ["execution.started"]

    bot.persons.member_of = {}
    time.sleep(0.1)
    bot.run_phase()

    assert stream.rest() == []


def test_a_stream_ends_when_its_token_is_revoked_and_when_the_first_token_is_made(
    bot: Served, clients: Clients, reread_often: None
) -> None:
    open_to_all = clients.listen(bot)
    token = token_of(bot)
    with_token = clients.listen(bot, token=token)
    time.sleep(0.1)
    bot.start()
    assert open_to_all.rest() == []
    assert with_token.types(1) == ["execution.started"]

    bot.tokens.revoke(token)
    time.sleep(0.1)
    bot.run_phase()
    assert with_token.rest() == []


def test_a_ticket_opens_streams_and_nothing_else(bot: Served, clients: Clients) -> None:
    token = token_of(bot)
    headers = {"Authorization": f"Bearer {token}"}
    made = httpx.post(
        f"{bot.url}/api/events/ticket", headers=headers, json={}, trust_env=False
    ).json()
    assert made["expires_in"] == 60
    execution_id = bot.start()
    query = f"?ticket={made['ticket']}"

    assert clients.listen(bot, events_of(execution_id) + query).types(1) == ["execution.started"]
    clients.listen(bot, f"/api/events{query}")
    clients.listen(bot, "/api/events?ticket=cs_000000000000_00", status=401)
    for path in (f"/api/crew/status/{execution_id}", "/api/crews"):
        assert httpx.get(bot.url + path + query, trust_env=False).status_code == 401


# --- several processes, both databases ---------------------------------------------------------


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'shared.db'}"
    server: Server = request.getfixturevalue("server")
    return server.database()


@pytest.fixture
def two_engines(database: str) -> Iterator[tuple[Engine, Engine]]:
    engines = upgraded(database), open_engine(database)
    yield engines
    for engine in engines:
        engine.dispose()


def test_streams_hear_of_other_processes_and_go_on_after_a_restart(
    two_engines: tuple[Engine, Engine], clients: Clients
) -> None:
    with served(two_engines[0]) as here, served(two_engines[1]) as there:
        stream = clients.listen(here)
        execution_id = there.start()
        there.run_phase()
        before = stream.events(3)
        assert before[-1]["type"] == "checkpoint.waiting"

    with served(two_engines[1]) as again:
        again.decide(execution_id)
        resumed = clients.listen(again, after=before[-1]["id"])
        again.run_phase()
        after = resumed.events(3)

    assert [event["type"] for event in after] == [
        "checkpoint.decided",
        "phase.started",
        "execution.completed",
    ]
    assert int(after[0]["id"]) > int(before[-1]["id"])


def test_nothing_is_lost_or_doubled_while_several_processes_write_and_clients_reconnect(
    two_engines: tuple[Engine, Engine], clients: Clients
) -> None:
    rng = random.Random(3)

    with served(two_engines[0]) as here, served(two_engines[1]) as there:
        stream = clients.listen(here)
        ids: list[int] = []
        with ThreadPoolExecutor(4) as writers:
            work = [writers.submit(_churn, bot) for bot in (here, there, here, there)]
            while (left := 4 * _EVENTS_OF_CHURN - len(ids)) > 0:
                ids += [int(each["id"]) for each in stream.events(min(rng.randint(1, 4), left))]
                if rng.random() < 0.3:
                    last = stream.last_id
                    stream.answer.close()
                    stream = clients.listen(rng.choice((here, there)), after=last)
            for each in work:
                each.result()

        assert ids == [event.seq for event in here.reads.events_after(0, 1000)]


_CHURNED = 15
_EVENTS_OF_CHURN = 2 * _CHURNED


def _churn(bot: Served) -> None:
    """Start executions and cancel them: two events each."""
    for _ in range(_CHURNED):
        bot.state.cancel(bot.start(), actor=ANA)
