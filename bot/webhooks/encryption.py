"""Encrypts webhooks' secrets at rest, with the keys in COUNTERSIGN_ENCRYPTION_KEYS."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Final

from storage.ports import ENCRYPTED, NO_CIPHER, Cipher, Undecipherable

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

_KEY_BYTES: Final = 32


class BadKey(ValueError):
    """A key is none of Fernet's. The message does not show it."""


def parse_keys(text: str) -> tuple[str, ...]:
    """Fernet keys, separated by commas. Raises BadKey."""
    keys = tuple(filter(None, (key.strip() for key in text.split(","))))
    for number, key in enumerate(keys, 1):
        try:
            raw = base64.urlsafe_b64decode(key.encode())
        except (binascii.Error, ValueError):
            raw = b""
        if len(raw) != _KEY_BYTES:
            raise BadKey(
                f"key {number} is no Fernet key: expected 32 bytes in URL-safe base64, such as "
                "`openssl rand -base64 32 | tr +/ -_` prints"
            )
    return keys


def cipher(keys: Sequence[str]) -> Cipher:
    """The cipher with these keys, the newest first. Without keys, secrets stay as they are."""
    return FernetCipher(keys) if keys else NO_CIPHER


class FernetCipher:
    """Encrypts with the first key and decrypts with any. Reads what was stored without keys, too.

    cryptography is imported on the first use: the bot starts faster without it.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = tuple(keys)
        newest = hashlib.sha256(self._keys[0].encode()).hexdigest()
        self.mark = f"{ENCRYPTED}{newest[:8]}:"

    @cached_property
    def _fernet(self) -> MultiFernet:
        from cryptography.fernet import Fernet, MultiFernet

        return MultiFernet([Fernet(key) for key in self._keys])

    def encrypt(self, text: str) -> str:
        return self.mark + self._fernet.encrypt(text.encode()).decode()

    def decrypt(self, stored: str) -> str:
        if not stored.startswith(ENCRYPTED):
            return stored
        from cryptography.fernet import InvalidToken

        try:
            return self._fernet.decrypt(stored.rpartition(":")[2].encode()).decode()
        except InvalidToken:
            raise Undecipherable from None
