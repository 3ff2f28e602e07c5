"""`make run MODEL=…`: its arguments, and the model that the program uses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bot.settings import load_settings
from crew_runner.models.environment import Route, choose
from crew_runner.models.local import MODELS, LocalModelError, main

ROOT = Path(__file__).parents[3]
ADDRESS = "http://127.0.0.1:4321"


def test_an_unknown_model_is_refused_and_nothing_is_started(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    ran = tmp_path / "ran"

    code = main(["gpt-9", "--", "touch", str(ran)], environment={}, serve=lambda _: ADDRESS)

    assert code == 2
    assert not ran.exists()
    error = capfd.readouterr().err
    assert "MODEL=gpt-9 is not a bundled model; choose from: smollm2." in error
    assert "OPENAI_MODEL" in error


def test_a_model_that_cannot_be_served_ends_it_with_a_message(
    capfd: pytest.CaptureFixture[str],
) -> None:
    def fails(_: object) -> str:
        raise LocalModelError("There is no network.")

    assert main(["smollm2", "--", "true"], environment={}, serve=fails) == 2
    assert "There is no network." in capfd.readouterr().err


def test_the_program_uses_the_model_whatever_else_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs in its own process, because it installs signal handlers."""
    (tmp_path / ".env").write_text("OPENAI_API_KEY=sk-file\nANTHROPIC_API_KEY=sk-file\n")
    recorded = tmp_path / "recorded"
    program = f"import json, os; json.dump(dict(os.environ), open({str(recorded)!r}, 'w')); exit(7)"
    start = (
        "import os, sys; from crew_runner.models.local import main;"
        f"sys.exit(main(sys.argv[1:], environment=os.environ, serve=lambda _: {ADDRESS!r}))"
    )
    command = [sys.executable, "-c", start, "smollm2", "--", sys.executable, "-c", program]
    environment = {"PYTHONPATH": str(ROOT), "MODEL": "smollm2", "OPENROUTER_API_KEY": "sk-shell"}

    ended = subprocess.run(command, env=environment, timeout=60, check=False)

    assert ended.returncode == 7
    monkeypatch.delenv("SLACK_BOT_TOKEN", raising=False)
    for name, value in json.loads(recorded.read_text()).items():
        monkeypatch.setenv(name, value)
    choice = choose(load_settings(tmp_path / ".env").model)
    assert (choice.route, choice.model) == (Route.COMPATIBLE, "smollm2")
    assert choice.base_url == f"{ADDRESS}/v1"


def test_make_passes_a_model_from_its_command_line_and_not_from_the_environment() -> None:
    def recipe(*arguments: str, **environment: str) -> str:
        command = ["make", "--dry-run", "--old-file=.venv/.product", "run", *arguments]
        path = {"PATH": "/usr/bin:/bin", **environment}
        return subprocess.run(
            command, cwd=ROOT, env=path, capture_output=True, text=True, check=True, timeout=60
        ).stdout

    assert "crew_runner.models.local 'smollm2' -- .venv/bin/countersign practice" in recipe(
        "MODEL=smollm2"
    )
    assert "models.local" not in recipe(MODEL="gpt-4o")


def test_what_is_installed_is_pinned() -> None:
    assert all("==" in package for model in MODELS.values() for package in model.packages)
