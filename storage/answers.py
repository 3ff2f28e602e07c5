"""What a driver is asked, and what it answers. Needs no driver: SQLite works without psycopg."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

Asked: TypeAlias = tuple[str, Sequence[Any]]
"""SQL whose parameters are `$1`, `$2` and so on, and their values."""


class Answer(NamedTuple):
    """`changed`: how many rows a statement wrote."""

    rows: list[tuple[Any, ...]]
    changed: int
