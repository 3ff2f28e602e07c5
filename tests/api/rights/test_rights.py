"""Every cell of the table of rights, and that the table can fail."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest
from fastapi import Request

from bot.api.access import (
    LOOPBACK,
    Access,
    Caller,
    MayAdminister,
    MayDecide,
    MayExecute,
    MayRead,
)
from bot.api.authentication import Authentication
from storage.policy import ALLOWED
from tests.api.rights.conftest import TOKENS, Rights
from tests.api.rights.table import CALLERS, ROWS, Row, call, routes_of

POLICIES = {"read": MayRead, "execute": MayExecute, "decide": MayDecide, "admin": MayAdminister}


async def _codes(rights: Rights, row: Row) -> dict[str, int]:
    codes = {}
    for caller in CALLERS:
        code, kind = await call(rights.api, row, rights.values(row.state), rights.secrets[caller])
        if code >= 400:
            shape = "application/json" if row.path.startswith("/amp/") else "application/problem+"
            assert kind.startswith(shape), f"{row} for {caller}: {kind}"
        if code < 300 and row.method == "POST":
            rights.changed(row.state)
        codes[caller] = code
    return codes


def codes(rights: Rights, row: Row) -> dict[str, int]:
    """What each caller gets for the row's call."""
    return asyncio.run(_codes(rights, row))


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_every_cell_is_as_the_table_says(rights: Rights, row: Row) -> None:
    assert codes(rights, row) == row.codes


def test_every_route_is_in_the_table_and_every_row_is_a_route(rights: Rights) -> None:
    routes, rows = set(routes_of(rights.api)), {row.route for row in ROWS}

    assert routes - rows == set(), "add a row to rights.txt"
    assert rows - routes == set(), "remove its rows from rights.txt"


def test_the_columns_are_the_callers_of_the_test() -> None:
    assert set(CALLERS) == {"nobody", *TOKENS}


@pytest.fixture
def without(rights: Rights, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Removes a part of the protection."""

    def everybody(request: Request) -> Caller:
        caller: Caller = request.state.caller
        return caller

    def remove(part: str) -> None:
        match part:
            case "sight":
                monkeypatch.setattr(Access, "can_see", lambda *_: True)
            case "rule":
                for asked in ("decisions.may_decide", "executions.may_manage"):
                    monkeypatch.setattr(f"storage.use_cases.{asked}", lambda *_, **__: ALLOWED)
            case "token":
                monkeypatch.setattr(Authentication, "_identify", _let_in)
            case scope:
                (policy,) = POLICIES[scope].__metadata__  # type: ignore[attr-defined]
                rights.api.dependency_overrides[policy.dependency] = everybody

    yield remove
    rights.api.dependency_overrides.clear()


async def _let_in(self: Authentication, scope: dict[str, object]) -> None:
    scope["state"] = {"caller": LOOPBACK, "closed": True}


@pytest.mark.parametrize("part", [*POLICIES, "rule", "sight", "token"])
def test_without_its_policy_the_table_is_wrong_in_every_row_that_it_protects(
    rights: Rights, without: Callable[[str], None], part: str
) -> None:
    protected = [row for row in ROWS if _protects(part, row)]
    # One state of a route is enough here.
    rows = {row.route: row for row in protected if row.method != "WS"}.values()
    assert rows
    without(part)

    right = [str(row) for row in rows if codes(rights, row) == row.codes]

    assert right == []


def _protects(part: str, row: Row) -> bool:
    """Whether this part of the protection changes a cell of the row."""
    match part:
        case "sight":
            return row.codes["zoe"] == 404 != row.codes["ben"]
        case "rule":
            return row.codes["gus"] == 403 != row.codes["ben"]
        case "token":
            return row.codes["nobody"] == 401 != row.codes["admin"]
        case scope:
            return row.scope == scope
