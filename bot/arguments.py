"""The arguments of the command line, and its help."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Final

from bot.data_arguments import add_data_commands
from bot.settings import ENV_FILE
from bot.token_arguments import add_tokens
from bot.version import VERSION

DEFAULT_WORKERS: Final = 4
VERSION_LINE: Final = f"countersign {VERSION}"

_EPILOG: Final = """\
To try it without Slack, a model key or any file:   countersign practice
To bring a CrewAI project:                          countersign add ../my-crew
To start with the example crews in this folder:     countersign init
To check a setup and see what to fix:               countersign doctor
To run the bot:                                     countersign serve

`countersign COMMAND --help` describes a command. `python -m bot` is the same program.
"""


def parser() -> argparse.ArgumentParser:
    program = argparse.ArgumentParser(
        prog="countersign",
        description="Countersign: human sign-off for CrewAI, in Slack.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    program.add_argument("--version", action="version", version=VERSION_LINE)
    program.add_argument(
        "--env-file",
        type=Path,
        default=ENV_FILE,
        metavar="FILE",
        help="file with settings; the environment takes precedence (default: %(default)s)",
    )
    commands = program.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, summary: str, details: str = "") -> argparse.ArgumentParser:
        description = f"{summary[0].upper()}{summary[1:]}. {details}".strip()
        return commands.add_parser(name, help=summary, description=description)

    practice = command(
        "practice",
        "open a practice workspace in the browser, with the bot in it",
        "It needs no Slack account and no model key. Its files are in var/practice.",
    )
    practice.add_argument(
        "--port",
        type=_whole_number(1, 65535),
        default=None,
        metavar="P",
        help="port of the page (default: 8400, or a free port if 8400 is taken)",
    )
    practice.add_argument(
        "--fresh", action="store_true", help="delete earlier messages and runs, and start over"
    )
    command(
        "init",
        "write a starter crews.yml, with example crews, into this folder",
        "It also writes manifest.yml and .env.example. Files that exist are left as they are.",
    )
    doctor = command(
        "doctor",
        "check settings, database, crews, model and Slack",
        "Each problem comes with what to do about it. The exit code is 1 if a check failed.",
    )
    doctor.add_argument("--json", action="store_true", help="print the findings as JSON")
    doctor.add_argument(
        "--online",
        action="store_true",
        help="also ask Slack whether it takes samples of all messages; nothing of a run is sent",
    )
    _add_add(command)
    _add_check(command)
    add_tokens(command)
    serve = command(
        "serve",
        "run everything: Slack, REST, the scheduler and the workers",
        "SIGTERM or Ctrl-C stops it; running phases get COUNTERSIGN_GRACE_SECONDS to finish.",
    )
    _add_workers(serve, minimum=0, note="; 0 leaves them to `countersign worker`")
    serve.add_argument(
        "--no-scheduler",
        action="store_true",
        help="leave deadlines, reminders and recovery to `countersign scheduler`",
    )
    worker = command(
        "worker",
        "run phases of crews, and nothing else",
        "Start as many as you need. Workers on several hosts need PostgreSQL.",
    )
    _add_workers(worker, minimum=1)
    command(
        "scheduler",
        "handle deadlines, reminders and recovery, and nothing else",
        "One is enough; a second one is there in case the first dies.",
    )
    command(
        "migrate",
        "bring the database's schema up to date",
        "`serve`, `worker` and `scheduler` do it too when they start.",
    )
    backup = command(
        "backup",
        "copy a SQLite database while the bot runs",
        "For PostgreSQL use pg_dump.",
    )
    backup.add_argument("file", type=Path, metavar="FILE", help="the copy; it must not exist yet")
    command(
        "restored",
        "after restoring a backup, prepare the database for the bot's next start",
        "The bot then searches Slack for what it posted after the backup was made.",
    )
    move = command(
        "move",
        "copy an installation to another, empty database",
        "Stop the bot first. If the move is interrupted, run it again: it continues.",
    )
    move.add_argument(
        "--to", required=True, metavar="URL", help="the new database, such as postgresql://…"
    )
    move.add_argument(
        "--from", dest="source", metavar="URL", help="the old database (default: DATABASE_URL)"
    )
    move.add_argument(
        "--anew",
        action="store_true",
        help="delete what an unfinished move has copied, and start over",
    )
    move.add_argument(
        "--rows-at-once",
        type=_whole_number(1, 100_000),
        default=1000,
        metavar="N",
        help="rows to commit together (default: %(default)s)",
    )
    add_data_commands(command)
    command("version", "print the version")
    return program


def _add_add(command: Callable[[str, str, str], argparse.ArgumentParser]) -> None:
    add = command(
        "add",
        "add a CrewAI project to crews.yml",
        "It finds the project's crew or flow, examines it without asking a model, and writes a "
        "commented entry. No file of the project is changed.",
    )
    add.add_argument("path", type=Path, metavar="PATH", help="the project's folder")
    add.add_argument("--name", metavar="N", help="the crew's name (default: the folder's)")
    add.add_argument(
        "--approvers",
        metavar="A,B",
        help="who may decide: @requester, @channel, U… (a person), S… (a user group)",
    )
    add.add_argument(
        "--crew", metavar="TARGET", help="what runs: module:name, or a file such as crew.jsonc"
    )
    add.add_argument(
        "--yes", action="store_true", help="ask nothing; without --approvers, @requester decides"
    )
    add.add_argument(
        "--install",
        action="store_true",
        help="create the project's own environment with uv, if it has none",
    )


def _add_check(command: Callable[[str, str, str], argparse.ArgumentParser]) -> None:
    check = command(
        "check",
        "examine the crews of crews.yml, without asking a model",
        "Each problem comes with what to do about it. The exit code is 1 if a crew has one.",
    )
    check.add_argument("name", nargs="?", metavar="NAME", help="one crew (default: all)")
    check.add_argument("--json", action="store_true", help="print the findings as JSON")


def _add_workers(parser: argparse.ArgumentParser, *, minimum: int, note: str = "") -> None:
    parser.add_argument(
        "--workers",
        type=_whole_number(minimum, 256),
        default=DEFAULT_WORKERS,
        metavar="N",
        help=f"how many phases run at the same time (default: %(default)s){note}",
    )


def _whole_number(minimum: int, maximum: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.isdecimal() or not minimum <= int(text) <= maximum:
            raise argparse.ArgumentTypeError(
                f"{text!r} is not a whole number from {minimum} to {maximum}"
            )
        return int(text)

    return parse
