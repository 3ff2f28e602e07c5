"""The command line: `countersign serve | worker | scheduler | practice | migrate | …`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from bot import starter
from bot.arguments import VERSION_LINE, parser
from bot.environ import forbid_inspection, hide_secrets, load_and_hide
from bot.process import logs
from bot.process.signals import shutdown_requested
from bot.settings import Settings, SettingsError

if TYPE_CHECKING:
    from bot.bootstrap import CannotStartError

OK: Final = 0
FAILED: Final = 1
BAD_SETTINGS: Final = 2
KILLED: Final = 130


class Service(Protocol):
    def start(self) -> None: ...
    def stop(self) -> None: ...


def run() -> int:
    """The entry point of the `countersign` command."""
    forbid_inspection()  # until the settings are read, the secrets are in the environment
    return main(sys.argv[1:])


def main(argv: Sequence[str]) -> int:
    """Run one command. Returns 0, 1 if it failed, or 2 if the settings or arguments are wrong."""
    arguments = parser().parse_args(argv)
    if arguments.command == "version":
        print(VERSION_LINE)
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


def _tokens(settings: Settings, arguments: argparse.Namespace) -> int:
    from bot.maintenance import tokens

    if arguments.action == "create":
        return tokens.create(
            settings,
            scopes=arguments.scopes,
            person=arguments.person,
            lifetime=arguments.expires,
            label=arguments.label,
        )
    if arguments.action == "revoke":
        return tokens.revoke(settings, arguments.prefix)
    return tokens.show(settings, as_json=arguments.json)


def _audit(settings: Settings, arguments: argparse.Namespace) -> int:
    from bot.maintenance import audit

    return audit.run(settings, anchor=arguments.anchor, as_json=arguments.json)


def _export(settings: Settings, arguments: argparse.Namespace) -> int:
    from bot.maintenance import export

    return export.run(settings, execution_id=arguments.execution)


def _erase(settings: Settings, arguments: argparse.Namespace) -> int:
    from bot.maintenance import erase

    return erase.run(settings, person=arguments.person, yes=arguments.yes)


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

    return checks.run(env_file=arguments.env_file, as_json=arguments.json, online=arguments.online)


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
    "tokens": _tokens,
    "audit": _audit,
    "export": _export,
    "erase": _erase,
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
