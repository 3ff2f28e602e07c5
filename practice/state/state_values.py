"""The input values of a view or message: Slack's `state.values`, and their validation."""

from __future__ import annotations

from practice.state.records import Json

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
    "multi_conversations_select": ("selected_conversations", "initial_conversations"),
    "channels_select": ("selected_channel", "initial_channel"),
    "multi_channels_select": ("selected_channels", "initial_channels"),
}
MANY = {
    "checkboxes",
    "multi_static_select",
    "multi_users_select",
    "multi_conversations_select",
    "multi_channels_select",
}


def inputs(blocks: list[Json]) -> list[tuple[Json, Json]]:
    """Every input element with its block."""
    pairs: list[tuple[Json, Json]] = []
    for block in blocks:
        elements = [block.get("element"), block.get("accessory"), *block.get("elements", [])]
        pairs += [
            (block, element)
            for element in elements
            if isinstance(element, dict) and element.get("type") in INITIAL
        ]
    return pairs


def state(blocks: list[Json], entered: Json) -> Json:
    """Slack's `state`: the entered value of each input, or its initial value."""
    values: Json = {}
    for block, element in inputs(blocks):
        kind = element["type"]
        key, initial = INITIAL[kind]
        empty: object = [] if kind in MANY else None
        value = element.get(initial, empty)
        entry = entered.get(block["block_id"], {}).get(element["action_id"])
        if isinstance(entry, dict):
            value = entry.get(key, empty)
        if value == "":
            value = None
        values.setdefault(block["block_id"], {})[element["action_id"]] = {"type": kind, key: value}
    return {"values": values}


def validation_errors(blocks: list[Json], values: Json) -> dict[str, str]:
    """The errors that Slack's own form shows before it sends anything, by block id."""
    errors: dict[str, str] = {}
    for block, element in inputs(blocks):
        if block.get("type") != "input":
            continue
        kind = element["type"]
        value = values[block["block_id"]][element["action_id"]][INITIAL[kind][0]]
        if not value and not block.get("optional", False):
            errors[block["block_id"]] = REQUIRED
        elif isinstance(value, str) and kind == "plain_text_input":
            max_length = element.get("max_length") or 3000
            if len(value) > max_length:
                errors[block["block_id"]] = f"Please use {max_length} characters or fewer."
            elif len(value) < (element.get("min_length") or 0):
                errors[block["block_id"]] = (
                    f"Please use at least {element['min_length']} characters."
                )
    return errors


def action_payload(element: Json, interaction: Json) -> Json:
    """The entry in `actions` for an element that a person used."""
    kind = element["type"]
    entry: Json = {
        "type": kind,
        "action_id": element["action_id"],
        **{key: element[key] for key in ("text", "placeholder", "style") if key in element},
    }
    if kind in ("feedback_buttons", "icon_button"):
        entry["value"] = interaction.get("value", element.get("value"))
    elif kind == "button":
        if element.get("value") is not None:
            entry["value"] = element["value"]
        if element.get("url"):
            entry["url"] = element["url"]
    elif kind == "overflow":
        entry["selected_option"] = interaction.get("selected_option")
    else:
        key = INITIAL[kind][0]
        entry[key] = interaction.get(key)
    return entry
