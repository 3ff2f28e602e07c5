"""`countersign practice`: one command opens a workspace in which anyone can decide."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from bot.process import supervision
from practice.seed import ANA, BEN, CAMPAIGNS
from tests.bot.conftest import CREWS
from tests.support.prefork_server import Forked, PreforkServer
from tests.support.processes import alive, clean_environment, free_port, wait_until

START_WITHIN = 120


class Practice:
    """The command in a folder, and its page as a browser calls it."""

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        prefork_server: PreforkServer | None = None,
        **variables: str,
    ) -> None:
        """The supervisor is forked from the launchpad, if there is one; its programs never are."""
        self._out = folder / "out.txt"
        self._folder = folder
        command, environment = ["practice", *arguments], clean_environment(**variables)
        self._out.write_bytes(b"")
        self.process: psutil.Popen | Forked
        if prefork_server is not None:
            self.process = prefork_server.fork(
                command, environment=environment, folder=folder, log=self._out
            )
        else:
            self.process = _start(command, environment, folder, self._out)
        self.http = httpx.Client(trust_env=False, timeout=10)
        self.page = ""

    def ready(self) -> Practice:
        def banner_printed() -> bool:
            assert self.process.poll() is None, self.printed
            return "Ctrl-C ends it" in self.printed

        self.until(banner_printed, what="practice is open", within=START_WITHIN)
        address = re.search(r"Open +(http://127\.0\.0\.1:\d+)", self.printed)
        assert address, self.printed
        self.page = address[1]
        self.http = httpx.Client(
            base_url=self.page, headers={"Origin": self.page}, trust_env=False, timeout=10
        )
        return self

    @property
    def printed(self) -> str:
        return self._out.read_text()

    def until(self, condition: Any, *, what: str, within: float = 20) -> None:
        wait_until(condition, within=within, what=what, shown=self._logs)

    def _logs(self) -> str:
        files = [self._out, *sorted((self._folder / "var" / "practice").glob("*.log"))]
        return "\n".join(f"--- {file.name}\n{file.read_text()}" for file in files)

    def family(self) -> list[psutil.Process]:
        if not self.process.is_running():
            return []
        return [psutil.Process(self.process.pid), *self.process.children(recursive=True)]

    def messages(self) -> list[Any]:
        history = f"/page/history?user={ANA}&channel={CAMPAIGNS}"
        top = self.http.get(history).json()["messages"]
        threads = [m["ts"] for m in top if m.get("reply_count")]
        replies = [
            reply
            for ts in threads
            for reply in self.http.get(
                f"/page/thread?user={ANA}&channel={CAMPAIGNS}&ts={ts}"
            ).json()["messages"]
        ]
        return [*top, *replies]

    def shows(self, text: str) -> bool:
        return any(text in message["text"] for message in self.messages())

    def type(self, text: str) -> None:
        body = {"user": ANA, "channel": CAMPAIGNS, "text": text}
        assert self.http.post("/page/command", json=body).json() == {"ok": True}

    def click_continue(self) -> None:
        """Wait for the button, then click it as Ben."""
        self.until(lambda: bool(self._buttons()), what="a Continue button")
        message, block, button = self._buttons()[0]
        body = {
            "user": BEN,
            "channel": CAMPAIGNS,
            "message_ts": message["ts"],
            "thread_ts": message.get("thread_ts"),
            "container": "message",
            "block_id": block["block_id"],
            "action_id": button["action_id"],
            "type": "button",
            "value": button.get("value"),
        }
        assert self.http.post("/page/interact", json=body).json() == {"ok": True}

    def _buttons(self) -> list[tuple[Any, Any, Any]]:
        return [
            (message, block, element)
            for message in self.messages()
            for block in message.get("blocks") or []
            if block["type"] == "actions"
            for element in block["elements"]
            if element["type"] == "button" and element["text"]["text"].startswith("Continue")
        ]

    def close(self) -> None:
        for process in self.family():
            if process.is_running():
                process.kill()
        self.process.wait()
        self.http.close()


def _start(
    command: Sequence[str], environment: Mapping[str, str], folder: Path, out: Path
) -> psutil.Popen:
    with out.open("wb") as output:
        return psutil.Popen(
            [sys.executable, "-m", "bot", *command],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


@pytest.fixture
def practices() -> Iterator[list[Practice]]:
    opened: list[Practice] = []
    yield opened
    for practice in opened:
        practice.close()


class RealSlack:
    """A Slack that a bot in practice must never call."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        slack = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                slack.calls.append(self.path)
                self.send_error(500)

            do_GET = do_POST  # noqa: N815  # the base class's name

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/api/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def real_slack() -> Iterator[RealSlack]:
    server = RealSlack()
    yield server
    server.stop()


