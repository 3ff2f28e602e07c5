"""Translates records between `storage` and a crew's process.

Both sides declare the same fields under the same names; tests/crew_runner/test_translation.py
fails if they drift apart. Fields that the target does not declare are left out.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import TypeAdapter

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T")

_adapters: dict[type, TypeAdapter[Any]] = {}


def translate(kind: type[T], record: DataclassInstance) -> T:
    """The record as `kind`. Enums are translated by value. Raises ValidationError on a mismatch."""
    return _adapter(kind).validate_python(asdict(record))


def _adapter(kind: type[T]) -> TypeAdapter[T]:
    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(kind)
    return _adapters[kind]
