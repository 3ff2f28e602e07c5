"""What a flow's methods return is the same object in a later process."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel

with warnings.catch_warnings():  # CrewAI's own, at its first import
    warnings.simplefilter("ignore")
    from crewai import LLM, CrewOutput, TaskOutput
    from crewai.types.usage_metrics import UsageMetrics

    from crew_runner.child.flows.values import CannotBeSaved, decode, encode


class Colour(Enum):
    RED = "red"


class Offer(BaseModel):
    title: str
    prices: dict[int, float] = {}
    inner: BaseModel | None = None


@dataclass(frozen=True)
class Point:
    at: tuple[int, int]
    tags: set[str] = field(default_factory=set)


VALUES = [
    None,
    True,
    1.5,
    "text",
    [1, [2]],
    {"a": {"b": None}},
    {1: "one", (2, 3): "pair"},
    {"$kind": "dict", "value": "not ours"},
    (1, (2,)),
    frozenset({1}),
    datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
    date(2026, 1, 2),
    timedelta(days=2, microseconds=5),
    Decimal("1.10"),
    UUID(int=7),
    b"\x00\xff",
    Path("a/b"),
    Colour.RED,
    Offer(title="tea", prices={1: 2.5}, inner=Offer(title="cup")),
    Point((1, 2), {"x"}),
    CrewOutput(
        raw="done",
        pydantic=Offer(title="tea"),
        tasks_output=[TaskOutput(description="work", raw="done", agent="writer")],
        token_usage=UsageMetrics(total_tokens=3),
    ),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_survives_as_json(value: object) -> None:
    restored = decode(json.loads(json.dumps(encode(value))))

    assert type(restored) is type(value)
    assert restored == value


def test_a_restored_object_has_what_it_held() -> None:
    output: Any = decode(json.loads(json.dumps(encode(VALUES[-1]))))

    assert output.pydantic.title == "tea"
    assert output.tasks_output[0].agent == "writer"
    assert output.token_usage.total_tokens == 3


@pytest.mark.parametrize("value", [object(), [LLM(model="gpt-4.1-mini", api_key="sk-own")], print])
def test_what_holds_no_data_or_a_key_is_not_saved(value: object) -> None:
    with pytest.raises(CannotBeSaved):
        encode(value)


def test_an_object_of_a_class_that_is_gone_leaves_its_data() -> None:
    encoded = encode(Offer(title="tea"))
    encoded["type"] = "no_such_module:Offer"

    assert decode(encoded) == {"title": "tea", "prices": {}, "inner": None}
