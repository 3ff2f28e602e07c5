"""Secrets at rest: keys are replaced one by one, and what was stored before stays readable."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet

from bot.webhooks.encryption import BadKey, cipher, parse_keys
from storage.ports import Undecipherable

OLD, NEW, OTHER = (Fernet.generate_key().decode() for _ in range(3))


def test_what_an_older_key_encrypted_is_read_after_a_new_one_is_added() -> None:
    stored = cipher([OLD]).encrypt("hush")

    assert "hush" not in stored
    assert cipher([NEW, OLD]).decrypt(stored) == "hush"
    assert cipher([NEW]).decrypt(cipher([NEW, OLD]).encrypt("hush")) == "hush"


def test_what_was_stored_without_keys_stays_readable() -> None:
    assert cipher([NEW]).decrypt(cipher([]).encrypt("hush")) == "hush"


@pytest.mark.parametrize("keys", [[], [OTHER]])
def test_without_the_right_key_nothing_is_read(keys: list[str]) -> None:
    with pytest.raises(Undecipherable):
        cipher(keys).decrypt(cipher([OLD]).encrypt("hush"))


def test_what_the_newest_key_encrypted_can_be_told_from_the_rest() -> None:
    newest = cipher([NEW, OLD])

    assert newest.encrypt("hush").startswith(newest.mark)
    assert not cipher([OLD]).encrypt("hush").startswith(newest.mark)
    assert cipher([]).mark == ""


def test_keys_are_separated_by_commas() -> None:
    assert parse_keys(f" {NEW}, {OLD},") == (NEW, OLD)
    assert parse_keys("") == ()


@pytest.mark.parametrize(
    "key", ["hush", "A" * 60, "ä" * 44, NEW[:-4]], ids=["word", "long", "umlauts", "short"]
)
def test_a_bad_key_is_refused_by_its_number_and_not_shown(key: str) -> None:
    with pytest.raises(BadKey, match="key 2 is no Fernet key") as refused:
        parse_keys(f"{OLD},{key}")

    assert key not in str(refused.value)
