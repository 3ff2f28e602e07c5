"""Logging: one line per event, as key=value or JSON. Fields go in `extra`; secrets are masked."""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Final, Literal, TextIO

_PLAIN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_SECRET: Final = re.compile(
    r"\b(xox[a-z]-|xapp-|sk-)[A-Za-z0-9-]{4,}|(?<=://)[^\s/:@]*:[^\s/@]+(?=@)"
)

QUIET: Final = (
    "alembic",
    "apscheduler",
    "asyncio",
    "httpcore",
    "httpx",
    "slack_bolt",
    "slack_sdk",
    "uvicorn",
    "websockets",
)
"""Libraries that log warnings and errors only."""


def mask(text: str) -> str:
    """The text with tokens, keys and passwords in URLs replaced by `***`."""
    return _SECRET.sub(lambda match: (match.group(1) or "") + "***", text)


def _fields(record: logging.LogRecord) -> dict[str, object]:
    return {name: value for name, value in vars(record).items() if name not in _PLAIN}


def _when(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class TextFormatter(logging.Formatter):
    """One line, `TIME LEVEL logger: event key=value …`. A traceback follows on its own lines."""

    def format(self, record: logging.LogRecord) -> str:
        line = f"{_when(record)} {record.levelname:<7} {record.name}: {record.getMessage()}"
        line += "".join(f" {name}={_quote(value)}" for name, value in _fields(record).items())
        line = line.replace("\n", "\\n").replace("\r", "\\r")
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return mask(line)


class JsonFormatter(logging.Formatter):
    """One JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, object] = {
            "time": _when(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return mask(json.dumps(entry, default=str, ensure_ascii=False))


def _quote(value: object) -> str:
    text = f"{value:.3f}" if isinstance(value, float) else str(value)
    return json.dumps(text, ensure_ascii=False) if re.search(r"[\s\"=]", text) or not text else text


def configure(
    style: Literal["text", "json"], level: str = "info", stream: TextIO | None = None
) -> None:
    """Log to standard error, or to `stream`, in the chosen style."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if style == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
