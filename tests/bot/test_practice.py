"""`countersign practice`: one command, and a stranger can decide."""

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

from practice.seed import ANA, BEN, CAMPAIGNS
from tests.bot.conftest import CREWS
from tests.support.prefork_server import Forked, PreforkServer
from tests.support.processes import alive, clean_environment, free_port, wait_until

START_WITHIN = 120


class Practice:
    """The command in a folder, and its page as a browser would speak to it."""

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        launchpad: PreforkServer | None = None,
        **variables: str,
    ) -> None:
        """Its supervisor is forked from a launchpad, if there is one; the others never are."""
        self._out = folder / "out.txt"
        self._folder = folder
        words, environment = ["practice", *arguments], clean_environment(**variables)
        self._out.write_bytes(b"")
        self.process: psutil.Popen | Forked
        if launchpad is not None:
            self.process = launchpad.fork(
                words, environment=environment, folder=folder, log=self._out
            )
        else:
            self.process = _started(words, environment, folder, self._out)
        self.http = httpx.Client(trust_env=False, timeout=10)
        self.page = ""

    def ready(self) -> Practice:
        def shown_or_ended() -> bool:
            assert self.process.poll() is None, self.printed
            return "Ctrl-C ends it" in self.printed

        self.until(shown_or_ended, what="practice is open", within=START_WITHIN)
        found = re.search(r"Open +(http://127\.0\.0\.1:\d+)", self.printed)
        assert found, self.printed
        self.page = found[1]
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

    def says(self, words: str) -> bool:
        return any(words in message["text"] for message in self.messages())

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
            if element["text"]["text"].startswith("Continue")
        ]

    def close(self) -> None:
        for process in self.family():
            if process.is_running():
                process.kill()
        self.process.wait()
        self.http.close()


def _started(
    words: Sequence[str], environment: Mapping[str, str], folder: Path, out: Path
) -> psutil.Popen:
    with out.open("wb") as told:
        return psutil.Popen(
            [sys.executable, "-m", "bot", *words],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=told,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


@pytest.fixture
def practices() -> Iterator[list[Practice]]:
    opened: list[Practice] = []
    yield opened
    for practice in opened:
        practice.close()


class Stranger:
    """A Slack that must never hear from a bot in practice."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        stranger = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                stranger.heard.append(self.path)
                self.send_error(500)

            do_GET = do_POST  # noqa: N815  # the name that the server looks for

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/api/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def stranger() -> Iterator[Stranger]:
    made = Stranger()
    yield made
    made.stop()


def test_a_run_is_decided_after_another_start_and_nothing_real_is_touched(
    note_folder: Path, practices: list[Practice], launchpad: PreforkServer, stranger: Stranger
) -> None:
    real = {
        "SLACK_BOT_TOKEN": "xoxb-real",
        "SLACK_APP_TOKEN": "xapp-real",
        "SLACK_API_URL": stranger.url,
        "DATABASE_URL": f"sqlite:///{note_folder / 'real.db'}",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "HTTPS_PROXY": "http://127.0.0.1:9",
    }
    (note_folder / ".env").write_text(
        "SLACK_SIGNING_SECRET=real\nCOUNTERSIGN_DEFAULT_CHANNEL=C0REAL\n"
    )
    first = Practice(note_folder, "--port", str(free_port()), launchpad=launchpad, **real)
    practices.append(first)
    first.ready().type("/crew note a birthday")
    first.until(lambda: first.says("Checkpoint 1 of 1"), what="the checkpoint")
    family = first.family()
    first.process.send_signal(signal.SIGINT)

    assert first.process.wait(20) == 0, first.printed
    wait_until(lambda: not alive(family), within=5, what="all of practice ended")

    again = Practice(note_folder, "--port", str(free_port()), launchpad=launchpad, **real)
    practices.append(again)
    again.ready().click_continue()
    again.until(lambda: again.says("execution is complete"), what="the run's end")
    again.process.send_signal(signal.SIGTERM)

    assert again.process.wait(20) == 0, again.printed
    assert "no model key is set" in again.printed
    assert stranger.heard == []
    assert not (note_folder / "real.db").exists()


def test_a_second_one_is_refused_all_ends_with_a_killed_supervisor_and_fresh_forgets(
    note_folder: Path, practices: list[Practice], launchpad: PreforkServer
) -> None:
    first = Practice(note_folder, "--port", str(free_port()), launchpad=launchpad)
    practices.append(first)
    first.ready().type("/crew note a birthday")
    first.until(lambda: first.says("Checkpoint 1 of 1"), what="the checkpoint")
    second = Practice(note_folder, "--fresh", launchpad=launchpad)
    practices.append(second)

    assert second.process.wait(20) == 1
    assert "Practice is already open from this folder" in second.printed
    family = first.family()
    assert len(alive(family)) >= 3

    first.process.kill()

    wait_until(lambda: not alive(family), within=20, what="all of practice ended")

    fresh = Practice(note_folder, "--port", str(free_port()), "--fresh", launchpad=launchpad)
    practices.append(fresh)
    assert fresh.ready().messages() == []


def test_a_bot_that_cannot_start_says_why_and_leaves_nothing_behind(
    note_folder: Path, practices: list[Practice]
) -> None:
    (note_folder / "crews.yml").write_text(CREWS.replace("after: write", "after: writ"))
    practice = Practice(note_folder, "--port", str(free_port()))
    practices.append(practice)

    assert practice.process.wait(START_WITHIN) == 1
    assert "bot ended by itself" in practice.printed
    assert "crews.yml" in practice.printed
    assert alive(practice.family()) == []


def test_a_port_that_was_asked_for_and_is_taken_is_refused(
    note_folder: Path, practices: list[Practice], stranger: Stranger
) -> None:
    port = httpx.URL(stranger.url).port
    practice = Practice(note_folder, "--port", str(port))
    practices.append(practice)

    assert practice.process.wait(20) == 1
    assert f"Port {port} is taken" in practice.printed
