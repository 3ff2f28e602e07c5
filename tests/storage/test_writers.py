"""Writers of one process take turns at a SQLite file."""

from __future__ import annotations

import threading
import time

from sqlalchemy import Engine

from storage.db.database import writing
from storage.db.engines import WRITE_LOCK
from storage.db.fair_lock import FairLock


def test_who_has_just_written_lets_those_write_who_waited_before_writing_again(
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


def test_turns_are_taken_in_the_order_in_which_they_were_asked_for() -> None:
    turns, order = FairLock(), []
    assert turns.acquire(timeout=0)

    def take(number: int) -> None:
        assert turns.acquire(timeout=10)
        order.append(number)
        turns.release()

    threads = []
    for number in range(5):
        threads.append(threading.Thread(target=take, args=(number,)))
        threads[-1].start()
        _until_waiting(turns, number + 1)
    turns.release()
    for thread in threads:
        thread.join()

    assert order == [0, 1, 2, 3, 4]


def test_who_gave_up_waiting_is_passed_over() -> None:
    turns = FairLock()
    assert turns.acquire(timeout=0)

    assert not turns.acquire(timeout=0.01)
    turns.release()

    assert turns.acquire(timeout=0)


def _until_waiting(turns: FairLock, many: int) -> None:
    deadline = time.monotonic() + 10
    while turns.waiting < many:
        assert time.monotonic() < deadline, "nobody waits"
        time.sleep(0.001)
