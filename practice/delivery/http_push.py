"""Delivers by HTTP: signed POST requests to the app's request URL."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable
from urllib.parse import urlencode

import httpx

from practice.delivery.deliveries import Ack, Delivery
from practice.state.records import App


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Slack's `v0` signature over the timestamp and the raw body."""
    base = b"v0:" + timestamp.encode() + b":" + body
    return "v0=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()


class HttpPush:
    """Posts to `app.request_url` as Slack does and reads the response as an ack."""

    def __init__(self, app: App, clock: Callable[[], float]) -> None:
        self._app = app
        self._clock = clock
        self._lazy_client: httpx.AsyncClient | None = None

    @property
    def _client(self) -> httpx.AsyncClient:
        if self._lazy_client is None:  # lazy, because loading certificates takes a while
            self._lazy_client = httpx.AsyncClient(
                trust_env=False, follow_redirects=False, limits=httpx.Limits(max_connections=300)
            )
        return self._lazy_client

    @property
    def connected(self) -> bool:
        return self._app.request_url is not None

    async def push(
        self, delivery: Delivery, *, attempt: int, reason: str | None, timeout: float
    ) -> Ack:
        if self._app.request_url is None:
            return Ack(0, problem="no_connection")
        body, content_type = _encoded(delivery)
        timestamp = str(int(self._clock()))
        headers = {
            "Content-Type": content_type,
            "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
            "X-Slack-Request-Timestamp": timestamp,
            "X-Slack-Signature": signature(self._app.signing_secret, timestamp, body),
        }
        if delivery.kind == "events_api" and attempt:
            headers |= {"X-Slack-Retry-Num": str(attempt), "X-Slack-Retry-Reason": reason or ""}
        try:
            answer = await self._client.post(
                self._app.request_url, content=body, headers=headers, timeout=timeout
            )
        except httpx.TimeoutException:
            return Ack(0, problem="http_timeout")
        except httpx.TransportError:
            return Ack(0, problem="connection_failed")
        return Ack(
            answer.status_code,
            _decoded(answer),
            problem=None if answer.status_code == 200 else "http_error",
            no_retry=answer.headers.get("x-slack-no-retry") == "1",
        )

    async def verify(self) -> bool:
        """Slack's handshake for a request URL: the app must return the challenge."""
        challenge = secrets.token_hex(16)
        payload = {
            "type": "url_verification",
            "token": self._app.verification_token,
            "challenge": challenge,
        }
        delivery = Delivery(0, "events_api", "url_verification", payload)
        ack = await self.push(delivery, attempt=0, reason=None, timeout=3.0)
        reply = ack.body
        if isinstance(reply, dict):
            reply = reply.get("challenge") or reply.get("text")
        return ack.ok and reply == challenge

    async def close(self) -> None:
        if self._lazy_client is not None:
            await self._lazy_client.aclose()


def _encoded(delivery: Delivery) -> tuple[bytes, str]:
    form = "application/x-www-form-urlencoded"
    if delivery.kind == "events_api":
        return json.dumps(delivery.payload).encode(), "application/json"
    if delivery.kind == "slash_commands":
        return urlencode(delivery.payload).encode(), form
    return urlencode({"payload": json.dumps(delivery.payload)}).encode(), form


def _decoded(answer: httpx.Response) -> object:
    if not answer.content:
        return None
    if answer.headers.get("content-type", "").startswith("application/json"):
        try:
            decoded: object = answer.json()
        except ValueError:
            return answer.text
        return decoded
    return {"text": answer.text}
