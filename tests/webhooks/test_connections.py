"""The address that is really connected is checked, whatever a name resolves to."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.webhooks.addresses import AllowedAddresses, parse_networks
from bot.webhooks.connections import Resolve
from bot.webhooks.requests import Requests
from storage.webhooks import (
    Attempt,
    Delivery,
    DeliveryState,
    Webhook,
    WebhookFormat,
    WebhookPurpose,
)
from tests.webhooks.receivers import SECRET, Answer, Receiver, receiving

NOW = datetime(2026, 1, 2, tzinfo=UTC)
DELIVERY = Delivery(
    seq=1,
    id="3b1f",
    webhook_id="w",
    execution_id="e",
    host="",
    type="execution.started",
    data={},
    body=None,
    state=DeliveryState.QUEUED,
    attempts=0,
    created_at=NOW,
    not_before=NOW,
    give_up_at=NOW + timedelta(days=1),
)
LOOPBACK = AllowedAddresses(parse_networks("127.0.0.0/8"))
NOTHING = AllowedAddresses()


def send(
    url: str,
    *,
    allowed: AllowedAddresses,
    resolve: Resolve | None = None,
    context: ssl.SSLContext | None = None,
    times: int = 1,
) -> list[Attempt]:
    webhook = Webhook(
        "w", "e", WebhookFormat.STANDARD, WebhookPurpose.EVENTS, url, {"secret": SECRET}
    )

    async def attempts() -> list[Attempt]:
        requests = Requests(allowed, resolve=resolve, context=context, timeout=5)
        try:
            return [await requests.send(webhook, DELIVERY, "{}") for _ in range(times)]
        finally:
            await requests.close()

    return asyncio.run(attempts())


def answering(*addresses: tuple[str, ...]) -> Resolve:
    """A resolver that gives the next answer at each look-up."""
    answers = [*addresses]

    async def resolve(_host: str, _port: int) -> tuple[str, ...]:
        return answers.pop(0) if len(answers) > 1 else answers[0]

    return resolve


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "::ffff:127.0.0.1", "0.0.0.0", "169.254.169.254", "::1"]
)
def test_a_name_that_leads_to_a_private_address_is_refused(address: str) -> None:
    with receiving() as receiver:
        url = f"http://innocent.example:{receiver.port}/"
        (attempt,) = send(url, allowed=NOTHING, resolve=answering((address,)))

        assert attempt.error is not None
        assert "innocent.example is not a public address" in attempt.error
        assert receiver.requests == []


def test_a_literal_address_is_checked_again_when_it_is_connected() -> None:
    with receiving() as receiver:
        (attempt,) = send(receiver.url, allowed=NOTHING)

        assert attempt.error is not None
        assert receiver.requests == []


def test_a_real_name_of_this_machine_is_refused() -> None:
    with receiving() as receiver:
        (attempt,) = send(f"http://localhost:{receiver.port}/", allowed=NOTHING)

        assert attempt.error is not None
        assert receiver.requests == []


def test_a_name_is_looked_up_once_and_its_host_header_stays() -> None:
    resolve = answering(("127.0.0.1",), ("10.255.255.1",))
    with receiving() as receiver:
        (attempt,) = send(
            f"http://hook.example:{receiver.port}/", allowed=LOOPBACK, resolve=resolve
        )

        assert attempt.error is None
        assert receiver.requests[0].headers["host"] == f"hook.example:{receiver.port}"


def test_a_name_that_is_bound_again_to_a_private_address_gets_nothing() -> None:
    only_two = AllowedAddresses(parse_networks("127.0.0.2"))
    resolve = answering(("127.0.0.2",), ("127.0.0.1",))
    with receiving(lambda *_: Answer(headers={"Connection": "close"})) as receiver:
        url = f"http://hook.example:{receiver.port}/"
        first, second = send(url, allowed=only_two, resolve=resolve, times=2)

        assert first.error is not None  # nothing listens at 127.0.0.2
        assert "not a public address" not in first.error
        assert second.error is not None
        assert "not a public address" in second.error
        assert receiver.requests == []


def test_of_several_addresses_only_allowed_ones_are_tried() -> None:
    resolve = answering(("10.0.0.1", "::1", "127.0.0.1"))
    with receiving() as receiver:
        url = f"http://hook.example:{receiver.port}/"
        (attempt,) = send(url, allowed=LOOPBACK, resolve=resolve)

        assert attempt.error is None

        only_two = AllowedAddresses(parse_networks("127.0.0.2/32"))
        resolve = answering(("127.0.0.2", "127.0.0.1"))  # the receiver listens on the second
        (attempt,) = send(url, allowed=only_two, resolve=resolve)

        assert attempt.error is not None
        assert len(receiver.requests) == 1


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as proxy, receiving() as receiver:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "https_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        monkeypatch.delenv("no_proxy", raising=False)
        (attempt,) = send(receiver.url, allowed=LOOPBACK)

        assert attempt.error is None
        assert proxy.requests == []


def test_a_redirect_is_a_failure_and_is_not_followed() -> None:
    with receiving() as inner:
        with receiving(lambda *_: Answer(307, {"Location": inner.url})) as receiver:
            (attempt,) = send(receiver.url, allowed=LOOPBACK)

        assert attempt.error == "the receiver answered 307: redirects are not followed"
        assert inner.requests == []


@pytest.mark.parametrize(
    ("status", "header", "seconds"),
    [
        (429, "30", 30),
        (503, "Fri, 02 Jan 2032 00:00:00 GMT", 86400),
        (503, "99999999999999", 86400),
        (503, "soon", 0),
        (429, "Thu, 01 Jan 1970 00:00:00 GMT", 0),
        (500, "30", 0),
    ],
)
def test_retry_after_is_read(status: int, header: str, seconds: int) -> None:
    with receiving(lambda *_: Answer(status, {"Retry-After": header})) as receiver:
        (attempt,) = send(receiver.url, allowed=LOOPBACK)

    assert attempt.retry_after == timedelta(seconds=seconds)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for hook.example, with its key in the same file."""
    file = tmp_path_factory.mktemp("tls") / "hook.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=hook.example"),
            *("-addext", "subjectAltName=DNS:hook.example"),
            *("-keyout", file, "-out", f"{file}.crt"),
        ],
        check=True,
        capture_output=True,
    )
    file.write_bytes(file.read_bytes() + Path(f"{file}.crt").read_bytes())
    return file


@pytest.fixture
def secure(certificate: Path) -> Iterator[Receiver]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with receiving(context=context) as receiver:
        yield receiver


@pytest.mark.parametrize(("name", "delivered"), [("hook.example", True), ("other.example", False)])
def test_tls_checks_the_name_although_an_address_is_connected(
    secure: Receiver, certificate: Path, name: str, delivered: bool
) -> None:
    trusting = ssl.create_default_context(cafile=f"{certificate}.crt")
    (attempt,) = send(
        f"https://{name}:{secure.port}/",
        allowed=LOOPBACK,
        resolve=answering(("127.0.0.1",)),
        context=trusting,
    )

    assert (attempt.error is None) is delivered
    assert len(secure.requests) == delivered
