"""Threads that take up one work after another."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from queue import Queue

import pytest

from crew_runner.host.thread_pool import Hands
from tests.support.processes import wait_until


@pytest.fixture
def hands() -> Iterator[Hands]:
    hands = Hands(kept=1)
    yield hands
    hands.let_go()


def test_works_after_one_another_are_done_by_one_thread_and_those_at_once_by_several(
    hands: Hands,
) -> None:
    by: list[threading.Thread] = []
    for name in ("first", "second"):
        hands.begin(lambda: by.append(threading.current_thread()), name)
        assert hands.wait(10)
    assert by[0] is by[1]

    together = threading.Barrier(3, timeout=10)
    for name in ("third", "fourth"):
        hands.begin(together.wait, name)
    together.wait()
    assert hands.wait(10)


def test_a_thread_carries_the_name_of_what_it_does(hands: Hands) -> None:
    names = []
    for name in ("phase-1", "phase-2"):
        hands.begin(lambda: names.append(threading.current_thread().name), name)
        assert hands.wait(10)
    assert names == ["phase-1", "phase-2"]


def test_more_threads_than_are_kept_end_and_none_is_left_when_all_are_let_go() -> None:
    before = set(threading.enumerate())
    hands = Hands(kept=1)
    together = threading.Barrier(4, timeout=10)

    def ours() -> set[threading.Thread]:
        return set(threading.enumerate()) - before

    for name in ("a", "b", "c"):
        hands.begin(together.wait, name)
    assert hands.busy == 3
    together.wait()
    wait_until(lambda: len(ours()) == 1, within=10, what="two threads end")
    hands.let_go()
    wait_until(lambda: not ours(), within=10, what="the last one ends")


def test_a_work_that_breaks_takes_no_other_with_it(
    hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: Queue[threading.ExceptHookArgs] = Queue()
    monkeypatch.setattr(threading, "excepthook", told.put)
    hands.begin(_break, "breaks")
    assert hands.wait(10)
    assert told.get(timeout=10).exc_type is ValueError
    done = threading.Event()
    hands.begin(done.set, "goes on")
    assert done.wait(10)
    assert hands.wait(10)


def test_waiting_ends_where_a_work_does_not(hands: Hands) -> None:
    go = threading.Event()
    hands.begin(go.wait, "long")
    assert not hands.wait(0.01)
    go.set()
    assert hands.wait(10)


def _break() -> None:
    raise ValueError("as a bug would")
