"""`python -m practice`: the workspace as a program."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from slack_sdk import WebClient

from practice.__main__ import main
from practice.practice import Practice
from practice.server import NotLoopback, bound_socket
from practice.state.store import Store
from tests.support.workspace import ANA

CAMPAIGNS = "C00CAMPAIGN"


def test_a_killed_server_has_lost_nothing_it_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "practice.db"
    command = [sys.executable, "-m", "practice", "--state", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:\d+", server.stdout.readline())
        assert found is not None
        client = WebClient(token="xoxb-practice", base_url=f"{found.group()}/api/")
        _until_it_answers(found.group())
        sent = [
            client.chat_postMessage(channel=CAMPAIGNS, text=f"message {n}")["ts"] for n in range(20)
        ]
        os.kill(server.pid, signal.SIGKILL)

    practice = Practice()
    store = Store(path)
    store.attach(practice.workspace)
    assert list(practice.workspace.messages[CAMPAIGNS]) == sent
    store.close()


def test_ctrl_c_stops_the_server_without_an_error(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "practice", "--state", str(tmp_path / "practice.db")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:\d+", server.stdout.readline())
        assert found is not None
        _until_it_answers(found.group())
        server.send_signal(signal.SIGINT)
        _, complaints = server.communicate(timeout=10)
    assert (server.returncode, complaints) == (0, "")


def test_it_is_served_on_loopback_only(capsys: pytest.CaptureFixture[str]) -> None:
    for host in ("0.0.0.0", "192.168.0.1", "example.com", "::"):
        with pytest.raises(NotLoopback):
            bound_socket(host, 0)
    assert main(["--host", "0.0.0.0"]) == 2
    assert "not a loopback address" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("features: [", "cannot be read"),
        ("features: {}", "features.bot_user.display_name is missing"),
        (None, "No such file"),
    ],
    ids=["no-yaml", "no-name", "no-file"],
)
def test_a_manifest_that_cannot_be_installed_is_explained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None, problem: str
) -> None:
    manifest = tmp_path / "manifest.yml"
    if text is not None:
        manifest.write_text(text)

    assert main(["--manifest", str(manifest)]) == 2
    complaint = capsys.readouterr().err
    assert complaint.startswith(f"The app cannot be installed: {manifest}")
    assert problem in complaint


def _until_it_answers(url: str) -> None:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/page/state?user={ANA}", trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.02)
    raise AssertionError("the workspace did not come up")
