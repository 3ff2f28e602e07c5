"""Fills in a modal: converts simple values to the state that Slack sends."""

from __future__ import annotations

from practice.state.records import Json
from practice.state.state_values import INITIAL, MANY, inputs


def filled(blocks: list[Json], values: dict[str, object]) -> Json:
    """The `state.values` for these values, whose keys are action ids, block ids or labels."""
    stated: Json = {}
    left = dict(values)
    for block, element in inputs(blocks):
        label = (block.get("label") or {}).get("text", "")
        for name in (element["action_id"], block["block_id"], label):
            if name in left:
                kind = element["type"]
                stated.setdefault(block["block_id"], {})[element["action_id"]] = {
                    "type": kind,
                    INITIAL[kind][0]: _value(element, left.pop(name)),
                }
                break
    assert not left, f"the modal has no inputs named {sorted(left)}"
    return stated


def _value(element: Json, value: object) -> object:
    kind = element["type"]
    if "options" not in element and "option_groups" not in element:
        return value
    options = [
        *element.get("options", []),
        *(o for group in element.get("option_groups", []) for o in group["options"]),
    ]
    by_value = {option["value"]: option for option in options}
    if kind in MANY:
        assert isinstance(value, list | tuple | set), f"a list of option values, not {value!r}"
        return [by_value[chosen] for chosen in value]
    assert isinstance(value, str), f"an option's value, not {value!r}"
    return by_value[value]
