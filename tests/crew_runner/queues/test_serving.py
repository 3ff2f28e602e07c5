"""The product on a server: one process serves and another one runs the phases."""

from __future__ import annotations

import sys
from pathlib import Path

import httpx
import pytest

from tests.support.postgres import Server
from tests.support.prefork_server import PreforkServer
from tests.support.processes import BotProcess

pytestmark = pytest.mark.slow

CREWS = """
crews:
  letter:
    command: [{python}, {program}]
    env: {{STARTED: {folder}/started, GO: {folder}/go}}
    phases: [{{name: draft}}, {{name: send}}]
    checkpoints:
      - {{name: after_draft, after: draft, approvers: ["@channel"]}}
"""


def test_a_decision_made_in_one_process_is_carried_out_by_another(
    server: Server, prefork_server: PreforkServer, tmp_path: Path
) -> None:
    crews = tmp_path / "crews.yml"
    program = Path(__file__).with_name("program.py")
    crews.write_text(CREWS.format(python=sys.executable, program=program, folder=tmp_path))
    env = {"DATABASE_URL": server.database()}
    with (
        BotProcess(
            tmp_path, env=env, workers=0, crews_file=crews, prefork_server=prefork_server
        ) as serving,
        BotProcess(
            tmp_path, env=env, crews_file=crews, command="worker", prefork_server=prefork_server
        ) as working,
    ):
        run = serving.http.post(
            "/api/crew/execute", json={"message": "dear all", "crew": "letter"}
        ).json()["execution_id"]
        serving.until(lambda: at(serving.http, run) == "waiting_feedback", what="a checkpoint")
        checkpoint = serving.http.get(f"/api/crew/checkpoint/{run}").json()["checkpoint_id"]
        decision = {"execution_id": run, "checkpoint_id": checkpoint, "action": "continue"}
        assert serving.http.post("/api/crew/feedback", json=decision).status_code == 200
        serving.until(lambda: at(serving.http, run) == "completed", what="the end")

        assert working.stop() == 0
        assert serving.stop() == 0
        assert "ERROR" not in working.log_text + serving.log_text


def at(http: httpx.Client, run: str) -> object:
    return http.get(f"/api/crew/status/{run}").json()["status"]
