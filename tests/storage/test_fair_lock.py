"""Writers of one process queue for a SQLite file."""

from __future__ import annotations

import threading
import time

from sqlalchemy import Engine

from storage.db.database import writing
from storage.db.engines import WRITE_LOCK
from storage.db.fair_lock import FairLock


def test_a_writer_that_waited_goes_before_one_that_has_just_written(
    sqlite: Engine,
) -> None:
    order = []

    def write() -> None:
        with writing(sqlite):
            order.append("who waited")

    waiting = threading.Thread(target=write)
    with writing(sqlite):
        waiting.start()
        _until_waiting(sqlite.get_execution_options()[WRITE_LOCK], 1)
    with writing(sqlite):
        order.append("who had written")
    waiting.join()

    assert order == ["who waited", "who had written"]


def test_waiters_get_the_lock_in_the_order_in_which_they_came() -> None:
    lock, order = FairLock(), []
    assert lock.acquire(timeout=0)

    def acquire(number: int) -> None:
        assert lock.acquire(timeout=10)
        order.append(number)
        lock.release()

    threads = []
    for number in range(5):
        threads.append(threading.Thread(target=acquire, args=(number,)))
        threads[-1].start()
        _until_waiting(lock, number + 1)
    lock.release()
    for thread in threads:
        thread.join()

    assert order == [0, 1, 2, 3, 4]


def test_a_waiter_that_gave_up_is_skipped() -> None:
    lock = FairLock()
    assert lock.acquire(timeout=0)

    assert not lock.acquire(timeout=0.01)
    lock.release()

    assert lock.acquire(timeout=0)


def _until_waiting(lock: FairLock, number: int) -> None:
    deadline = time.monotonic() + 10
    while lock.waiting < number:
        assert time.monotonic() < deadline, "no thread waits"
        time.sleep(0.001)
