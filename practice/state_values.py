"""The values of a view's or message's inputs: what was given, what was preset, what is missing."""

from __future__ import annotations

from practice.records import Json

REQUIRED = "Please complete this required field."
INITIAL = {
    "plain_text_input": ("value", "initial_value"),
    "email_text_input": ("value", "initial_value"),
    "url_text_input": ("value", "initial_value"),
    "number_input": ("value", "initial_value"),
    "static_select": ("selected_option", "initial_option"),
    "radio_buttons": ("selected_option", "initial_option"),
    "multi_static_select": ("selected_options", "initial_options"),
    "checkboxes": ("selected_options", "initial_options"),
    "datepicker": ("selected_date", "initial_date"),
    "timepicker": ("selected_time", "initial_time"),
    "users_select": ("selected_user", "initial_user"),
    "multi_users_select": ("selected_users", "initial_users"),
    "conversations_select": ("selected_conversation", "initial_conversation"),
    "channels_select": ("selected_channel", "initial_channel"),
}
MANY = {"multi_static_select", "checkboxes", "multi_users_select"}


def inputs(blocks: list[Json]) -> list[tuple[Json, Json]]:
    """Every element that holds a value, with the block it stands in."""
    found: list[tuple[Json, Json]] = []
    for block in blocks:
        elements = [block.get("element"), block.get("accessory"), *block.get("elements", [])]
        found += [
            (block, element)
            for element in elements
            if isinstance(element, dict) and element.get("type") in INITIAL
        ]
    return found


def state(blocks: list[Json], given: Json) -> Json:
    """Slack's `state`: what was given by block and action, else the preset value."""
    values: Json = {}
    for block, element in inputs(blocks):
        kind = element["type"]
        key, preset = INITIAL[kind]
        empty: object = [] if kind in MANY else None
        value = element.get(preset, empty)
        said = given.get(block["block_id"], {}).get(element["action_id"])
        if isinstance(said, dict):
            value = said.get(key, empty)
        if value == "":
            value = None
        values.setdefault(block["block_id"], {})[element["action_id"]] = {"type": kind, key: value}
    return {"values": values}


def missing(blocks: list[Json], values: Json) -> dict[str, str]:
    """What Slack's own form would refuse before the app hears of it, by block id."""
    errors: dict[str, str] = {}
    for block, element in inputs(blocks):
        if block.get("type") != "input":
            continue
        kind = element["type"]
        value = values[block["block_id"]][element["action_id"]][INITIAL[kind][0]]
        if not value and not block.get("optional", False):
            errors[block["block_id"]] = REQUIRED
        elif isinstance(value, str) and kind == "plain_text_input":
            longest = element.get("max_length") or 3000
            if len(value) > longest:
                errors[block["block_id"]] = f"Please use {longest} characters or fewer."
            elif len(value) < (element.get("min_length") or 0):
                errors[block["block_id"]] = (
                    f"Please use at least {element['min_length']} characters."
                )
    return errors


def chosen(element: Json, said: Json) -> Json:
    """The `actions` entry for an element that a person used."""
    kind = element["type"]
    entry: Json = {
        "type": kind,
        "action_id": element["action_id"],
        **{key: element[key] for key in ("text", "placeholder", "style") if key in element},
    }
    if kind == "button":
        if element.get("value") is not None:
            entry["value"] = element["value"]
        if element.get("url"):
            entry["url"] = element["url"]
    elif kind == "overflow":
        entry["selected_option"] = said.get("selected_option")
    else:
        key = INITIAL[kind][0]
        entry[key] = said.get(key)
    return entry
