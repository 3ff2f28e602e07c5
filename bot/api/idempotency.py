"""The middleware for `Idempotency-Key`: a POST that is repeated gets the first one's answer.

The key and the answer are kept in the database, for all processes. The answer is stored before it
is sent. One that may differ next time (the server's errors, a limit) frees the key, and one that
holds a secret is never stored: it says `Cache-Control: no-store` or sets a cookie.
"""

from __future__ import annotations

import logging
from hashlib import sha256
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.api import paths
from bot.api.access import ANONYMOUS, Caller
from bot.api.problems import problem
from storage.db.database import is_outage
from storage.errors import KeyOfAnotherRequest, KeyUnderWay
from storage.idempotency import Answer, KeyLock
from storage.idempotency_keys import IdempotencyKeys

log = logging.getLogger(__name__)

KEY_LENGTH: Final = 200
REPLAYED: Final = "Idempotent-Replayed"
_NOT_STORED: Final = frozenset({401, 408, 413, 429})
_OF_THE_CONNECTION: Final = frozenset({"content-length", "connection", "date", "transfer-encoding"})


class Idempotency:
    def __init__(self, app: ASGIApp, *, keys: IdempotencyKeys, body_limit: int) -> None:
        self._app = app
        self._keys = keys
        self._body_limit = body_limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        keys = _keys(scope)
        if not keys:
            await self._app(scope, receive, send)
            return
        if len(keys) > 1 or not 0 < len(keys[0]) <= KEY_LENGTH or not keys[0].isprintable():
            refusal = f"Idempotency-Key must be one key of 1 to {KEY_LENGTH} characters"
            await problem(400, refusal)(scope, receive, send)
            return
        body = await self._read(receive)
        if isinstance(body, Response):
            await body(scope, receive, send)
        elif body is not None:
            answer = await self._answer(scope, body, receive, keys[0])
            await answer(scope, receive, send)

    async def _answer(self, scope: Scope, body: bytes, receive: Receive, key: str) -> ASGIApp:
        try:
            lock = await run_in_threadpool(
                self._keys.begin,
                caller=_owner(scope),
                key=key,
                request_hash=_hash(scope, body),
            )
        except KeyOfAnotherRequest:
            return problem(409, "this Idempotency-Key was used for another request")
        except KeyUnderWay:
            detail = "the first request with this Idempotency-Key is under way"
            return problem(409, detail, {"Retry-After": "1"})
        except Exception as error:
            if not is_outage(error):
                raise
            return problem(503, "the database does not answer: try again", {"Retry-After": "1"})
        if isinstance(lock, Answer):
            return Response(lock.body, lock.status, {**lock.headers, REPLAYED: "true"})
        return await self._carry_out(scope, body, receive, lock)

    async def _carry_out(
        self, scope: Scope, body: bytes, receive: Receive, lock: KeyLock
    ) -> ASGIApp:
        recorded = _Recorded()
        try:
            await self._app(scope, _replay(body, receive), recorded.record)
        except BaseException:
            await run_in_threadpool(self._end, lock, None)
            raise
        await run_in_threadpool(self._end, lock, recorded.answer())
        return recorded.send

    def _end(self, lock: KeyLock, answer: Answer | None) -> None:
        """Store the answer or free the key. If that fails, the lock ends by itself."""
        try:
            if answer is None:
                self._keys.release(lock)
            else:
                self._keys.finish(lock, answer)
        except Exception as error:
            if not is_outage(error):
                raise
            log.warning("api.answer_not_stored", extra={"error": type(error).__name__})

    async def _read(self, receive: Receive) -> bytes | Response | None:
        """The whole body; None if the client is gone."""
        chunks, size = [], 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            chunk: bytes = message.get("body", b"")
            chunks.append(chunk)
            size += len(chunk)
            if size > self._body_limit:
                refusal = f"the body is larger than {self._body_limit} bytes"
                return problem(413, refusal, {"Connection": "close"})
            if not message.get("more_body", False):
                return b"".join(chunks)


class _Recorded:
    """The messages of an answer."""

    def __init__(self) -> None:
        self._messages: list[Message] = []

    async def record(self, message: Message) -> None:
        self._messages.append(message)

    async def send(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        for message in self._messages:
            await send(message)

    def answer(self) -> Answer | None:
        """What is stored of it, or None if nothing is."""
        if not self._messages:
            return None
        start = self._messages[0]
        status, headers = start["status"], Headers(raw=start["headers"])
        if status >= 500 or status in _NOT_STORED or _holds_secret(headers):
            return None
        body = b"".join(message.get("body", b"") for message in self._messages[1:])
        kept = {k: v for k, v in headers.items() if k.lower() not in _OF_THE_CONNECTION}
        try:
            return Answer(status, kept, body.decode())
        except UnicodeDecodeError:
            return None


def _holds_secret(headers: Headers) -> bool:
    return "set-cookie" in headers or "no-store" in headers.get("cache-control", "").lower()


def _keys(scope: Scope) -> list[str]:
    if scope["type"] != "http" or scope["method"] != "POST":
        return []
    if paths.route_path(scope) == paths.DOOR:
        return []
    return Headers(scope=scope).getlist("idempotency-key")


def _owner(scope: Scope) -> str:
    """Whose key it is. Without a token the URL is the owner: it holds a secret of its own."""
    caller: Caller = scope["state"]["caller"]
    if caller is ANONYMOUS:
        return sha256(b"?".join(_url(scope))).hexdigest()
    return caller.id


def _hash(scope: Scope, body: bytes) -> str:
    return sha256(b"\0".join((*_url(scope), body))).hexdigest()


def _url(scope: Scope) -> tuple[bytes, bytes]:
    query: bytes = scope["query_string"]
    return paths.route_path(scope).encode(errors="surrogatepass"), query


def _replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body again, and then what comes after it."""
    unread: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return unread.pop() if unread else await receive()

    return replay
