"""One launchpad for all bots of these tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.launchpad import Launchpad


@pytest.fixture(scope="session")
def launchpad() -> Iterator[Launchpad]:
    with Launchpad() as opened:
        yield opened
