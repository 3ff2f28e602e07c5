"""The bot as a process: it starts, serves, ends when told, and says why when it cannot start."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from bot import cli
from bot.version import VERSION
from tests.bot.conftest import CREWS
from tests.support.prefork_server import PreforkServer
from tests.support.processes import BotProcess, alive, clean_environment, run, wait_until


def bot_in(
    folder: Path, *, workers: int, launchpad: PreforkServer | None = None, **env: str
) -> BotProcess:
    return BotProcess(
        folder, workers=workers, crews_file=folder / "crews.yml", launchpad=launchpad, env=env
    )


def test_serve_starts_answers_and_ends_when_told(note_folder: Path) -> None:
    with bot_in(note_folder, workers=0) as bot:
        assert bot.http.get("/health").json()["status"] == "healthy"
        assert bot.stop() == 0

    assert re.search(r"serve\.healthy address=http://127\.0\.0\.1:\d+ after_s=", bot.log_text)
    assert 'slack="off (no SLACK_BOT_TOKEN): REST only"' in bot.log_text
    assert "offline drafter" in bot.log_text
    assert "serve.stopped after_s=" in bot.log_text.splitlines()[-1]
    assert "Traceback" not in bot.log_text


def test_a_second_start_goes_on_with_the_same_database(
    note_folder: Path, launchpad: PreforkServer
) -> None:
    with bot_in(note_folder, workers=0, launchpad=launchpad) as bot:
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
        "def say(moment):\n"
        "    for name in ('crewai', 'slack_bolt', 'slack_sdk'):\n"
        "        print(moment, name, name in sys.modules, flush=True)\n"
        "start = server.HttpServer.start\n"
        "def watched_start(self):\n"
        "    start(self)\n"
        "    say('healthy')\n"
        "server.HttpServer.start = watched_start\n"
        "stop = server.HttpServer.stop\n"
        "def watched_stop(self):\n"
        "    say('end')\n"
        "    stop(self)\n"
        "server.HttpServer.stop = watched_stop\n"
        "import os, signal, bot.cli\n"
        "until_told = bot.cli._until_told\n"
        "def told_at_once(service):\n"
        "    threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGTERM)).start()\n"
        "    return until_told(service)\n"
        "bot.cli._until_told = told_at_once\n"
        "sys.exit(bot.cli.main(['serve', '--workers', '1']))\n"
    )
    ended = subprocess.run(
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

    said = set(ended.stdout.splitlines())
    assert ended.returncode == 0, ended.stderr
    assert {"healthy crewai False", "healthy slack_bolt False", "healthy slack_sdk False"} <= said
    assert {"end crewai False", "end slack_bolt True"} <= said


def test_a_run_goes_its_way_through_rest(note_folder: Path, launchpad: PreforkServer) -> None:
    with bot_in(note_folder, workers=1, launchpad=launchpad) as bot:
        run_id = bot.http.post("/api/crew/execute", json={"message": "m"}).json()["execution_id"]
        path = f"/api/crew/checkpoint/{run_id}"
        bot.until(lambda: bot.http.get(path).status_code == 200, what="the checkpoint opens")
        shown = bot.http.get(path).json()
        decision = {
            "execution_id": run_id,
            "checkpoint_id": shown["checkpoint_id"],
            "action": "continue",
        }
        bot.http.post("/api/crew/feedback", json=decision)

        def ended() -> bool:
            status = bot.http.get(f"/api/crew/status/{run_id}").json()
            return bool(status["status"] == "completed")

        bot.until(ended, what="the run is completed")
        result = bot.http.get(f"/api/crew/status/{run_id}").json()["result"]

    assert shown["context"]["output"] == "write done for m"
    assert result["output"] == "send done for m"


def test_sigterm_gives_the_running_phase_back_and_leaves_nobody_behind(note_folder: Path) -> None:
    (note_folder / "hold").touch()
    with bot_in(note_folder, workers=1, COUNTERSIGN_LEASE_SECONDS="600") as bot:
        run_id = bot.http.post("/api/crew/execute", json={"message": "m"}).json()["execution_id"]
        bot.until(lambda: _runs_note(bot), what="the crew's program runs")
        family = bot.family()

        assert bot.stop() == 0
        wait_until(lambda: not alive(family), within=5, what="all processes ended")
        (note_folder / "hold").unlink()
        bot.start()
        path = f"/api/crew/checkpoint/{run_id}"
        bot.until(
            lambda: bot.http.get(path).status_code == 200,
            what="the phase is run again long before its lease would have ended",
        )


def _runs_note(bot: BotProcess) -> bool:
    return any("note.py" in " ".join(_command(process)) for process in bot.family())


def _command(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.NoSuchProcess:
        return []


def test_a_worker_of_its_own_runs_what_serve_took_in(
    note_folder: Path, launchpad: PreforkServer
) -> None:
    crews = note_folder / "crews.yml"
    with (
        bot_in(note_folder, workers=0, launchpad=launchpad) as bot,
        BotProcess(
            note_folder, workers=1, crews_file=crews, command="worker", launchpad=launchpad
        ) as worker,
    ):
        run_id = bot.http.post("/api/crew/execute", json={"message": "m"}).json()["execution_id"]
        path = f"/api/crew/checkpoint/{run_id}"
        bot.until(lambda: bot.http.get(path).status_code == 200, what="the checkpoint opens")

        assert worker.stop() == 0


def test_no_process_of_the_bot_shows_its_secrets_to_the_crews(note_folder: Path) -> None:
    (note_folder / "hold").touch()
    secrets = {
        "SLACK_BOT_TOKEN": "xoxb-hunter2",
        "SLACK_APP_TOKEN": "xapp-hunter2",
        "SLACK_SIGNING_SECRET": "hunter2",
        "SLACK_API_URL": "http://127.0.0.1:9/api/",
    }
    with bot_in(note_folder, workers=1, launchpad=None, **secrets) as bot:
        bot.http.post("/api/crew/execute", json={"message": "m"})
        bot.until(lambda: _runs_note(bot), what="the crew's program runs")

        shown = {process.pid: _environment(process) for process in bot.family()}

    assert len(shown) >= 3
    assert all("PATH" in environment for environment in shown.values())
    everything = str(shown)
    assert "hunter2" not in everything
    assert str(bot.database) not in everything


def _environment(process: psutil.Process) -> str:
    """As any program of this user can read it, if it can."""
    try:
        return Path(f"/proc/{process.pid}/environ").read_bytes().decode()
    except PermissionError:
        return "PATH and all else: closed"


def test_a_second_signal_ends_it_at_once(note_folder: Path, launchpad: PreforkServer) -> None:
    (note_folder / "hold").touch()
    with bot_in(note_folder, workers=1, launchpad=launchpad) as bot:
        bot.http.post("/api/crew/execute", json={"message": "m"})
        bot.until(lambda: _runs_note(bot), what="the crew's program runs")
        family = bot.family()
        bot.process.send_signal(signal.SIGINT)
        bot.until(lambda: "name_of_signal=SIGINT" in bot.log_text, what="the first was seen")
        bot.process.send_signal(signal.SIGINT)

        bot.until(lambda: bot.process.poll() == 130, what="the bot ends")
        wait_until(lambda: not alive(family), within=5, what="all processes ended")


def test_a_second_signal_is_heard_while_the_stop_waits_for_something_that_never_comes(
    note_folder: Path,
) -> None:
    """Given to another thread, a signal does not wake the main thread: it must not be needed."""
    stuck = (
        "import signal, sys, threading\n"
        "import bot.cli\n"
        "def signal_this_thread():\n"
        "    signal.pthread_kill(threading.get_ident(), signal.SIGINT)\n"
        "class Stuck:\n"
        "    def start(self):\n"
        "        threading.Thread(target=signal_this_thread).start()\n"
        "    def stop(self):\n"
        "        threading.Timer(0.2, signal_this_thread).start()\n"
        "        never = threading.Lock()\n"
        "        never.acquire()\n"
        "        never.acquire()\n"
        "sys.exit(bot.cli._until_told(Stuck()))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", stuck],
        cwd=note_folder,
        env=clean_environment(),
        timeout=20,
        check=False,
    )

    assert ended.returncode == 130


def test_it_serves_on_the_other_loopback_too(note_folder: Path, launchpad: PreforkServer) -> None:
    with bot_in(note_folder, workers=0, launchpad=launchpad, HITL_BACKEND_HOST="::1") as bot:
        assert f"address=http://[::1]:{bot.port}" in bot.log_text
        assert bot.stop() == 0


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"HITL_BACKEND_HOST": "0.0.0.0"}, "HITL_BACKEND_HOST must be a loopback address"),
        ({"COUNTERSIGN_LEES": "3"}, "COUNTERSIGN_LEES is not a setting"),
        ({"SLACK_BOT_TOKEN": "hunter2"}, "SLACK_BOT_TOKEN must begin with xoxb-"),
        ({"CREWS_FILE": "nowhere.yml"}, "nowhere.yml"),
    ],
)
def test_settings_that_cannot_be_end_with_2_and_words(
    note_folder: Path, launchpad: PreforkServer, variables: dict[str, str], said: str
) -> None:
    ended = run(note_folder, "serve", launchpad=launchpad, **variables)

    assert ended.returncode == 2
    assert said in ended.stderr
    assert "hunter2" not in ended.stderr + ended.stdout
    assert "Traceback" not in ended.stderr


def test_a_crews_file_with_a_mistake_is_refused_with_its_place(
    note_folder: Path, launchpad: PreforkServer
) -> None:
    (note_folder / "crews.yml").write_text(CREWS.replace("after: write", "after: writ"))

    ended = run(note_folder, "serve", launchpad=launchpad)

    assert ended.returncode == 2
    assert "crews.yml" in ended.stderr
    assert "write" in ended.stderr


def test_a_taken_port_is_told_in_words(note_folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()

        ended = run(note_folder, "serve", HITL_BACKEND_PORT=str(taken.getsockname()[1]))

    assert ended.returncode == 1
    assert "HITL_BACKEND_PORT" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_a_database_that_does_not_open_is_told_in_words(
    note_folder: Path, launchpad: PreforkServer, command: str
) -> None:
    ended = run(
        note_folder, command, launchpad=launchpad, DATABASE_URL="sqlite:////proc/nowhere/c.db"
    )

    assert ended.returncode == 1
    assert "The database sqlite:////proc/nowhere/c.db cannot be used" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_migrate_makes_the_database_and_says_so(
    note_folder: Path, launchpad: PreforkServer
) -> None:
    for _ in range(2):
        ended = run(note_folder, "migrate", launchpad=launchpad)

        assert ended.returncode == 0, ended.stderr
        assert ended.stdout == "The database is up to date.\n"
    assert (note_folder / "countersign.db").exists()


def test_version_and_help_need_no_settings(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COUNTERSIGN_X", "1")
    assert cli.main(["version"]) == 0
    assert capsys.readouterr().out == f"countersign {VERSION}\n"

    with pytest.raises(SystemExit) as ended:
        cli.main(["--help"])
    assert ended.value.code == 0
    help_text = capsys.readouterr().out
    for command in ("serve", "worker", "scheduler", "practice", "migrate", "doctor", "version"):
        assert command in help_text


@pytest.mark.parametrize(
    "arguments", [[], ["serve", "--workers", "-1"], ["worker", "--workers", "0"]]
)
def test_arguments_that_cannot_be_are_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)

    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err
