"""The HTTP door: checks requests to the request URL before anything acts on them.

Size, timestamp and signature are checked before a byte is parsed, then the shape of the body.
A bad request gets a 4xx with one word. No part of a body is ever logged.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from slack_bolt import App, BoltRequest

from bot.door import DoorAnswer
from bot.slack.inbound import payload_shape
from storage.ports import Clock

log = logging.getLogger(__name__)

MAX_BYTES: Final = 1024 * 1024
MAX_AGE: Final = timedelta(minutes=5)
MAX_FIELDS: Final = 100
JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"


class Rejected(Exception):
    """A bad request. Only `status` and `reason`, which is one word, are logged."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class SlackDoor:
    """Passes valid requests to Bolt. Safe to share between threads; blocks until Bolt answers."""

    def __init__(self, app: App, *, signing_secret: str, clock: Clock) -> None:
        self._app = app
        self._secret = signing_secret.encode()
        self._clock = clock

    def __call__(self, headers: Mapping[str, str], body: bytes) -> DoorAnswer:
        lowered = {name.lower(): value for name, value in headers.items()}
        try:
            self._check_sender(lowered, body)
            kind, fields = _read(lowered.get("content-type", ""), body)
            payload_shape.check(fields)
        except Rejected as rejected:
            log.warning(
                "slack.door_refused", extra={"reason": rejected.reason, "status": rejected.status}
            )
            return DoorAnswer(
                rejected.status, {"content-type": "text/plain"}, rejected.reason.encode()
            )
        except payload_shape.PayloadError:
            log.warning("slack.door_refused", extra={"reason": "shape", "status": 400})
            return DoorAnswer(400, {"content-type": "text/plain"}, b"shape")
        return self._dispatch(lowered, kind, fields)

    def _check_sender(self, headers: Mapping[str, str], body: bytes) -> None:
        if len(body) > MAX_BYTES:
            raise Rejected(413, "size")
        timestamp = headers.get("x-slack-request-timestamp", "")
        if not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > 12:
            raise Rejected(401, "timestamp")
        age = self._clock.now().timestamp() - int(timestamp)
        if abs(age) > MAX_AGE.total_seconds():
            raise Rejected(401, "timestamp")
        signed = b"v0:" + timestamp.encode() + b":" + body
        expected = "v0=" + hmac.new(self._secret, signed, hashlib.sha256).hexdigest()
        signature = headers.get("x-slack-signature", "")
        if not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace")):
            raise Rejected(401, "signature")

    def _dispatch(
        self, headers: Mapping[str, str], kind: str, fields: dict[str, Any]
    ) -> DoorAnswer:
        """Encode the checked fields again, as Bolt expects them."""
        if kind == JSON:
            text = json.dumps(fields)
        elif "type" in fields:
            text = urlencode({"payload": json.dumps(fields)})
        else:
            text = urlencode(fields)
        retry_headers = {
            name: [value] for name, value in headers.items() if name.startswith("x-slack-retry")
        }
        request = BoltRequest(body=text, headers={"content-type": [kind], **retry_headers})
        answer = self._app.dispatch(request)
        return DoorAnswer(
            status=answer.status,
            headers={"content-type": answer.first_headers().get("content-type", "text/plain")},
            body=(answer.body or "").encode(),
        )


def _read(content_type: str, body: bytes) -> tuple[str, dict[str, Any]]:
    """The body's content type, and its fields: of JSON, of a form, or of a form's payload."""
    kind = content_type.partition(";")[0].strip().lower()
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise Rejected(400, "encoding") from None
    if kind == JSON:
        return JSON, _object(text)
    if kind != FORM:
        raise Rejected(415, "content-type")
    try:
        fields = dict(
            parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
        )
    except ValueError:
        raise Rejected(400, "form") from None
    if "payload" in fields:
        return FORM, _object(fields["payload"])
    return FORM, {name: value for name, value in fields.items() if name != "type"}


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise Rejected(400, "json") from None
    if not isinstance(value, dict):
        raise Rejected(400, "json")
    return value
