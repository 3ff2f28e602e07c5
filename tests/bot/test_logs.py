"""What a line of the log looks like, and that secrets never reach one."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from bot.process import logs


@pytest.fixture(autouse=True)
def restore_root_logger() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    quiet = {name: logging.getLogger(name).level for name in logs.QUIET}
    yield
    root.handlers = handlers
    root.setLevel(level)
    for name, before in quiet.items():
        logging.getLogger(name).setLevel(before)


def test_an_event_is_one_line_with_its_fields() -> None:
    written = io.StringIO()
    logs.configure("text", stream=written)

    logging.getLogger("here").info("phase.ended", extra={"execution": "e1", "seconds": 1.23456})

    assert written.getvalue().endswith("INFO    here: phase.ended execution=e1 seconds=1.235\n")


def test_line_breaks_in_an_event_or_a_field_start_no_new_line() -> None:
    written = io.StringIO()
    logs.configure("text", stream=written)

    logging.getLogger("here").info("seen\nfake", extra={"name_given": 'a b\n2026 "x" y=z'})

    assert written.getvalue().count("\n") == 1


def test_json_has_the_event_its_fields_and_the_traceback() -> None:
    written = io.StringIO()
    logs.configure("json", stream=written)

    try:
        raise OSError("gone")
    except OSError:
        logging.getLogger("here").exception("failed", extra={"tick": "expire", "n": 3})

    entry = json.loads(written.getvalue())
    assert (entry["event"], entry["level"], entry["tick"], entry["n"]) == (
        "failed",
        "error",
        "expire",
        3,
    )
    assert "OSError: gone" in entry["traceback"]
    assert entry["time"].endswith("Z")


@pytest.mark.parametrize("style", ["text", "json"])
@pytest.mark.parametrize(
    "secret",
    [
        "xoxb-123456-hunter2",
        "xapp-1-A0-hunter2",
        "sk-proj-hunter2hunter2",
        "postgresql://user:hunter2@db.example/c",
    ],
)
def test_a_secret_that_reaches_a_message_is_masked(style: str, secret: str) -> None:
    written = io.StringIO()
    logs.configure("json" if style == "json" else "text", stream=written)

    try:
        raise ValueError(f"cannot use {secret}")
    except ValueError:
        logging.getLogger("here").exception("failed with %s", secret, extra={"token": secret})

    assert "hunter2" not in written.getvalue()
    assert "***" in written.getvalue()


def test_libraries_log_only_warnings_and_errors() -> None:
    # An HTTP server that an earlier test ran in this process sets its own level.
    logging.getLogger("uvicorn.error").setLevel(logging.NOTSET)
    written = io.StringIO()
    logs.configure("text", stream=written)

    logging.getLogger("uvicorn.error").info("Started server process")
    logging.getLogger("slack_sdk.web").debug("body")
    logging.getLogger("uvicorn.error").warning("odd request")

    assert "Started" not in written.getvalue()
    assert "body" not in written.getvalue()
    assert "odd request" in written.getvalue()
