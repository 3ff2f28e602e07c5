"""The installed wheel, as used by somebody without a checkout."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.version import VERSION
from practice.seed import ANA, CAMPAIGNS
from tests.packaging.wheels import build, install
from tests.support.processes import ROOT, crews_file, free_port, wait_until


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of commands of an environment in which the wheel is installed."""
    folder = tmp_path_factory.mktemp("installed")
    return install(build(ROOT, folder / "dist"), folder / "venv")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A user's project whose modules have the same names as ours."""
    for name in ("bot", "storage", "crew_runner", "practice", "tests"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('this is not Countersign')\n")
    return tmp_path


def environment(commands: Path, **variables: str) -> dict[str, str]:
    path = f"{commands}{os.pathsep}{os.environ['PATH']}"
    return {"PATH": path, "HOME": os.environ["HOME"], "HITL_BACKEND_PORT": "0", **variables}


def run(
    commands: Path, folder: Path, *arguments: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        arguments,
        cwd=folder,
        env=environment(commands, **variables),
        capture_output=True,
        text=True,
        timeout=140,
        check=False,
    )


def test_it_prints_its_version_and_how_to_start(commands: Path, folder: Path) -> None:
    version = run(commands, folder, "countersign", "--version")
    help_ = run(commands, folder, "countersign", "--help")

    assert version.stdout == f"countersign {VERSION}\n", version.stderr
    assert re.search(r"To try it .*: +countersign practice", help_.stdout), help_.stderr


def test_the_module_is_the_same_program(commands: Path, folder: Path) -> None:
    (folder / "bot.py").unlink()  # Python itself would run this one

    ran = run(commands, folder, "python", "-m", "bot", "--version")

    assert ran.stdout == f"countersign {VERSION}\n", ran.stderr


def test_a_project_on_pythonpath_does_not_replace_our_modules(
    commands: Path, folder: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    variables = {"PYTHONPATH": str(folder)}

    version = run(commands, elsewhere, "countersign", "--version", **variables)
    doctor = run(commands, elsewhere, "countersign", "doctor", **variables)
    watch = next(commands.parent.glob("lib/*/site-packages/bot/process/parent_watch.py"))
    with subprocess.Popen(
        ["python", "-P", watch, "0", "bot", "--version"],
        cwd=elsewhere,
        env=environment(commands, **variables),
        stdin=subprocess.PIPE,  # stays open: its parent lives
        stdout=subprocess.PIPE,
        text=True,
    ) as practised:
        assert practised.stdout is not None
        practised_version = practised.stdout.read()

    assert version.stdout == f"countersign {VERSION}\n", version.stderr
    assert "✗ Crews: crews.yml: the file does not exist\n" in doctor.stdout, doctor.stderr
    assert practised_version == f"countersign {VERSION}\n"


def test_without_crews_the_doctor_and_the_bot_say_how_to_create_some(
    commands: Path, folder: Path
) -> None:
    doctor = run(commands, folder, "countersign", "doctor")
    serve = run(commands, folder, "countersign", "serve")

    assert doctor.returncode == 1, doctor.stderr
    assert "✗ Crews: crews.yml: the file does not exist\n" in doctor.stdout
    assert serve.returncode == 2
    for printed in (doctor.stdout, serve.stderr):
        assert "Run `countersign init` to write a starter crews.yml here" in printed


def test_the_starter_project_is_written_once_and_its_crews_can_be_built(
    commands: Path, folder: Path
) -> None:
    (folder / "manifest.yml").write_text("# mine\n")
    first = run(commands, folder, "countersign", "init")
    written = {path.name for path in folder.iterdir()}
    again = run(commands, folder, "countersign", "init")
    crews_file(folder, "plan", "review_flow", "release_notes")  # one of each kind

    doctor = run(commands, folder, "countersign", "doctor")

    assert "Written: crews.yml, .env.example, examples.\n" in first.stdout
    assert {"crews.yml", ".env.example", "examples"} <= written
    assert "left as they are: crews.yml, manifest.yml, .env.example, examples.\n" in again.stdout
    assert (folder / "manifest.yml").read_text() == "# mine\n"
    assert doctor.returncode == 0, doctor.stdout + doctor.stderr
    for crew in ("plan", "review_flow", "release_notes"):
        assert f"✓ Crew {crew}: can be built" in doctor.stdout


class Practice:
    """`countersign practice`, and its page as a browser calls it."""

    def __init__(self, commands: Path, folder: Path) -> None:
        self._out = folder / "out.txt"
        self._log = folder / "var" / "practice" / "bot.log"
        with self._out.open("wb") as out:
            self.process = subprocess.Popen(
                ["countersign", "practice", "--port", str(free_port())],
                cwd=folder,
                env=environment(commands),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        self.until(lambda: "Ctrl-C ends it" in self.printed, what="practice is open")
        address = re.search(r"Open +(http://127\.0\.0\.1:\d+)", self.printed)
        assert address, self.printed
        self.http = httpx.Client(
            base_url=address[1], headers={"Origin": address[1]}, trust_env=False, timeout=10
        )

    @property
    def printed(self) -> str:
        return self._out.read_text()

    def until(self, condition: Any, *, what: str) -> None:
        def met() -> bool:
            assert self.process.poll() is None, self.printed
            return bool(condition())

        wait_until(met, within=120, what=what, shown=self._logs)

    def _logs(self) -> str:
        return self.printed + (self._log.read_text() if self._log.exists() else "")

    def thread(self) -> str:
        """The text of all threads of the channel."""
        query = f"user={ANA}&channel={CAMPAIGNS}"
        top = self.http.get(f"/page/history?{query}").json()["messages"]
        threads = [
            self.http.get(f"/page/thread?{query}&ts={message['ts']}").json()["messages"]
            for message in top
            if message.get("reply_count")
        ]
        return "\n".join(message["text"] for thread in threads for message in thread)

    def close(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)


@pytest.fixture
def practice(commands: Path, folder: Path) -> Iterator[Practice]:
    opened = Practice(commands, folder)
    yield opened
    if opened.process.poll() is None:
        opened.close()


def test_practice_opens_in_any_folder_with_the_example_crews(practice: Practice) -> None:
    page = practice.http.get("/")
    styles = re.findall(r'href="([^"]+\.css)"', page.text)
    body = {"user": ANA, "channel": CAMPAIGNS, "text": "/crew release_notes Fix the login"}
    assert practice.http.post("/page/command", json=body).json() == {"ok": True}

    practice.until(
        lambda: "Is each change below the right heading?" in practice.thread(),
        what="the first checkpoint of an example",
    )

    assert styles
    assert all(practice.http.get(style).status_code == 200 for style in styles)
    assert "the examples, as there is no crews.yml here" in practice.printed
    assert practice.close() == 0, practice.printed
