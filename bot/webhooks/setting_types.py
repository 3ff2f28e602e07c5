"""What the settings of webhooks accept, as types of pydantic."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_settings import NoDecode

from bot.webhooks.addresses import AllowedAddresses, parse_networks
from bot.webhooks.encryption import parse_keys


def _allowed(value: object) -> object:
    return AllowedAddresses(parse_networks(value)) if isinstance(value, str) else value


def _keys(keys: SecretStr) -> SecretStr:
    parse_keys(keys.get_secret_value())
    return keys


WebhookAddresses: TypeAlias = Annotated[AllowedAddresses, NoDecode, BeforeValidator(_allowed)]
"""Public addresses, and the networks that the variable lists."""

EncryptionKeys: TypeAlias = Annotated[SecretStr, AfterValidator(_keys)]
"""Fernet keys, separated by commas."""
