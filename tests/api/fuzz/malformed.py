"""Malformed requests: from a seed, always the same ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final
from urllib.parse import quote

JSON_HEADERS: Final = ((b"host", b"127.0.0.1:8000"), (b"content-type", b"application/json"))


@dataclass(frozen=True)
class Malformed:
    """A request as bytes. `number` is the seed that makes it again."""

    number: int
    method: str
    path: bytes
    query: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""

    def __str__(self) -> str:
        target = f"{self.path!r}?{self.query!r}"
        return f"#{self.number} {self.method} {target} {self.headers} {self.body[:300]!r}"


@dataclass(frozen=True)
class Target:
    """A route, with the values of its path and a body that it takes."""

    method: str
    path: str
    body: Any = None
    query: tuple[str, ...] = field(default=())


_TEXTS: Final = (
    "",
    " ",
    "\0",
    "a\0b",
    "\ud800",
    "\udfff\ud800",
    "\ufffe",
    "\u202e",
    "𝕏",
    "é" * 3,
    "x" * 300,
    "x" * 100_001,
    "%00",
    "%2e%2e%2f",
    "../../etc/passwd",
    "'; DROP TABLE executions; --",
    "{{7*7}}",
    "-1",
    "9" * 400,
    "null",
    "true",
    "<@U1>",
    "\r\nSet-Cookie: a=b",
)
_VALUES: Final[tuple[Any, ...]] = (
    None,
    True,
    False,
    0,
    -1,
    2**31,
    2**63,
    2**64,
    10**300,
    -(10**20),
    0.1,
    1e308,
    float("inf"),
    float("nan"),
    [],
    {},
    [[]],
    [None],
    {"": None},
    {"a": {"b": [1, {"c": None}]}},
)
_QUERIES: Final = (
    b"cursor=%ff",
    b"cursor=WzFd",
    b"cursor=WyJhIiwiYiJd",
    b"cursor=WzldWzld",
    b"cursor=W1tbW1tb",
    b"cursor=WyI5OTk5LTEyLTMxVDIzOjU5OjU5LTIzOjU5IiwiYSJd",
    b"cursor=WyIwMDAxLTAxLTAxVDAwOjAwOjAwKzIzOjU5IiwiYSJd",
    b"cursor=Wzk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OV0",
    b"cursor=WyIyMDI2LTAxLTAxIiwiXHVkODAwIl0",
    b"cursor=WyIyMDI2LTAxLTAxIiwiXHUwMDAwIl0",
    b"limit=0",
    b"limit=201",
    b"limit=1e3",
    b"limit=99999999999999999999999",
    b"limit=%00",
    b"limit=1&limit=x",
    b"status=nope",
    b"status=running&status=running&status=%00",
    b"crew=%00",
    b"crew=%ed%a0%80",
    b"channel=%00a",
    b"requester=%00",
    b"created_after=yesterday",
    b"created_after=0001-01-01T00:00:00%2B23:59",
    b"created_before=9999-12-31T23:59:59-23:59",
    b"created_after=1e400",
    b"created_after=-99999999999999",
    b"waiting=false",
    b"wait=-1",
    b"wait=31",
    b"wait=nan",
    b"state=%C3%28",
    b"token=%00",
    b"last_event_id=abc",
    b"ticket=%00",
    b"&&&===&",
    b"%",
    b"a=%zz",
    b"\xff\xfe",
)
_HEADERS: Final = (
    (b"content-type", b"text/plain"),
    (b"content-type", b"application/json; charset=utf-16"),
    (b"content-type", b"multipart/form-data"),
    (b"content-type", b"application/x-www-form-urlencoded"),
    (b"content-type", b"\xff"),
    (b"idempotency-key", b""),
    (b"idempotency-key", b"\xff\x00"),
    (b"idempotency-key", b"k" * 201),
    (b"idempotency-key", b"same"),
    (b"if-none-match", b"\xff"),
    (b"if-none-match", b'W/"' * 40),
    (b"accept", b"\xff"),
    (b"accept", b"application/xml"),
    (b"authorization", b"Bearer"),
    (b"authorization", b"Bearer \xff"),
    (b"authorization", b"Basic " + b"a" * 500),
    (b"cookie", b"countersign_session=\xff;;;=;"),
    (b"origin", b"null"),
    (b"origin", b"http://[::1"),
    (b"host", b"evil.example"),
    (b"transfer-encoding", b"chunked"),
    (b"content-length", b"-5"),
    (b"content-length", b"99999999999999999999"),
    (b"last-event-id", b"9" * 50),
    (b"last-event-id", b"\xff"),
    (b"x-long", b"x" * 40_000),
    (b"accept-encoding", b"\xff"),
    (b"range", b"bytes=5-1"),
)
_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "BREW")
_PATHS: Final = (
    b"/api/%ff",
    b"/api//executions",
    b"/api/executions/",
    b"/api/executions/%00",
    b"/api/executions/..%2f..",
    b"/api/executions/%ed%a0%80/audit",
    b"/api/crews/%00",
    b"/api/crews/%F0%9F%92%A9",
    b"/amp/%00/inputs",
    b"/amp//inputs",
    b"/amp/plan/status/%00",
    b"/docs/assets/%2e%2e%2fcore.py",
    b"/docs/assets/../core.py",
    b"/assets/%00",
    b"/nope",
    b"/api",
    b"/" + b"a" * 9_000,
    b"/api/webhooks/deliveries/%00",
    b"/api/webhooks/deliveries/%00/replay",
)


def malformed(number: int, targets: Sequence[Target]) -> Malformed:
    """The request with this number."""
    random = Random(number)
    target = random.choice(targets)
    request = Malformed(
        number,
        target.method,
        target.path.encode(),
        headers=JSON_HEADERS if target.body is not None else JSON_HEADERS[:1],
        body=b"" if target.body is None else json.dumps(target.body).encode(),
    )
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        request = random.choice(_MUTATIONS)(request, target, random)
    return request


def _with_body(request: Malformed, body: bytes) -> Malformed:
    return _replaced(request, body=body)


def _replaced(request: Malformed, **values: Any) -> Malformed:
    return Malformed(**{**vars(request), **values})


def _bad_value(request: Malformed, target: Target, random: Random) -> Malformed:
    """A value of the body is of another type, or a text that is hard to take."""
    if not isinstance(target.body, dict):
        return _bad_query(request, target, random)
    body = dict(target.body)
    name = random.choice([*body, "inputs", "webhook", "webhooks", "values", "edited", "extra"])
    body[name] = random.choice((*_VALUES, *_TEXTS, [random.choice(_TEXTS)], {"a": _TEXTS[3]}))
    return _with_body(request, json.dumps(body).encode(errors="surrogatepass"))


def _left_out(request: Malformed, target: Target, random: Random) -> Malformed:
    if not isinstance(target.body, dict) or not target.body:
        return _bad_path(request, target, random)
    gone = random.choice([*target.body])
    return _with_body(
        request, json.dumps({k: v for k, v in target.body.items() if k != gone}).encode()
    )


def _no_json(request: Malformed, _target: Target, random: Random) -> Malformed:
    body = request.body or b'{"a": 1}'
    at = random.randrange(len(body))
    deep = random.choice((60, 1_000, 20_000))
    return _with_body(
        request,
        random.choice(
            (
                body[:at],
                body[:at] + bytes([random.randrange(256)]) + body[at + 1 :],
                body + body,
                b"\xef\xbb\xbf" + body,
                body.decode(errors="replace").encode("utf-16"),
                b"[" * deep + b"]" * deep,
                b'{"inputs":' + b'{"a":' * deep + b"1" + b"}" * deep + b"}",
                b'{"message":"a","message":"b","crew":"plan","crew":"nope"}',
                b'{"message": "\\ud800", "crew": "plan"}',
                b'{"message": "\\u0000", "crew": "plan"}',
                b'{"message": "a", "inputs": {"\\ud800": 1}}',
                b'{"message": "a", "inputs": {"a": 1e999}}',
                b'{"message": "a", "inputs": {"a": ' + b"9" * 5_000 + b"}}",
                b'{"message": "a", "inputs": {"a": NaN}}',
                b"null",
                b"[]",
                b'"text"',
                b"1",
                b"",
                b"\0",
                random.randbytes(random.randrange(1, 200)),
                b'{"message": "' + b"x" * 1_100_000 + b'"}',
            )
        ),
    )


def _bad_query(request: Malformed, _target: Target, random: Random) -> Malformed:
    query = b"&".join(random.sample(_QUERIES, random.choice((1, 1, 2))))
    return _replaced(request, query=query)


def _bad_header(request: Malformed, _target: Target, random: Random) -> Malformed:
    name, value = random.choice(_HEADERS)
    others = request.headers
    if random.random() < 0.5:
        others = tuple(each for each in others if each[0] != name)
    return _replaced(request, headers=(*others, (name, value)))


def _bad_method(request: Malformed, _target: Target, random: Random) -> Malformed:
    return _replaced(request, method=random.choice(_METHODS))


def _bad_path(request: Malformed, _target: Target, random: Random) -> Malformed:
    if random.random() < 0.3:
        return _replaced(request, path=random.choice(_PATHS))
    parts = request.path.split(b"/")
    at = random.randrange(1, len(parts))
    text = random.choice(_TEXTS)[:2_000]
    parts[at] = random.choice(
        (
            quote(text, safe="", errors="surrogatepass").encode(),
            parts[at].upper(),
            parts[at] + b"%20",
            parts[at][:8],
            b"%ff%fe",
            b"",
        )
    )
    return _replaced(request, path=b"/".join(parts))


_MUTATIONS: Final[Sequence[Callable[[Malformed, Target, Random], Malformed]]] = (
    _bad_value,
    _bad_value,
    _left_out,
    _no_json,
    _bad_query,
    _bad_header,
    _bad_method,
    _bad_path,
)
