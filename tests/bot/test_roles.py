"""The processes by themselves: who does what is due, how one ends, and how others see that."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from bot import scheduler
from bot.process.health import HealthServer
from bot.process.listening import CannotBindError
from bot.process.systemd import Systemd
from bot.scheduler import Scheduler, Tick
from tests.bot.conftest import CREWS
from tests.support.prefork_server import PreforkServer
from tests.support.processes import ROOT, BotProcess, wait_until

HASTY = CREWS.replace("after: write,", "after: write, timeout: 1s, on_timeout: continue,")


def test_each_role_does_its_part_and_a_worker_ends_what_it_runs_before_it_goes(
    note_folder: Path, launchpad: PreforkServer
) -> None:
    crews = note_folder / "crews.yml"
    crews.write_text(HASTY)
    watched = {"COUNTERSIGN_HEALTH_PORT": "0"}
    patient = {**watched, "COUNTERSIGN_GRACE_SECONDS": "60"}
    serve = BotProcess(
        note_folder,
        workers=0,
        crews_file=crews,
        options=["--no-scheduler"],
        launchpad=launchpad,
    )
    worker = BotProcess(
        note_folder,
        workers=1,
        crews_file=crews,
        command="worker",
        env=patient,
        launchpad=launchpad,
    )
    ticking = BotProcess(
        note_folder,
        workers=None,
        crews_file=note_folder / "not-needed.yml",
        command="scheduler",
        env=watched,
        launchpad=launchpad,
    )
    with serve, worker:
        run = serve.http.post("/api/crew/execute", json={"message": "m"}).json()["execution_id"]
        waits = f"/api/crew/checkpoint/{run}"
        serve.until(lambda: serve.http.get(waits).status_code == 200, what="the checkpoint")
        (note_folder / "hold").touch()
        overdue = time.monotonic() + 2.5  # the time of two ticks, in a process that has them
        serve.until(lambda: time.monotonic() > overdue, what="the deadline is over")
        assert serve.http.get(waits).status_code == 200
        with ticking:
            for process, role in ((worker, "worker"), (ticking, "scheduler")):
                for path, word in (("/health", "healthy"), ("/ready", "ready")):
                    told = httpx.get(health_of(process) + path, trust_env=False)
                    assert (told.status_code, told.json()) == (200, {"status": word, "role": role})
            serve.until(lambda: serve.http.get(waits).status_code == 204, what="the deadline")
            worker.until(lambda: runs_note(worker), what="the next phase")
            worker.process.send_signal(signal.SIGTERM)
            worker.until(
                lambda: "worker.stopping phases=1 grace_s=60" in worker.log_text,
                what="what it waits for stands in the log",
            )
            assert httpx.get(f"{health_of(worker)}/ready", trust_env=False).status_code == 503
            (note_folder / "hold").unlink()
            worker.until(lambda: worker.process.poll() == 0, what="the worker ends")
            assert ticking.stop() == 0
        status = serve.http.get(f"/api/crew/status/{run}").json()["status"]

    assert status == "completed"
    assert "outcome=PhaseOutput" in worker.log_text.splitlines()[-2]
    assert "scheduler.stopped" in ticking.log_text


def test_only_what_serves_loads_what_serving_needs() -> None:
    asked = (
        "import sys, bot.process.roles\n"
        "print([m for m in ('fastapi', 'uvicorn', 'slack_sdk', 'crewai') if m in sys.modules])"
    )
    told = subprocess.run(
        [sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert told.stdout == "[]\n"


def health_of(process: BotProcess) -> str:
    found = re.search(r"started .*health_port=(\d+)", process.log_text)
    assert found, process.log_text
    return f"http://127.0.0.1:{found[1]}"


def runs_note(process: BotProcess) -> bool:
    return any("note.py" in " ".join(child.cmdline()) for child in process.family())


# --- health -------------------------------------------------------------------------------------


class Vitals:
    def __init__(self) -> None:
        self.is_alive = self.is_ready = True


@pytest.fixture
def vitals() -> Vitals:
    return Vitals()


@pytest.fixture
def health(vitals: Vitals) -> Iterator[HealthServer]:
    server = HealthServer(
        "worker", port=0, alive=lambda: vitals.is_alive, ready=lambda: vitals.is_ready
    )
    yield server
    server.stop()


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_health_is_whether_it_moves_and_ready_whether_it_can_work(
    health: HealthServer, vitals: Vitals, host: str
) -> None:
    def asked(path: str) -> int:
        return httpx.get(f"http://{host}:{health.port}{path}", trust_env=False).status_code

    vitals.is_ready = False
    assert (asked("/health"), asked("/ready")) == (200, 503)
    vitals.is_alive = False
    assert (asked("/health"), asked("/ready"), asked("/")) == (503, 503, 404)


def test_a_taken_health_port_is_told(health: HealthServer) -> None:
    with pytest.raises(CannotBindError, match=str(health.port)):
        HealthServer("worker", port=health.port, alive=lambda: True, ready=lambda: True)


def test_systemd_is_told_of_the_start_of_life_and_of_the_end(
    tmp_path: Path, vitals: Vitals
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        address = str(tmp_path / "notify")
        listening.bind(address)
        listening.settimeout(10)
        systemd = Systemd(address, watchdog=0.1, alive=lambda: vitals.is_alive)
        systemd.ready()
        assert [listening.recv(100) for _ in range(3)] == [b"READY=1", *[b"WATCHDOG=1"] * 2]
        vitals.is_alive = False
        systemd.stopping()
        said = _until_quiet(listening)
        systemd.stop()

    assert said[-1] == b"STOPPING=1" or said[-2:] == [b"STOPPING=1", b"WATCHDOG=1"]


def _until_quiet(listening: socket.socket) -> list[bytes]:
    """What is said until nothing comes for the time of six signs of life."""
    listening.settimeout(0.3)
    said: list[bytes] = []
    try:
        while len(said) < 20:
            said.append(listening.recv(100))
    except TimeoutError:
        return said
    return said


def test_without_systemd_nobody_is_told() -> None:
    systemd = Systemd(None, watchdog=None, alive=lambda: True)
    systemd.ready()
    systemd.stopping()
    systemd.stop()


def test_a_clockwork_with_a_tick_that_hangs_is_not_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler, "STUCK_SECONDS", 0.2)
    go = threading.Event()
    ticking = Scheduler([Tick("hangs", timedelta(hours=1), lambda: go.wait(20))])

    def lives() -> bool:
        return ticking.alive

    assert not lives()
    ticking.start()
    assert lives()
    wait_until(lambda: not lives(), within=10, what="it is taken for stuck")
    go.set()
    wait_until(lives, within=10, what="it lives again")
    ticking.stop()
    assert not lives()
