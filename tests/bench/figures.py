"""The results of benchmarks, and their arithmetic.

Machines differ and are noisy, so every important figure has a reference that is measured in the
same run, alternating sample by sample. Compare the ratio of the two over time.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with its unit: `s`, `ms`, `/s`, `/min`, `/cycle`, for a ratio `x`, or none."""

    name: str
    value: float
    unit: str

    def __str__(self) -> str:
        decimals = {"s": 2, "ms": 1, "/s": 0, "/min": 0, "/cycle": 0, "x": 2, "": 0}[self.unit]
        return f"{self.value:,.{decimals}f} {self.unit}".rstrip()


@dataclass(frozen=True, slots=True)
class Result:
    """`samples`: how many were measured, without the references."""

    name: str
    about: str
    samples: int
    figures: tuple[Figure, ...]

    def __getitem__(self, name: str) -> float:
        return next(figure.value for figure in self.figures if figure.name == name)


def median(samples: Sequence[float]) -> float:
    return statistics.median(samples)


def percentile(samples: Sequence[float], percent: float) -> float:
    """The smallest sample that `percent` of all samples do not exceed (nearest rank)."""
    ranked = sorted(samples)
    return ranked[max(0, math.ceil(len(ranked) * percent / 100) - 1)]


def seconds(name: str, value: float) -> Figure:
    return Figure(name, value, "s")


def milliseconds(name: str, value_in_seconds: float) -> Figure:
    return Figure(name, value_in_seconds * 1000, "ms")


def per_second(name: str, value: float) -> Figure:
    return Figure(name, value, "/s")


def per_minute(name: str, value_per_second: float) -> Figure:
    return Figure(name, value_per_second * 60, "/min")


def ratio(name: str, measured: float, reference: float) -> Figure:
    return Figure(name, measured / reference, "x")


def spread(name: str, samples: Sequence[float]) -> tuple[Figure, Figure]:
    """The median and the 99th percentile of waiting times in seconds."""
    return (
        milliseconds(f"{name}, p50", percentile(samples, 50)),
        milliseconds(f"{name}, p99", percentile(samples, 99)),
    )
