"""`countersign export`: prints executions as JSON, one or all."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from typing import Final
from uuid import UUID

from bot.maintenance.existing import CannotOpen, existing_database, print_error
from bot.settings import Settings
from storage.errors import UnknownExecution
from storage.export import Json, export_all, export_one

OK: Final = 0
FAILED: Final = 1


def run(settings: Settings, *, execution_id: str | None) -> int:
    """Print to stdout. Returns the exit code."""
    try:
        with existing_database(settings) as engine:
            if execution_id is None:
                _print_array(export_all(engine))
            else:
                sys.stdout.write(f"{_line(export_one(engine, _id(execution_id)), indent=2)}\n")
        sys.stdout.flush()
    except UnknownExecution:
        print_error(f"There is no execution {execution_id}.")
        return FAILED
    except CannotOpen as error:
        print_error(str(error))
        return FAILED
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return OK


def _print_array(executions: Iterator[Json]) -> None:
    """Print an array with one execution a line, as they are read."""
    separator = "["
    for execution in executions:
        sys.stdout.write(f"{separator}\n{_line(execution)}")
        separator = ","
    sys.stdout.write("[]\n" if separator == "[" else "\n]\n")


def _line(execution: Json, *, indent: int | None = None) -> str:
    return json.dumps(execution, ensure_ascii=False, indent=indent)


def _id(text: str) -> str:
    """Raises UnknownExecution if it is no id at all."""
    try:
        return str(UUID(text))
    except ValueError:
        raise UnknownExecution(text) from None
