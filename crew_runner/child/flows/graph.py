"""Which methods of a flow follow which. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from ..failures import CrewProblem
from ..older_crewai import FlowDefinition

if TYPE_CHECKING:
    from crewai.flow.flow_definition import FlowMethodDefinition


def events(condition: object) -> Iterator[str]:
    """The names of methods and outcomes in a condition of @start or @listen."""
    if isinstance(condition, str):
        yield condition
    elif isinstance(condition, Mapping):
        for branches in condition.values():
            yield from events(branches)
    elif isinstance(condition, list | tuple):
        for branch in condition:
            yield from events(branch)


def methods_before(definition: FlowDefinition, method: str) -> frozenset[str]:
    """The methods that can lead to this one, looking through routers that only choose the way."""
    origins: set[str] = set()
    seen: set[str] = set()
    waiting = [method]
    while waiting:
        for name in _triggers(definition, waiting.pop()):
            if name in seen:
                continue
            seen.add(name)
            if _only_chooses(definition.methods[name]):
                waiting.append(name)
            else:
                origins.add(name)
    return frozenset(origins)


def _triggers(definition: FlowDefinition, method: str) -> set[str]:
    """The methods that trigger this one by ending, or by the outcome that they return."""
    own = definition.methods[method]
    names = {*events(own.listen), *events(own.start)}
    outcomes = names - {*map(str, definition.methods)}
    return {
        str(name)
        for name, other in definition.methods.items()
        if name in names or (outcomes and _may_return(other, outcomes))
    }


def _may_return(method: FlowMethodDefinition, outcomes: Collection[str]) -> bool:
    if not method.router:
        return False
    feedback = method.human_feedback
    declared = method.emit if feedback is None else feedback.emit
    return not declared or not outcomes.isdisjoint(declared)  # type: ignore[attr-defined] # a set


def _only_chooses(method: FlowMethodDefinition) -> bool:
    return method.router and method.human_feedback is None and not method.is_start


def check_boundaries(
    definition: FlowDefinition, *, after: Collection[str], before: Collection[str]
) -> None:
    """Raises CrewProblem if two checkpoints of crews.yml are at one boundary of the flow."""
    methods = definition.methods
    for name in before:
        triggers = _triggers(definition, name) if name in methods else set()
        for other in triggers & {*after}:
            followers = [str(each) for each in methods if other in _triggers(definition, str(each))]
            if triggers == {other} and followers == [name]:
                raise CrewProblem(
                    f"crews.yml does not fit the crew: after {other!r} and before {name!r} are one "
                    f"boundary, because only {name!r} follows {other!r}. Keep one of the two "
                    "checkpoints."
                )
