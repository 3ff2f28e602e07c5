"""Celery with Redis: a phase is a task, and the decision sends the next one.

Celery has no pause: a run waits as a task's result in Redis, and the decision passes it to the next
task. Redis appends every write to its log and flushes it before it answers (`appendfsync always`).
Messages are acknowledged when the task has ended. The worker is a separate process, as always with
Celery, with one slot in its own thread, the fastest of its pools.
"""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any, Final

from celery import Celery

from tests.peers.peer import PHASES, TEXT, Cycle

APP: Final = Celery("peers")
APP.conf.update(
    task_acks_late=True,
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
    worker_hijack_root_logger=False,
    result_expires=3600,
)


def phase(outputs: list[str]) -> dict[str, Any]:
    began = time.monotonic()
    return {"began": began, "outputs": [*outputs, TEXT]}


PHASE: Final[Any] = APP.task(name="phase")(phase)


class CeleryOnRedis:
    def __init__(self, url: str) -> None:
        _connect(url)
        self._worker = subprocess.Popen(
            [sys.executable, "-m", "tests.peers.celery_redis", url],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._outputs: dict[str, list[str]] = {}

    def park(self) -> str:
        sent = PHASE.delay([])
        self._outputs[sent.id] = sent.get(timeout=60)["outputs"]
        return str(sent.id)

    def cycle(self, run: str) -> Cycle:
        decided = time.monotonic()
        result = PHASE.delay(self._outputs[run]).get(timeout=30)
        whole = time.monotonic() - decided
        self._outputs[run] = result["outputs"]
        assert len(result["outputs"]) <= len(PHASES), result
        return Cycle(result["began"] - decided, whole)

    def close(self) -> None:
        self._worker.terminate()
        self._worker.wait()


def _connect(url: str) -> None:
    """`url`: the path of Redis's socket."""
    APP.conf.update(broker_url=f"redis+socket://{url}", result_backend=f"redis+socket://{url}")


if __name__ == "__main__":
    _connect(sys.argv[1])
    APP.worker_main(
        ["worker", "--pool=solo", "--without-gossip", "--without-mingle", "-l", "error"]
    )
