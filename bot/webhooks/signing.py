"""The headers that sign and authenticate a webhook's requests. Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping

from storage.webhooks import Delivery, Webhook, WebhookFormat, signing_key


def headers(webhook: Webhook, delivery: Delivery, body: bytes, *, at: int) -> dict[str, str]:
    """The headers of one attempt at `at`, in Unix seconds."""
    match webhook.format:
        case WebhookFormat.STANDARD:
            return _standard(webhook.secrets, delivery.id, body, at)
        case WebhookFormat.AMP:
            return _amp(webhook.secrets, body, at) | _authentication(webhook.secrets)


def _standard(secrets: Mapping[str, str], delivery_id: str, body: bytes, at: int) -> dict[str, str]:
    """Signed with each secret, the newest first, so that a secret can be replaced."""
    signed = f"{delivery_id}.{at}.".encode() + body
    signatures = [
        "v1," + base64.b64encode(_hmac(signing_key(secrets[name]), signed).digest()).decode()
        for name in ("secret", "previous_secret")
        if name in secrets
    ]
    return {
        "webhook-id": delivery_id,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(signatures),
    }


def _amp(secrets: Mapping[str, str], body: bytes, at: int) -> dict[str, str]:
    """AMP's signature, whose key is the secret as it is written."""
    if "secret" not in secrets:
        return {}
    signature = _hmac(secrets["secret"].encode(), f"{at}.".encode() + body).hexdigest()
    return {"X-CrewAI-Timestamp": str(at), "X-CrewAI-Signature": f"sha256={signature}"}


def _authentication(secrets: Mapping[str, str]) -> dict[str, str]:
    match secrets.get("strategy"):
        case "bearer":
            return {"Authorization": f"Bearer {secrets.get('token', '')}"}
        case "basic":
            pair = f"{secrets.get('username', '')}:{secrets.get('password', '')}".encode()
            return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
        case _:
            return {}


def _hmac(key: bytes, signed: bytes) -> hmac.HMAC:
    return hmac.new(key, signed, hashlib.sha256)
