"""What all tables have in common: their names' form, and the types of columns."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from sqlalchemy import Column, ColumnElement, MetaData, String, literal_column

from storage.definitions import FormField, Json

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Id = String(36)
Names = tuple[str, ...]
Details = Mapping[str, object]
Form = tuple[FormField, ...]
Values = Mapping[str, Json]


def is_state(column: Column[Any], state: StrEnum) -> ColumnElement[bool]:
    """Compare with a literal: a partial index is not used for a bound parameter."""
    return column == literal_column(f"'{state.value}'")
