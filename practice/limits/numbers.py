"""Slack's limits as numbers, from the data file that this workspace shares with its apps."""

from __future__ import annotations

import tomllib
from importlib.resources import files


def _read() -> dict[str, dict[str, int]]:
    return tomllib.loads(files("slack_limits").joinpath("limits.toml").read_text(encoding="utf-8"))


LIMITS = _read()
"""By section and name, as in `slack_limits/limits.toml`, which says what each number counts."""
