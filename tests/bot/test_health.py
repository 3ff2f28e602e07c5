"""The health server: liveness and readiness over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from bot.process.health import HealthServer
from bot.process.listening import CannotBindError


class Process:
    def __init__(self) -> None:
        self.is_alive = self.is_ready = True


@pytest.fixture
def process() -> Process:
    return Process()


@pytest.fixture
def health(process: Process) -> Iterator[HealthServer]:
    server = HealthServer(
        "worker",
        port=0,
        alive=lambda: process.is_alive,
        ready=lambda: process.is_ready,
        metrics=lambda: b"countersign_phases_running 2.0\n",
    )
    yield server
    server.stop()


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_health_reports_liveness_and_ready_reports_readiness(
    health: HealthServer, process: Process, host: str
) -> None:
    def status_code(path: str) -> int:
        return httpx.get(f"http://{host}:{health.port}{path}", trust_env=False).status_code

    process.is_ready = False
    assert (status_code("/health"), status_code("/ready")) == (200, 503)
    process.is_alive = False
    assert (status_code("/health"), status_code("/ready"), status_code("/")) == (503, 503, 404)


def test_a_port_in_use_is_refused_by_its_number(health: HealthServer) -> None:
    with pytest.raises(CannotBindError, match=str(health.port)):
        HealthServer(
            "worker",
            port=health.port,
            alive=lambda: True,
            ready=lambda: True,
            metrics=lambda: b"",
        )


def test_the_metrics_of_a_process_are_on_the_same_port(health: HealthServer) -> None:
    answer = httpx.get(f"http://127.0.0.1:{health.port}/metrics", trust_env=False)
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert answer.text == "countersign_phases_running 2.0\n"
