"""The README's client and the curl lines of docs/rest.md, as they stand there."""

from __future__ import annotations

import io
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import replace
from pathlib import Path

import pytest
import uvicorn

from bot.api.app import create_api
from bot.api.guard import loopback_hosts
from bot.api.services import ApiConfig
from bot.process.listening import bind
from storage.definitions import CheckpointDefinition, CrewDefinition
from tests.api.conftest import ANYONE, PLAN, Service

ROOT = Path(__file__).parents[2]

CREW = replace(
    PLAN,
    checkpoints=(
        CheckpointDefinition("after_planning", ANYONE, after="draft", description="Read"),
    ),
)


@contextmanager
def _worker(service: Service) -> Iterator[None]:
    """Runs the phases that are due."""
    over = threading.Event()

    def work() -> None:
        while not over.wait(0.05):
            with suppress(AssertionError):  # nothing is due
                service.run_phase()

    thread = threading.Thread(target=work)
    thread.start()
    yield
    over.set()
    thread.join()


@pytest.fixture
def port(service: Service) -> Iterator[int]:
    """The port of a server with a worker."""
    listening = bind("127.0.0.1", 0)
    number: int = listening.getsockname()[1]
    crews: dict[str, CrewDefinition] = {"plan": CREW}
    api = create_api(
        state=service.state,
        reads=service.reads,
        tokens=service.tokens,
        idempotency_keys=service.keys,
        crews=crews,
        door=None,
        config=ApiConfig(hosts=loopback_hosts("127.0.0.1", number), version="1"),
    )
    server = uvicorn.Server(uvicorn.Config(api, log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    with _worker(service):
        yield number
    server.should_exit = True
    thread.join()


def test_the_clients_lines_in_the_readme_run(service: Service, port: int) -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    code = re.search(r"```python\n(import requests\n.*?)```", text, re.DOTALL)
    assert code is not None
    printed = io.StringIO()

    with redirect_stdout(printed):
        exec(code[1].replace("localhost:8000", f"localhost:{port}"), {})

    assert printed.getvalue() == "after_planning draft done, revision 1\nfeedback_received\n"


def test_the_curl_lines_run(service: Service, port: int, tmp_path: Path) -> None:
    blocks = re.findall(r"```bash\n(.*?)```", (ROOT / "docs" / "rest.md").read_text(), re.DOTALL)
    script = "set -euo pipefail\n" + "\n".join(blocks).replace(
        "127.0.0.1:8000", f"127.0.0.1:{port}"
    )
    script = script.replace("curl -sS", "curl -sS --fail-with-body")

    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert '"feedback_received"' in done.stdout
    key = [row for row in service.reads.executions() if "order 17" in row.request.text]
    assert len(key) == 1, "the repetition started a second run"
