"""Prints the OpenAPI document, without a server: `python -m bot.api.export_openapi`."""

from __future__ import annotations

import json
import sys
from typing import Any

from sqlalchemy import create_engine

from bot.api.app import create_api
from bot.api.services import ApiConfig
from bot.version import VERSION
from storage.db.database import SystemClock
from storage.idempotency_keys import IdempotencyKeys
from storage.ports import NoDispatch, NoSignal
from storage.reads import Reads
from storage.state_manager import StateManager
from storage.token_manager import TokenManager


def openapi() -> dict[str, Any]:
    """The document. The database is never opened."""
    engine, clock = create_engine("sqlite://"), SystemClock()
    api = create_api(
        state=StateManager(engine, clock=clock, dispatch=NoDispatch(), signal=NoSignal()),
        reads=Reads(engine),
        tokens=TokenManager(engine, clock=clock),
        idempotency_keys=IdempotencyKeys(engine, clock=clock),
        crews={},
        door=None,
        config=ApiConfig(hosts=(), version=VERSION),
    )
    return api.openapi()


if __name__ == "__main__":
    sys.stdout.write(json.dumps(openapi(), indent=2, ensure_ascii=False) + "\n")
