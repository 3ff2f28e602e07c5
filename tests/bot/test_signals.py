"""Two signals: the first stops the bot gracefully, the second one at once."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from tests.bot.conftest import bot_in, runs_note
from tests.support.prefork_server import PreforkServer
from tests.support.processes import alive, clean_environment, wait_until


def test_a_second_signal_stops_it_at_once(note_folder: Path, prefork_server: PreforkServer) -> None:
    (note_folder / "hold").touch()
    with bot_in(note_folder, workers=1, prefork_server=prefork_server) as bot:
        bot.http.post("/api/crew/execute", json={"message": "m"})
        bot.until(lambda: runs_note(bot), what="the crew's program runs")
        family = bot.family()
        bot.process.send_signal(signal.SIGINT)
        bot.until(lambda: "name_of_signal=SIGINT" in bot.log_text, what="the first is logged")
        bot.process.send_signal(signal.SIGINT)

        bot.until(lambda: bot.process.poll() == 130, what="the bot exits")
        wait_until(lambda: not alive(family), within=5, what="all processes ended")


def test_a_second_signal_works_while_the_main_thread_is_blocked_for_ever(
    note_folder: Path,
) -> None:
    """A signal that another thread receives does not wake the main thread."""
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
        "sys.exit(bot.cli._run_until_signalled(Stuck()))\n"
    )
    finished = subprocess.run(
        [sys.executable, "-c", stuck],
        cwd=note_folder,
        env=clean_environment(),
        timeout=20,
        check=False,
    )

    assert finished.returncode == 130
