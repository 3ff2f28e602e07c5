"""Databases for these tests: a file, and a server of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chaos.weather.ground import DATABASES, ground
from tests.support.postgres import Server


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest, server: Server) -> Iterator[str]:
    """A new database, of either kind."""
    with ground(request.param, server=server) as opened:
        yield opened
