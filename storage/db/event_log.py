"""A line in the process's log for each event of an execution that was committed."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from storage.db import audit

log = logging.getLogger(__name__)

_DETAILS: Final = ("status", "phase", "revision", "checkpoint", "action", "effect")
"""Ids and fixed words. Names of people stay in the audit log."""


def write(events: Sequence[audit.Entry]) -> None:
    for event in events:
        details = {key: event["details"][key] for key in _DETAILS if key in event["details"]}
        log.info(event["event"], extra={"execution": event["execution_id"], **details})
