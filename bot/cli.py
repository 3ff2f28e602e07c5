"""The command line: `countersign serve | worker | scheduler | practice | migrate | …`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from bot import starter
from bot.environ import forbid_inspection, hide_secrets, load_and_hide
from bot.process import logs
from bot.process.signals import shutdown_requested
from bot.settings import ENV_FILE, Settings, SettingsError
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
To try it without Slack, a model key or any file:   countersign practice
To bring a CrewAI project:                          countersign add ../my-crew
To start with the example crews in this folder:     countersign init
To check a setup and see what to fix:               countersign doctor
To run the bot:                                     countersign serve

`countersign COMMAND --help` describes a command. `python -m bot` is the same program.
"""


class Service(Protocol):
    def start(self) -> None: ...
    def stop(self) -> None: ...


def run() -> int:
    """The entry point of the `countersign` command."""
    forbid_inspection()  # until the settings are read, the secrets are in the environment
    return main(sys.argv[1:])


def main(argv: Sequence[str]) -> int:
    """Run one command. Returns 0, 1 if it failed, or 2 if the settings or arguments are wrong."""
    arguments = _parser().parse_args(argv)
    if arguments.command == "version":
        print(_VERSION_LINE)
        return OK
    if arguments.command == "init":
        return _init()
    try:
        if arguments.command in _COMMANDS_THAT_LOAD_SETTINGS:
            return _COMMANDS_THAT_LOAD_SETTINGS[arguments.command](arguments)
        settings = load_and_hide(arguments.env_file)
    except SettingsError as error:
        return _bad_settings(error)
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
        help="file with settings; the environment takes precedence (default: %(default)s)",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

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
    _add_add(command)
    _add_check(command)
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
    command("version", "print the version")
    return parser


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


def _serve(settings: Settings, arguments: argparse.Namespace) -> int:
    from bot.bootstrap import CannotStartError
    from bot.process.serving import Application

    try:
        application = Application(
            settings, workers=arguments.workers, ticks=not arguments.no_scheduler
        )
    except CannotStartError as error:
        return _cannot_start(error)
    return _run_until_signalled(application)


def _worker(settings: Settings, arguments: argparse.Namespace) -> int:
    from bot.bootstrap import CannotStartError
    from bot.process.roles import Worker

    try:
        worker = Worker(settings, workers=arguments.workers)
    except CannotStartError as error:
        return _cannot_start(error)
    return _run_until_signalled(worker)


def _scheduler(settings: Settings, _: argparse.Namespace) -> int:
    from bot.bootstrap import CannotStartError
    from bot.process.roles import SchedulerRole

    try:
        scheduler = SchedulerRole(settings)
    except CannotStartError as error:
        return _cannot_start(error)
    return _run_until_signalled(scheduler)


def _migrate(settings: Settings, _: argparse.Namespace) -> int:
    from bot.bootstrap import CannotStartError, open_database
    from storage.db.database import schema
    from storage.db.schema import SchemaStatus

    try:
        engine = open_database(settings, role="migrate")
    except CannotStartError as error:
        return _cannot_start(error)
    current = schema(engine)
    engine.dispose()
    if current.status is SchemaStatus.NEWER:
        print(
            f"The database has the schema of a newer Countersign ({current.revision}; this version "
            f"brings {current.known}). This version works with it: there is nothing to do."
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

    hide_secrets([url for url in (arguments.to, arguments.source) if url])
    return move.run(
        source=arguments.source or settings.database_url.get_secret_value(),
        target=arguments.to,
        anew=arguments.anew,
        rows_at_once=arguments.rows_at_once,
    )


def _add(settings: Settings, arguments: argparse.Namespace) -> int:
    from bot.crews import add

    named = arguments.approvers
    options = add.Options(
        path=arguments.path,
        name=arguments.name,
        crew=arguments.crew,
        approvers=None if named is None else add.split_approvers(named),
        yes=arguments.yes,
        install=arguments.install,
    )
    return add.run(settings, options)


def _check(settings: Settings, arguments: argparse.Namespace) -> int:
    from bot.crews import check

    return check.run(settings, name=arguments.name, as_json=arguments.json)


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
    "worker": _worker,
    "scheduler": _scheduler,
    "migrate": _migrate,
    "backup": _backup,
    "restored": _restored,
    "move": _move,
    "add": _add,
    "check": _check,
}

_COMMANDS_THAT_LOAD_SETTINGS: Final[dict[str, Callable[[argparse.Namespace], int]]] = {
    "practice": _practice,
    "doctor": _doctor,
}


def _run_until_signalled(service: Service) -> int:
    """Run until SIGTERM or Ctrl-C, then stop gracefully; a second signal exits at once."""
    shutdown = shutdown_requested(at_once=lambda: os._exit(KILLED))
    try:
        service.start()
        shutdown.wait()
    finally:
        service.stop()
    return OK


def _cannot_start(error: CannotStartError) -> int:
    print(error, file=sys.stderr)
    return BAD_SETTINGS if error.bad_settings else FAILED


def _bad_settings(error: SettingsError) -> int:
    print("The settings cannot be used:", file=sys.stderr)
    for problem in error.problems:
        print(f"  - {problem}", file=sys.stderr)
    return BAD_SETTINGS
