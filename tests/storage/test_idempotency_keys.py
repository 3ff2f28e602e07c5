"""Of several requests with one key, one is carried out; on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from storage.errors import KeyOfAnotherRequest, KeyUnderWay
from storage.idempotency import Answer, KeyLock
from storage.idempotency_keys import LOCK, IdempotencyKeys
from tests.support.factories import SettableClock

DONE = Answer(200, {"content-type": "application/json"}, '{"a": "ü"}')


@pytest.fixture
def keys(engine: Engine, clock: SettableClock) -> IdempotencyKeys:
    return IdempotencyKeys(engine, clock=clock)


def begin(keys: IdempotencyKeys, request_hash: str = "h") -> KeyLock | Answer:
    return keys.begin(caller="cs_1", key="k", request_hash=request_hash)


def lock(keys: IdempotencyKeys) -> KeyLock:
    locked = begin(keys)
    assert isinstance(locked, KeyLock)
    return locked


def test_of_many_at_once_one_goes_first(keys: IdempotencyKeys) -> None:
    def attempt(_: int) -> str:
        try:
            return type(begin(keys)).__name__
        except KeyUnderWay:
            return "under way"

    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(attempt, range(8)))

    assert sorted(results) == ["KeyLock", *["under way"] * 7]


def test_the_first_answer_is_kept(keys: IdempotencyKeys) -> None:
    keys.finish(lock(keys), DONE)

    assert begin(keys) == DONE
    with pytest.raises(KeyOfAnotherRequest):
        begin(keys, "another")


def test_a_released_key_is_free_for_any_request(keys: IdempotencyKeys) -> None:
    keys.release(lock(keys))

    assert isinstance(begin(keys, "another"), KeyLock)


def test_who_was_thought_dead_stores_nothing(keys: IdempotencyKeys, clock: SettableClock) -> None:
    slow = lock(keys)
    clock.move(LOCK)
    successor = lock(keys)

    keys.finish(slow, Answer(500, {}, "late"))
    keys.release(slow)
    with pytest.raises(KeyUnderWay):
        begin(keys)

    keys.finish(successor, DONE)
    assert begin(keys) == DONE


def test_old_keys_are_deleted_but_none_that_is_under_way(
    keys: IdempotencyKeys, clock: SettableClock
) -> None:
    lock(keys)
    assert keys.delete_old(older_than=timedelta(0)) == 0

    clock.move(timedelta(hours=49))
    assert keys.delete_old() == 1
