"""The command line: `countersign serve | worker | scheduler | practice | migrate | …`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from bot import starter
from bot.process import logs
from bot.process.environ import hide_secrets
from bot.process.signals import shutdown_requested
from bot.settings import ENV_FILE, Settings, SettingsError, load_settings
from bot.version import VERSION

if TYPE_CHECKING:
    from bot.bootstrap import CannotStartError

OK: Final = 0
FAILED: Final = 1
BAD_SETTINGS: Final = 2
KILLED: Final = 130
DEFAULT_WORKERS: Final = 4


_VERSION_LINE: Final = f"countersign {VERSION}"

_EPILOG: Final = """\
To try it without Slack, a model key or a file:   countersign practice
To begin a project of your own in this folder:    countersign init
To check a setup, and be told what to fix:        countersign doctor
To run the bot:                                   countersign serve

`countersign COMMAND --help` describes a command. `python -m bot` is the same program.
"""


class Service(Protocol):
    def start(self) -> None: ...
    def stop(self) -> None: ...


def run() -> int:
    """What the command `countersign` calls."""
    return main(sys.argv[1:])


def main(argv: Sequence[str]) -> int:
    """Run one command; the exit code is 0, 1 (it failed) or 2 (settings or arguments)."""
    arguments = _parser().parse_args(argv)
    if arguments.command == "version":
        print(_VERSION_LINE)
        return OK
    if arguments.command == "init":
        return _init()
    try:
        if arguments.command in _WITH_SETTINGS_OF_THEIR_OWN:
            return _WITH_SETTINGS_OF_THEIR_OWN[arguments.command](arguments)
        settings = load_settings(arguments.env_file)
    except SettingsError as error:
        return _bad_settings(error)
    hide_secrets()
    logs.configure(settings.log, settings.log_level)
    return _COMMANDS[arguments.command](settings, arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="countersign",
        description="Countersign: human sign-off for CrewAI, in Slack.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=_VERSION_LINE)
    parser.add_argument(
        "--env-file",
        type=Path,
        default=ENV_FILE,
        metavar="FILE",
        help="settings below those of the environment (default: %(default)s)",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    practice = commands.add_parser(
        "practice", help="open a practice workspace in the browser, with the bot in it"
    )
    practice.add_argument(
        "--port",
        type=_whole(1, 65535),
        default=None,
        metavar="P",
        help="the page's port (default: 8400, or a free one if that is taken)",
    )
    practice.add_argument("--fresh", action="store_true", help="forget earlier practice first")
    commands.add_parser("init", help="write a starter crews.yml, with example crews, into a folder")
    checks = commands.add_parser("doctor", help="check settings, database, crews, model, Slack")
    checks.add_argument("--json", action="store_true", help="print the findings as JSON")
    serve = commands.add_parser(
        "serve", help="run everything: Slack, REST, the scheduler and the workers"
    )
    _workers(serve, least=0, rest="; 0 leaves them to `worker`")
    serve.add_argument(
        "--no-scheduler",
        action="store_true",
        help="leave deadlines, reminders and recovery to `scheduler`",
    )
    worker = commands.add_parser("worker", help="run phases of crews, and nothing else")
    _workers(worker, least=1, rest="")
    commands.add_parser(
        "scheduler", help="do what is due: deadlines, reminders, recovery; and nothing else"
    )
    commands.add_parser("migrate", help="bring the database up to date, and end")
    backup = commands.add_parser("backup", help="copy a SQLite database while the bot works")
    backup.add_argument("file", type=Path, metavar="FILE", help="a file that is not there yet")
    commands.add_parser(
        "restored", help="after a restore: have the bot look in Slack for what came later"
    )
    move = commands.add_parser("move", help="copy an installation to another, empty database")
    move.add_argument(
        "--to", required=True, metavar="URL", help="the new database, such as postgresql://…"
    )
    move.add_argument(
        "--from", dest="source", metavar="URL", help="the old one (default: DATABASE_URL)"
    )
    move.add_argument(
        "--anew", action="store_true", help="forget first what an unfinished move has brought"
    )
    move.add_argument(
        "--rows-at-once",
        type=_whole(1, 100_000),
        default=1000,
        metavar="N",
        help="rows that are committed together (default: %(default)s)",
    )
    commands.add_parser("version", help="print the version")
    return parser


def _workers(parser: argparse.ArgumentParser, *, least: int, rest: str) -> None:
    parser.add_argument(
        "--workers",
        type=_whole(least, 256),
        default=DEFAULT_WORKERS,
        metavar="N",
        help=f"phases at once (default: %(default)s){rest}",
    )


class _whole:  # noqa: N801  # argparse shows the name when it refuses a value
    def __init__(self, least: int, most: int) -> None:
        self._least, self._most = least, most

    def __call__(self, text: str) -> int:
        if not text.isdecimal() or not self._least <= int(text) <= self._most:
            raise argparse.ArgumentTypeError(
                f"{text!r} is not a whole number from {self._least} to {self._most}"
            )
        return int(text)


def _serve(settings: Settings, arguments: argparse.Namespace) -> int:
    from bot.bootstrap import CannotStartError
    from bot.process.serving import Application

    try:
        application = Application(
            settings, workers=arguments.workers, ticks=not arguments.no_scheduler
        )
    except CannotStartError as error:
        return _cannot_start(error)
    return _until_told(application)


def _work(settings: Settings, arguments: argparse.Namespace) -> int:
    from bot.bootstrap import CannotStartError
    from bot.process.roles import Worker

    try:
        worker = Worker(settings, workers=arguments.workers)
    except CannotStartError as error:
        return _cannot_start(error)
    return _until_told(worker)


def _tick(settings: Settings, _: argparse.Namespace) -> int:
    from bot.bootstrap import CannotStartError
    from bot.process.roles import SchedulerRole

    try:
        ticking = SchedulerRole(settings)
    except CannotStartError as error:
        return _cannot_start(error)
    return _until_told(ticking)


def _migrate(settings: Settings, _: argparse.Namespace) -> int:
    from bot.bootstrap import CannotStartError, open_database
    from storage.db.database import schema
    from storage.db.schema import SchemaStatus

    try:
        engine = open_database(settings, role="migrate")
    except CannotStartError as error:
        return _cannot_start(error)
    found = schema(engine)
    engine.dispose()
    if found.standing is SchemaStatus.NEWER:
        print(
            f"The database is of a newer Countersign ({found.revision}) than this one "
            f"({found.known}), which can work with it: there is nothing to do."
        )
    else:
        print("The database is up to date.")
    return OK


def _backup(settings: Settings, arguments: argparse.Namespace) -> int:
    from bot.maintenance import backup

    return backup.backup(settings, arguments.file)


def _restored(settings: Settings, _: argparse.Namespace) -> int:
    from bot.maintenance import backup

    return backup.restored(settings)


def _move(settings: Settings, arguments: argparse.Namespace) -> int:
    from bot.maintenance import move

    return move.run(
        source=arguments.source or settings.database_url.get_secret_value(),
        target=arguments.to,
        anew=arguments.anew,
        rows_at_once=arguments.rows_at_once,
    )


def _practice(arguments: argparse.Namespace) -> int:
    from bot.process import supervision

    return supervision.practice(
        env_file=arguments.env_file, port=arguments.port, fresh=arguments.fresh
    )


def _init() -> int:
    try:
        written, kept = starter.write(Path())
    except OSError as error:
        print(f"The starter project cannot be written: {error}", file=sys.stderr)
        return FAILED
    if written:
        print(f"Written: {', '.join(written)}.")
    if kept:
        print(f"Already here, and left as they are: {', '.join(kept)}.")
    print("Next: `countersign practice`, then name your own crew in crews.yml.")
    return OK


def _doctor(arguments: argparse.Namespace) -> int:
    from bot.doctor import checks

    return checks.run(env_file=arguments.env_file, as_json=arguments.json)


_COMMANDS: Final[dict[str, Callable[[Settings, argparse.Namespace], int]]] = {
    "serve": _serve,
    "worker": _work,
    "scheduler": _tick,
    "migrate": _migrate,
    "backup": _backup,
    "restored": _restored,
    "move": _move,
}

_WITH_SETTINGS_OF_THEIR_OWN: Final[dict[str, Callable[[argparse.Namespace], int]]] = {
    "practice": _practice,
    "doctor": _doctor,
}


def _until_told(service: Service) -> int:
    """Run until SIGTERM or Ctrl-C, then stop in peace; a second signal ends it at once."""
    told = shutdown_requested(at_once=lambda: os._exit(KILLED))
    try:
        service.start()
        told.wait()
    finally:
        service.stop()
    return OK


def _cannot_start(error: CannotStartError) -> int:
    print(error, file=sys.stderr)
    return BAD_SETTINGS if error.of_settings else FAILED


def _bad_settings(error: SettingsError) -> int:
    print("The settings cannot be used:", file=sys.stderr)
    for problem in error.problems:
        print(f"  - {problem}", file=sys.stderr)
    return BAD_SETTINGS
