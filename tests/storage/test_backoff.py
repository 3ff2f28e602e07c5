"""How long to wait after failures, and when a call is tried again."""

from __future__ import annotations

import threading
import time

import pytest

from storage.backoff import Backoff, retrying_until

AT_ONCE = Backoff(first=0.0, longest=0.0)


def test_waits_double_up_to_the_longest() -> None:
    backoff = Backoff(first=0.5, longest=3.0)

    assert [backoff.after(failures) for failures in (1, 2, 3, 4, 5000)] == [0.5, 1.0, 2.0, 3.0, 3.0]


def test_a_call_is_retried_only_on_the_given_error() -> None:
    errors = iter([ConnectionError("first"), ConnectionError("second")])

    def call() -> str:
        for error in errors:
            raise error
        return "done"

    assert retrying_until(threading.Event(), AT_ONCE, on=ConnectionError)(call) == "done"
    with pytest.raises(ConnectionError, match="third"):
        retrying_until(threading.Event(), AT_ONCE, on=KeyError)(_fail, ConnectionError("third"))


def test_the_last_error_is_raised_when_no_try_is_left() -> None:
    calls: list[Exception] = []

    with pytest.raises(ConnectionError):
        retrying_until(threading.Event(), AT_ONCE, on=ConnectionError, tries=3)(
            _fail, ConnectionError(), calls
        )
    assert len(calls) == 3


def test_stopping_ends_the_wait() -> None:
    stopping = threading.Event()
    began = time.monotonic()
    threading.Timer(0.1, stopping.set).start()

    with pytest.raises(ConnectionError):
        retrying_until(stopping, Backoff(first=60.0, longest=60.0), on=ConnectionError)(
            _fail, ConnectionError()
        )
    assert time.monotonic() - began < 30


def _fail(error: Exception, calls: list[Exception] | None = None) -> None:
    if calls is not None:
        calls.append(error)
    raise error
