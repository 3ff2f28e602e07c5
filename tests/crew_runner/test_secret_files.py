"""Files of the bot cannot be opened from a crew's process, by whatever way leads to them."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from crew_runner.child import secret_files
from crew_runner.child.secret_files import SecretFiles
from tests.support.processes import clean_environment

_OPENS = """
import os, pathlib, shutil, sqlite3, sys
from dotenv import dotenv_values, find_dotenv, get_key, load_dotenv
from crew_runner.child.secret_files import SecretFiles, filter_dotenv, hide

files = SecretFiles(sys.argv[1:3])
filter_dotenv(files, {"CITY": "Ulm"}, hidden={"MODEL"})
hide(files)
"""


@pytest.fixture
def bot(tmp_path: Path) -> Path:
    """The bot's folder, with links to its files."""
    folder = tmp_path / "bot"
    folder.mkdir()
    (folder / ".env").write_text("SLACK_BOT_TOKEN=xoxb-hunter2\nCITY=Ulm\n")
    connection = sqlite3.connect(folder / "bot.db")
    connection.execute("CREATE TABLE hunter2 (id)")
    connection.commit()
    connection.close()
    (folder / "link").symlink_to(folder / ".env")
    os.link(folder / ".env", folder / "hard")
    (folder / "crew.txt").write_text("of the crew")
    (folder / "crew.env").write_text("MODEL=m\nSEA=Baltic\n")
    return folder


def in_child(bot: Path, code: str) -> str:
    """The output of code that runs in a process from which the bot's files are hidden."""
    return subprocess.run(
        [sys.executable, "-c", _OPENS + code, str(bot / ".env"), str(bot / "bot.db")],
        cwd=bot,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


@pytest.mark.parametrize(
    "opening",
    [
        "open('.env')",
        "open(b'.env')",
        "pathlib.Path('.env').read_text()",
        "os.open('.env', os.O_RDONLY)",
        "open('../bot/.env')",
        "open('link')",
        "open('hard')",
        "open('.env', 'a')",
        "open('/proc/self/cwd/.env')",
        "shutil.copy('.env', 'copy')",
        "os.rename('.env', 'renamed')",
        "os.rename('crew.txt', '.env')",
        "os.link('.env', 'another')",
        "os.remove('.env')",
        "os.truncate('bot.db', 0)",
        "open('bot.db', 'rb')",
    ],
)
def test_opening_one_fails_as_if_it_did_not_exist(bot: Path, opening: str) -> None:
    code = f"try: {opening}\nexcept FileNotFoundError as error: print(error.filename)"

    assert in_child(bot, code), "it was opened"


@pytest.mark.parametrize("name", ["'bot.db'", "'file:bot.db?mode=ro'", "pathlib.Path('bot.db')"])
def test_the_database_cannot_be_connected_to(bot: Path, name: str) -> None:
    code = (
        f"try: sqlite3.connect({name}, uri=True)\n"
        "except sqlite3.OperationalError as error: print(error)"
    )

    assert in_child(bot, code) == "unable to open database file"


def test_the_crews_own_files_and_databases_can_be_opened(bot: Path) -> None:
    code = (
        "print(open('crew.txt').read(), sqlite3.connect('crew.db').execute('SELECT 1').fetchone(),"
        " sqlite3.connect(':memory:').execute('SELECT 2').fetchone(), os.path.exists('/dev/null'))"
    )

    assert in_child(bot, code) == "of the crew (1,) (2,) True"


def test_dotenv_reads_what_the_bot_passes_on_in_place_of_its_file(bot: Path) -> None:
    code = (
        "load_dotenv('.env', override=True)\n"
        "print(dotenv_values('.env'), get_key('.env', 'SLACK_BOT_TOKEN'), os.environ['CITY'],"
        " 'SLACK_BOT_TOKEN' in os.environ, find_dotenv(usecwd=True).endswith('/bot/.env'))"
    )

    assert in_child(bot, code) == "OrderedDict([('CITY', 'Ulm')]) None Ulm False True"


def test_dotenv_skips_hidden_variables_of_other_files(bot: Path) -> None:
    assert in_child(bot, "print(dict(dotenv_values('crew.env')))") == "{'SEA': 'Baltic'}"


def test_a_file_that_an_editor_has_replaced_is_still_recognized(
    bot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secret_files, "_REFRESH_SECONDS", 0)
    files = SecretFiles([str(bot / ".env")])
    (bot / "new").write_text("SLACK_BOT_TOKEN=xoxb-hunter3\n")
    (bot / "new").replace(bot / ".env")

    assert bot / ".env" in files
    assert bot / "hard" not in files
    assert bot / "crew.txt" not in files


def test_a_file_that_does_not_exist_yet_is_recognized_by_its_path(tmp_path: Path) -> None:
    files = SecretFiles([str(tmp_path / ".env")])

    assert str(tmp_path / "folder" / ".." / ".env") in files
    assert tmp_path / "other" not in files
    assert 10**6 not in files
