"""The command line: exit codes, and what an operator reads when a command is refused."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from bot import cli
from bot.version import VERSION
from tests.bot.conftest import CREWS
from tests.support.prefork_server import PreforkServer
from tests.support.processes import run


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"HITL_BACKEND_HOST": "0.0.0.0"}, "there is no valid token"),
        ({"COUNTERSIGN_LEES": "3"}, "COUNTERSIGN_LEES is not a setting"),
        ({"SLACK_BOT_TOKEN": "hunter2"}, "SLACK_BOT_TOKEN must begin with xoxb-"),
        ({"CREWS_FILE": "nowhere.yml"}, "nowhere.yml"),
    ],
)
def test_invalid_settings_exit_with_2_and_a_message(
    note_folder: Path, prefork_server: PreforkServer, variables: dict[str, str], message: str
) -> None:
    ended = run(note_folder, "serve", prefork_server=prefork_server, **variables)

    assert ended.returncode == 2
    assert message in ended.stderr
    assert "hunter2" not in ended.stderr + ended.stdout
    assert "Traceback" not in ended.stderr


def test_a_mistake_in_the_crews_file_is_refused_with_its_place(
    note_folder: Path, prefork_server: PreforkServer
) -> None:
    (note_folder / "crews.yml").write_text(CREWS.replace("after: write", "after: writ"))

    ended = run(note_folder, "serve", prefork_server=prefork_server)

    assert ended.returncode == 2
    assert "crews.yml" in ended.stderr
    assert "write" in ended.stderr


def test_a_port_in_use_is_refused_with_the_setting_to_change(note_folder: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()

        ended = run(note_folder, "serve", HITL_BACKEND_PORT=str(other.getsockname()[1]))

    assert ended.returncode == 1
    assert "HITL_BACKEND_PORT" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_a_database_that_cannot_be_opened_is_refused_with_a_message(
    note_folder: Path, prefork_server: PreforkServer, command: str
) -> None:
    ended = run(
        note_folder,
        command,
        prefork_server=prefork_server,
        DATABASE_URL="sqlite:////proc/nowhere/c.db",
    )

    assert ended.returncode == 1
    assert "The database sqlite:////proc/nowhere/c.db cannot be used" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_migrate_creates_the_database_and_says_so(
    note_folder: Path, prefork_server: PreforkServer
) -> None:
    for _ in range(2):
        ended = run(note_folder, "migrate", prefork_server=prefork_server)

        assert ended.returncode == 0, ended.stderr
        assert ended.stdout == "The database is up to date.\n"
    assert (note_folder / "countersign.db").exists()


def test_version_and_help_need_no_settings(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COUNTERSIGN_X", "1")
    assert cli.main(["version"]) == 0
    assert capsys.readouterr().out == f"countersign {VERSION}\n"

    with pytest.raises(SystemExit) as exit_:
        cli.main(["--help"])
    assert exit_.value.code == 0
    help_text = capsys.readouterr().out
    for command in ("serve", "worker", "scheduler", "practice", "migrate", "doctor", "version"):
        assert command in help_text


@pytest.mark.parametrize(
    ("command", "description"),
    [
        ("serve", "Run everything: Slack, REST, the scheduler and the workers."),
        ("doctor", "Each problem comes with what to do about it."),
        ("move", "If the move is interrupted, run it again: it continues."),
    ],
)
def test_the_help_of_a_command_describes_it(
    command: str, description: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        cli.main([command, "--help"])

    assert description in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    "arguments", [[], ["serve", "--workers", "-1"], ["worker", "--workers", "0"]]
)
def test_invalid_arguments_are_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        cli.main(arguments)

    assert exit_.value.code == 2
    assert "usage:" in capsys.readouterr().err
