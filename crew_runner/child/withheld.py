"""What a crew must not get from the bot: values that are secret, and files."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_DIGEST_BYTES: Final = 6
"""Enough to tell a secret from other values; too few to confirm a guess at a short password."""


@dataclass(frozen=True, slots=True)
class Withheld:
    """`digests` are salted digests of the bot's secrets, `files` the paths of its settings and its
    database. The child gets these and never the secrets.
    """

    salt: str = ""
    digests: tuple[str, ...] = ()
    files: tuple[str, ...] = ()

    @classmethod
    def of(cls, values: Iterable[str], files: Iterable[str] = ()) -> Withheld:
        salt = secrets.token_hex(16)
        return cls(salt, tuple(_digest(salt, value) for value in values if value), tuple(files))

    def __contains__(self, value: object) -> bool:
        """Whether the value is one of the secrets."""
        if not self.digests or not isinstance(value, str) or not value:
            return False
        return _digest(self.salt, value) in self.digests


def _digest(salt: str, value: str) -> str:
    text = value.encode(errors="backslashreplace")
    return hashlib.blake2b(text, key=salt.encode(), digest_size=_DIGEST_BYTES).hexdigest()
