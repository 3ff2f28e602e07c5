"""Processes that are replaced one by one while work goes on, as in a rolling upgrade."""

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
    env: {{STARTED: {folder}/began, GO: {folder}/go}}
    phases: [{{name: draft}}, {{name: send}}]
    checkpoints:
      - {{name: after_draft, after: draft, approvers: ["@channel"]}}
"""


@pytest.mark.parametrize("database", ["postgresql"])
def test_a_rolling_restart_loses_no_run_and_starts_no_phase_twice(
    database: str, server: Server, prefork_server: PreforkServer, tmp_path: Path
) -> None:
    crews = tmp_path / "crews.yml"
    program = ROOT / "tests" / "crew_runner" / "queues" / "program.py"
    crews.write_text(CREWS.format(python=sys.executable, program=program, folder=tmp_path))
    env = {"DATABASE_URL": server.database(), "COUNTERSIGN_GRACE_SECONDS": "60"}
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
    first, second = (
        BotProcess(folder, env=env, crews_file=crews, prefork_server=prefork_server)
        for folder in folders
    )
    go = tmp_path / "go"

    def started_phases() -> Counter[str]:
        began = tmp_path / "began"
        return Counter(began.read_text().splitlines() if began.exists() else [])

    def stop(bot: BotProcess, *, after: int) -> None:
        """Stop it while both have running phases. `after`: how many phases ran before."""
        bot.until(lambda: started_phases().total() >= after + 4, what="both work")
        bot.process.send_signal(signal.SIGTERM)
        bot.until(lambda: "serve.stopping phases=2" in bot.log_text, what="it says so")
        go.touch()
        bot.until(lambda: bot.process.poll() is not None, what="the end", within=60)
        assert bot.process.returncode == 0

    def health(field: str) -> object:
        return first.http.get("/health").json()[field]

    def status(run: str) -> object:
        return first.http.get(f"/api/crew/status/{run}").json()["status"]

    with first, second:
        runs = []
        for number in range(RUNS):
            bot = (first, second)[number % 2]
            body = {"message": f"wait-{number}", "crew": "letter"}
            answer = bot.http.post("/api/crew/execute", json=body)
            runs.append(answer.json()["execution_id"])
        stop(first, after=0)
        first.start()
        first.until(lambda: health("pending_checkpoints") == RUNS, what="all wait")
        go.unlink()
        for number, run in enumerate(runs):
            bot = (first, second)[number % 2]
            checkpoint = bot.http.get(f"/api/crew/checkpoint/{run}").json()["checkpoint_id"]
            decision = {"execution_id": run, "checkpoint_id": checkpoint, "action": "continue"}
            assert bot.http.post("/api/crew/feedback", json=decision).status_code == 200
        stop(second, after=RUNS)
        first.until(lambda: health("active_executions") == 0, what="all are done")
        assert {status(run) for run in runs} == {"completed"}
        assert first.stop() == 0

    phases = [f"wait-{number} {phase}" for number in range(RUNS) for phase in ("draft", "send")]
    assert started_phases() == Counter(phases)
    assert "Traceback" not in first.log_text + second.log_text
