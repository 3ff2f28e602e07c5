"""The roles in processes of their own: what each does, how it stops, what its health says."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx

from tests.bot.conftest import CREWS, runs_note
from tests.support.prefork_server import PreforkServer
from tests.support.processes import ROOT, BotProcess

HASTY = CREWS.replace("after: write,", "after: write, timeout: 1s, on_timeout: continue,")


def test_each_role_does_its_part_and_a_worker_finishes_its_phase_before_it_stops(
    note_folder: Path, prefork_server: PreforkServer
) -> None:
    crews = note_folder / "crews.yml"
    crews.write_text(HASTY)
    with_health = {"COUNTERSIGN_HEALTH_PORT": "0"}
    serve = BotProcess(
        note_folder,
        workers=0,
        crews_file=crews,
        options=["--no-scheduler"],
        prefork_server=prefork_server,
    )
    worker = BotProcess(
        note_folder,
        workers=1,
        crews_file=crews,
        command="worker",
        env={**with_health, "COUNTERSIGN_GRACE_SECONDS": "60"},
        prefork_server=prefork_server,
    )
    scheduler = BotProcess(
        note_folder,
        workers=None,
        crews_file=note_folder / "not-needed.yml",
        command="scheduler",
        env=with_health,
        prefork_server=prefork_server,
    )
    with serve, worker:
        run = serve.http.post("/api/crew/execute", json={"message": "m"}).json()["execution_id"]
        checkpoint = f"/api/crew/checkpoint/{run}"
        serve.until(lambda: serve.http.get(checkpoint).status_code == 200, what="the checkpoint")
        (note_folder / "hold").touch()
        overdue = time.monotonic() + 2.5  # a scheduler would have ticked twice
        serve.until(lambda: time.monotonic() > overdue, what="the deadline has passed")
        assert serve.http.get(checkpoint).status_code == 200
        with scheduler:
            for process, role in ((worker, "worker"), (scheduler, "scheduler")):
                for path, status in (("/health", "healthy"), ("/ready", "ready")):
                    answer = httpx.get(health_address(process) + path, trust_env=False)
                    assert answer.status_code == 200
                    assert answer.json() == {"status": status, "role": role}
            serve.until(lambda: serve.http.get(checkpoint).status_code == 204, what="the deadline")
            worker.until(lambda: runs_note(worker), what="the next phase")
            worker.process.send_signal(signal.SIGTERM)
            worker.until(
                lambda: "worker.stopping phases=1 grace_s=60" in worker.log_text,
                what="the log says what it waits for",
            )
            assert httpx.get(f"{health_address(worker)}/ready", trust_env=False).status_code == 503
            (note_folder / "hold").unlink()
            worker.until(lambda: worker.process.poll() == 0, what="the worker exits")
            assert scheduler.stop() == 0
        state = serve.http.get(f"/api/crew/status/{run}").json()["status"]

    assert state == "completed"
    assert "outcome=PhaseOutput" in worker.log_text.splitlines()[-2]
    assert "scheduler.stopped" in scheduler.log_text


def test_only_serve_loads_the_libraries_that_serving_needs() -> None:
    program = (
        "import sys, bot.process.roles\n"
        "print([m for m in ('fastapi', 'uvicorn', 'slack_sdk', 'crewai') if m in sys.modules])"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert finished.stdout == "[]\n"


def health_address(process: BotProcess) -> str:
    match = re.search(r"started .*health_port=(\d+)", process.log_text)
    assert match, process.log_text
    return f"http://127.0.0.1:{match[1]}"
