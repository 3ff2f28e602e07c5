"""A project with an old CrewAI of its own does what crews do here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest

from tests.compat.contract import FEATURES, Contract, contract_in
from tests.compat.environments import python_with

OLD: Final = "1.8.1"


@pytest.fixture(scope="module")
def contract(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Contract]:
    with contract_in(tmp_path_factory.mktemp("compat"), python_with(OLD)) as contract:
        yield contract


@pytest.mark.parametrize("feature", FEATURES)
def test_a_project_with_an_old_crewai_runs(contract: Contract, feature: str) -> None:
    FEATURES[feature](contract)


def test_the_old_crewai_is_the_one_that_runs(contract: Contract) -> None:
    definition = contract.crew("compat_crews:two_tasks")
    report = contract.pool._check(definition)

    assert report.examination.crewai == OLD
