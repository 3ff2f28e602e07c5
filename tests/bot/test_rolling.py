"""Processes that are replaced one after another, as an upgrade does, while work goes on."""

from __future__ import annotations

import signal
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.support.postgres import Server
from tests.support.prefork_server import PreforkServer
from tests.support.processes import ROOT, BotProcess

pytestmark = pytest.mark.slow

RUNS = 5

CREWS = """
crews:
  letter:
    command: [{python}, {program}]
    env: {{BEGAN: {folder}/began, GO: {folder}/go}}
    phases: [{{name: draft}}, {{name: send}}]
    checkpoints:
      - {{name: after_draft, after: draft, approvers: ["@channel"]}}
"""


@pytest.mark.parametrize("database", ["postgresql"])
def test_a_rolling_restart_loses_no_run_and_begins_no_phase_twice(
    database: str, server: Server, launchpad: PreforkServer, tmp_path: Path
) -> None:
    crews = tmp_path / "crews.yml"
    program = ROOT / "tests" / "queues" / "program.py"
    crews.write_text(CREWS.format(python=sys.executable, program=program, folder=tmp_path))
    env = {"DATABASE_URL": server.database(), "COUNTERSIGN_GRACE_SECONDS": "60"}
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
    first, second = (
        BotProcess(folder, env=env, crews_file=crews, launchpad=launchpad) for folder in folders
    )
    go = tmp_path / "go"

    def begun() -> Counter[str]:
        written = tmp_path / "began"
        return Counter(written.read_text().splitlines() if written.exists() else [])

    def leave(leaving: BotProcess, *, after: int) -> None:
        """While it and the other one have phases in hand."""
        leaving.until(lambda: begun().total() >= after + 4, what="both work")
        leaving.process.send_signal(signal.SIGTERM)
        leaving.until(lambda: "serve.stopping phases=2" in leaving.log_text, what="it says so")
        go.touch()
        leaving.until(lambda: leaving.process.poll() is not None, what="the end", within=60)
        assert leaving.process.returncode == 0

    def counted(what: str) -> object:
        return first.http.get("/health").json()[what]

    def status(run: str) -> object:
        return first.http.get(f"/api/crew/status/{run}").json()["status"]

    with first, second:
        runs = []
        for number in range(RUNS):
            taking = (first, second)[number % 2]
            asked = {"message": f"wait-{number}", "crew": "letter"}
            answer = taking.http.post("/api/crew/execute", json=asked)
            runs.append(answer.json()["execution_id"])
        leave(first, after=0)
        first.start()
        first.until(lambda: counted("pending_checkpoints") == RUNS, what="all wait")
        go.unlink()
        for number, run in enumerate(runs):
            asking = (first, second)[number % 2]
            waiting = asking.http.get(f"/api/crew/checkpoint/{run}").json()["checkpoint_id"]
            decision = {"execution_id": run, "checkpoint_id": waiting, "action": "continue"}
            assert asking.http.post("/api/crew/feedback", json=decision).status_code == 200
        leave(second, after=RUNS)
        first.until(lambda: counted("active_executions") == 0, what="all are done")
        assert {status(run) for run in runs} == {"completed"}
        assert first.stop() == 0

    phases = [f"wait-{number} {phase}" for number in range(RUNS) for phase in ("draft", "send")]
    assert begun() == Counter(phases)
    assert "Traceback" not in first.log_text + second.log_text
