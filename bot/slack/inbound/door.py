"""The HTTP door: what comes in at the request URL, looked at before anything acts on it.

Size, time and signature are checked before a byte is parsed; then the form of the body.
Whatever is wrong gets a 4xx with one word, and nothing of a body is ever logged.
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

MOST_BYTES: Final = 1024 * 1024
MOST_AGE: Final = timedelta(minutes=5)
MOST_FIELDS: Final = 100
JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"


class Refused(Exception):
    """`status` and one word; the word is all that the log gets."""

    def __init__(self, status: int, word: str) -> None:
        super().__init__(word)
        self.status = status
        self.word = word


class SlackDoor:
    """Calls Bolt with what passed. Safe to share between threads; blocks until Bolt answers."""

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
        except Refused as refused:
            log.warning(
                "slack.door_refused", extra={"reason": refused.word, "status": refused.status}
            )
            return DoorAnswer(refused.status, {"content-type": "text/plain"}, refused.word.encode())
        except payload_shape.PayloadError:
            log.warning("slack.door_refused", extra={"reason": "shape", "status": 400})
            return DoorAnswer(400, {"content-type": "text/plain"}, b"shape")
        return self._dispatch(lowered, kind, fields)

    def _check_sender(self, headers: Mapping[str, str], body: bytes) -> None:
        if len(body) > MOST_BYTES:
            raise Refused(413, "size")
        stamp = headers.get("x-slack-request-timestamp", "")
        if not stamp.isascii() or not stamp.isdigit() or len(stamp) > 12:
            raise Refused(401, "timestamp")
        age = self._clock.now().timestamp() - int(stamp)
        if abs(age) > MOST_AGE.total_seconds():
            raise Refused(401, "timestamp")
        signed = b"v0:" + stamp.encode() + b":" + body
        expected = "v0=" + hmac.new(self._secret, signed, hashlib.sha256).hexdigest()
        given = headers.get("x-slack-signature", "")
        if not hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace")):
            raise Refused(401, "signature")

    def _dispatch(
        self, headers: Mapping[str, str], kind: str, fields: dict[str, Any]
    ) -> DoorAnswer:
        """Bolt gets the fields that were checked, in the form that it expects them in."""
        if kind == JSON:
            text = json.dumps(fields)
        elif "type" in fields:
            text = urlencode({"payload": json.dumps(fields)})
        else:
            text = urlencode(fields)
        passed = {
            name: [value] for name, value in headers.items() if name.startswith("x-slack-retry")
        }
        request = BoltRequest(body=text, headers={"content-type": [kind], **passed})
        answer = self._app.dispatch(request)
        return DoorAnswer(
            status=answer.status,
            headers={"content-type": answer.first_headers().get("content-type", "text/plain")},
            body=(answer.body or "").encode(),
        )


def _read(content_type: str, body: bytes) -> tuple[str, dict[str, Any]]:
    """The kind of body, and its fields: of JSON, of a form, or of a form's payload."""
    kind = content_type.partition(";")[0].strip().lower()
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused(400, "encoding") from None
    if kind == JSON:
        return JSON, _object(text)
    if kind != FORM:
        raise Refused(415, "content-type")
    try:
        fields = dict(
            parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict")
        )
    except ValueError:
        raise Refused(400, "form") from None
    if "payload" in fields:
        return FORM, _object(fields["payload"])
    return FORM, {name: value for name, value in fields.items() if name != "type"}


def _object(text: str) -> dict[str, Any]:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        raise Refused(400, "json") from None
    if not isinstance(said, dict):
        raise Refused(400, "json")
    return said
