"""Loads crews and flows that a file declares: `crew.jsonc` and `flow.yaml`."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from crewai import Flow

from ..failures import CrewProblem


def load_json_crew(path: Path) -> object:
    """The crew and its default inputs; or a flow, if the file declares one."""
    _check_that_it_exists(path)
    if "crewai.flow/" in path.read_text(encoding="utf-8"):  # the schema of flows, as JSON
        return load_declared_flow(path)
    load: Callable[..., object] | None = getattr(
        importlib.import_module("crewai.project"), "load_crew", None
    )
    if load is None:
        raise _too_old("crews that are declared as JSON", "1.15")
    return load(path.absolute())


def load_declared_flow(path: Path) -> object:
    _check_that_it_exists(path)
    load: Callable[..., Flow[Any]] | None = getattr(Flow, "from_declaration", None)
    if load is None:
        raise _too_old("flows that are declared in a file", "1.15")
    return load(path=path.absolute())


def _check_that_it_exists(path: Path) -> None:
    if not path.is_file():
        raise CrewProblem(
            f"The crew cannot be built: there is no file {path.absolute()}. Fix `crew` in "
            "crews.yml."
        )


def _too_old(what: str, version: str) -> CrewProblem:
    installed = importlib.import_module("crewai").__version__
    return CrewProblem(
        f"The crew cannot be built: its CrewAI {installed} does not know {what}. Install CrewAI "
        f"{version} or later in the crew's environment."
    )