def test_a_run_is_decided_after_a_restart_and_nothing_real_is_touched(
    note_folder: Path,
    practices: list[Practice],
    prefork_server: PreforkServer,
    real_slack: RealSlack,
) -> None:
    real = {
        "SLACK_BOT_TOKEN": "xoxb-real",
        "SLACK_APP_TOKEN": "xapp-real",
        "SLACK_API_URL": real_slack.url,
        "DATABASE_URL": f"sqlite:///{note_folder / 'real.db'}",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "HTTPS_PROXY": "http://127.0.0.1:9",
    }
    (note_folder / ".env").write_text(
        "SLACK_SIGNING_SECRET=real\nCOUNTERSIGN_DEFAULT_CHANNEL=C0REAL\n"
    )
    first = Practice(note_folder, "--port", str(free_port()), prefork_server=prefork_server, **real)
    practices.append(first)
    first.ready().type("/crew note a birthday")
    first.until(lambda: first.shows("Checkpoint 1 of 1"), what="the checkpoint")
    family = first.family()
    first.process.send_signal(signal.SIGINT)

    assert first.process.wait(20) == 0, first.printed
    wait_until(lambda: not alive(family), within=5, what="every process has ended")

    again = Practice(note_folder, "--port", str(free_port()), prefork_server=prefork_server, **real)
    practices.append(again)
    again.ready().click_continue()
    again.until(lambda: again.shows("execution is complete"), what="the run's end")
    again.process.send_signal(signal.SIGTERM)

    assert again.process.wait(20) == 0, again.printed
    assert "no model key is set" in again.printed
    assert real_slack.calls == []
    assert not (note_folder / "real.db").exists()


def test_a_second_one_is_refused_killing_the_supervisor_stops_all_and_fresh_starts_over(
    note_folder: Path, practices: list[Practice], prefork_server: PreforkServer
) -> None:
    first = Practice(note_folder, "--port", str(free_port()), prefork_server=prefork_server)
    practices.append(first)
    first.ready().type("/crew note a birthday")
    first.until(lambda: first.shows("Checkpoint 1 of 1"), what="the checkpoint")
    second = Practice(note_folder, "--fresh", prefork_server=prefork_server)
    practices.append(second)

    assert second.process.wait(20) == 1
    assert "Practice is already open in this folder" in second.printed
    family = first.family()
    assert len(alive(family)) >= 3

    first.process.kill()

    wait_until(lambda: not alive(family), within=20, what="every process has ended")

    fresh = Practice(
        note_folder, "--port", str(free_port()), "--fresh", prefork_server=prefork_server
    )
    practices.append(fresh)
    assert fresh.ready().messages() == []


def test_a_bot_that_cannot_start_says_why_and_leaves_nothing_behind(
    note_folder: Path, practices: list[Practice]
) -> None:
    (note_folder / "crews.yml").write_text(CREWS.replace("after: write", "after: writ"))
    practice = Practice(note_folder, "--port", str(free_port()))
    practices.append(practice)

    assert practice.process.wait(START_WITHIN) == 1
    assert "bot stopped unexpectedly" in practice.printed
    assert "crews.yml" in practice.printed
    assert alive(practice.family()) == []


def test_a_requested_port_that_is_in_use_is_refused(
    note_folder: Path, practices: list[Practice], real_slack: RealSlack
) -> None:
    port = httpx.URL(real_slack.url).port
    practice = Practice(note_folder, "--port", str(port))
    practices.append(practice)

    assert practice.process.wait(20) == 1
    assert f"Port {port} is in use" in practice.printed


@pytest.mark.parametrize(
    ("crews", "command"),
    [
        (None, "/crew plan a summer campaign for a bicycle shop"),
        (b'{"items": [{"name": "a"}, {"name": "plan"}]}', "/crew plan a summer campaign"),
        (b'{"items": [{"name": "launch"}, {"name": "b"}]}', "/crew launch"),
    ],
)
def test_the_command_for_the_first_try_names_a_crew_that_exists(
    crews: bytes | None, command: str
) -> None:
    assert supervision.first_command(crews).startswith(command)
