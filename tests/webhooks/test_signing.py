"""The headers of each format, as the documents of their inventors say."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import replace

from bot.webhooks.signing import headers
from storage.webhooks import Webhook, WebhookFormat, WebhookPurpose
from tests.webhooks.receivers import SECRET
from tests.webhooks.test_connections import DELIVERY

BODY = b'{"a":1}'
AMP = Webhook("w", "e", WebhookFormat.AMP, WebhookPurpose.HUMAN_INPUT, "https://amp.example/")


def test_the_example_of_the_specification() -> None:
    """From the specification of Standard Webhooks and its libraries' own tests."""
    webhook = Webhook(
        "w", "e", WebhookFormat.STANDARD, WebhookPurpose.EVENTS, "", {"secret": SECRET}
    )
    message = replace(DELIVERY, id="msg_p5jXN8AQM9LWM0D4loKWxJek")

    signed = headers(webhook, message, b'{"test": 2432232314}', at=1614265330)

    assert signed == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_amp_signs_with_the_secret_as_it_is_written() -> None:
    signed = headers(replace(AMP, secrets={"secret": SECRET}), DELIVERY, BODY, at=1614265330)

    expected = hmac.new(SECRET.encode(), b"1614265330." + BODY, hashlib.sha256).hexdigest()
    assert signed == {
        "X-CrewAI-Timestamp": "1614265330",
        "X-CrewAI-Signature": f"sha256={expected}",
    }


def test_amp_authenticates_as_the_client_said() -> None:
    bearer = replace(AMP, secrets={"strategy": "bearer", "token": "t0k"})
    basic = replace(AMP, secrets={"strategy": "basic", "username": "ana", "password": "pä:ss"})

    assert headers(bearer, DELIVERY, BODY, at=1) == {"Authorization": "Bearer t0k"}
    authorization = headers(basic, DELIVERY, BODY, at=1)["Authorization"]
    assert base64.b64decode(authorization.removeprefix("Basic ")).decode() == "ana:pä:ss"
