"""Database fixtures for the trouble tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.postgres import Server
from tests.trouble.db import DATABASES, new_database


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest, server: Server) -> Iterator[str]:
    """The URL of a new database, of each kind in turn."""
    with new_database(request.param, server=server) as new_url:
        yield new_url
