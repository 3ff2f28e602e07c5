"""Databases for these tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.postgres import Server
from tests.trouble.db import DATABASES, new_database


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest, server: Server) -> Iterator[str]:
    """A new database, of either kind."""
    with new_database(request.param, server=server) as opened:
        yield opened
