"""`countersign serve` as a process: it starts, answers, and stops on a signal."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.bot.conftest import bot_in, runs_note
from tests.support.prefork_server import PreforkServer
from tests.support.processes import BotProcess, alive, clean_environment, wait_until


def test_serve_starts_answers_and_stops_on_sigterm(note_folder: Path) -> None:
    with bot_in(note_folder, workers=0) as bot:
        assert bot.http.get("/health").json()["status"] == "healthy"
        assert bot.stop() == 0

    assert re.search(r"serve\.healthy address=http://127\.0\.0\.1:\d+ after_s=", bot.log_text)
    assert 'slack="off (no SLACK_BOT_TOKEN): REST only"' in bot.log_text
    assert "offline drafter" in bot.log_text
    assert "serve.stopped after_s=" in bot.log_text.splitlines()[-1]
    assert "Traceback" not in bot.log_text


def test_a_second_start_continues_with_the_same_database(
    note_folder: Path, prefork_server: PreforkServer
) -> None:
    with bot_in(note_folder, workers=0, prefork_server=prefork_server) as bot:
        started = bot.http.post("/api/crew/execute", json={"message": "m"}).json()
        bot.restart()

        kept = bot.http.get(f"/api/crew/status/{started['execution_id']}").json()

    assert kept == started


def test_the_serving_process_never_imports_crewai_nor_slack_before_it_answers(
    note_folder: Path,
) -> None:
    watched = (
        "import sys, threading\n"
        "import bot.process.http_server as server\n"
        "def report(moment):\n"
        "    for name in ('crewai', 'slack_bolt', 'slack_sdk'):\n"
        "        print(moment, name, name in sys.modules, flush=True)\n"
        "start = server.HttpServer.start\n"
        "def watched_start(self):\n"
        "    start(self)\n"
        "    report('healthy')\n"
        "server.HttpServer.start = watched_start\n"
        "stop = server.HttpServer.stop\n"
        "def watched_stop(self):\n"
        "    report('end')\n"
        "    stop(self)\n"
        "server.HttpServer.stop = watched_stop\n"
        "import os, signal, bot.cli\n"
        "run = bot.cli._run_until_signalled\n"
        "def run_for_a_second(service):\n"
        "    threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGTERM)).start()\n"
        "    return run(service)\n"
        "bot.cli._run_until_signalled = run_for_a_second\n"
        "sys.exit(bot.cli.main(['serve', '--workers', '1']))\n"
    )
    finished = subprocess.run(
        [sys.executable, "-c", watched],
        cwd=note_folder,
        env=clean_environment(
            HITL_BACKEND_PORT="0",
            SLACK_BOT_TOKEN="xoxb-1",
            SLACK_APP_TOKEN="xapp-1",
            SLACK_API_URL="http://127.0.0.1:9/api/",
        ),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    lines = set(finished.stdout.splitlines())
    assert finished.returncode == 0, finished.stderr
    assert {"healthy crewai False", "healthy slack_bolt False", "healthy slack_sdk False"} <= lines
    assert {"end crewai False", "end slack_bolt True"} <= lines


def test_a_run_is_decided_and_completed_through_rest(
    note_folder: Path, prefork_server: PreforkServer
) -> None:
    with bot_in(note_folder, workers=1, prefork_server=prefork_server) as bot:
        run_id = bot.http.post("/api/crew/execute", json={"message": "m"}).json()["execution_id"]
        path = f"/api/crew/checkpoint/{run_id}"
        bot.until(lambda: bot.http.get(path).status_code == 200, what="the checkpoint opens")
        checkpoint = bot.http.get(path).json()
        decision = {
            "execution_id": run_id,
            "checkpoint_id": checkpoint["checkpoint_id"],
            "action": "continue",
        }
        bot.http.post("/api/crew/feedback", json=decision)

        def completed() -> bool:
            status = bot.http.get(f"/api/crew/status/{run_id}").json()
            return bool(status["status"] == "completed")

        bot.until(completed, what="the run is completed")
        result = bot.http.get(f"/api/crew/status/{run_id}").json()["result"]

    assert checkpoint["context"]["output"] == "write done for m"
    assert result["output"] == "send done for m"


def test_sigterm_releases_the_running_phase_and_leaves_no_process_behind(
    note_folder: Path,
) -> None:
    (note_folder / "hold").touch()
    with bot_in(note_folder, workers=1, COUNTERSIGN_LEASE_SECONDS="600") as bot:
        run_id = bot.http.post("/api/crew/execute", json={"message": "m"}).json()["execution_id"]
        bot.until(lambda: runs_note(bot), what="the crew's program runs")
        family = bot.family()

        assert bot.stop() == 0
        wait_until(lambda: not alive(family), within=5, what="all processes ended")
        (note_folder / "hold").unlink()
        bot.start()
        path = f"/api/crew/checkpoint/{run_id}"
        bot.until(
            lambda: bot.http.get(path).status_code == 200,
            what="the phase is run again long before its lease would have expired",
        )


def test_a_separate_worker_runs_what_serve_started(
    note_folder: Path, prefork_server: PreforkServer
) -> None:
    crews = note_folder / "crews.yml"
    with (
        bot_in(note_folder, workers=0, prefork_server=prefork_server) as bot,
        BotProcess(
            note_folder,
            workers=1,
            crews_file=crews,
            command="worker",
            prefork_server=prefork_server,
        ) as worker,
    ):
        run_id = bot.http.post("/api/crew/execute", json={"message": "m"}).json()["execution_id"]
        path = f"/api/crew/checkpoint/{run_id}"
        bot.until(lambda: bot.http.get(path).status_code == 200, what="the checkpoint opens")

        assert worker.stop() == 0


def test_it_serves_on_the_ipv6_loopback_too(
    note_folder: Path, prefork_server: PreforkServer
) -> None:
    with bot_in(
        note_folder, workers=0, prefork_server=prefork_server, HITL_BACKEND_HOST="::1"
    ) as bot:
        assert f"address=http://[::1]:{bot.port}" in bot.log_text
        assert bot.stop() == 0
