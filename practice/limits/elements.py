"""Limits of interactive elements: buttons, menus and inputs."""

from __future__ import annotations

import re
from collections.abc import Callable

from practice.limits.problems import PLAIN, Check
from practice.rules import LIMITS
from practice.state.records import Json

DATE = re.compile(r"\d{4}-\d{2}-\d{2}\Z")
TIME = re.compile(r"\d{2}:\d{2}\Z")
TYPED = LIMITS["text_input"]["length"]
COMMON = ("action_id", "confirm", "focus_on_load")
PLACED = (*COMMON, "placeholder")


def _named(check: Check, node: Json, pointer: str) -> None:
    check.string(node, "action_id", pointer, limit=LIMITS["element"]["action_id"])
    check.flag(node, "focus_on_load", pointer)
    check.text(
        node,
        "placeholder",
        pointer,
        limit=LIMITS["element"]["placeholder"],
        kinds=PLAIN,
        counted=False,
    )
    if node.get("confirm") is not None:
        _confirm(check, node["confirm"], f"{pointer}/confirm")


def _confirm(check: Check, node: object, pointer: str) -> None:
    if not isinstance(node, dict):
        check.add(pointer, "must provide an object")
        return
    check.keys(node, pointer, required=("title", "text"), optional=("confirm", "deny", "style"))
    check.text(node, "title", pointer, limit=LIMITS["confirm"]["title"], kinds=PLAIN, counted=False)
    check.text(node, "text", pointer, limit=LIMITS["confirm"]["text"], counted=False)
    check.text(
        node, "confirm", pointer, limit=LIMITS["confirm"]["button"], kinds=PLAIN, counted=False
    )
    check.text(node, "deny", pointer, limit=LIMITS["confirm"]["button"], kinds=PLAIN, counted=False)
    check.one_of(node, "style", pointer, ("primary", "danger"))


def _option(check: Check, node: Json, pointer: str, *, mrkdwn: bool, url: bool = False) -> None:
    optional = ("description", "url") if url else ("description",)
    check.keys(node, pointer, required=("text", "value"), optional=optional)
    kinds = ("plain_text", "mrkdwn") if mrkdwn else PLAIN
    check.text(node, "text", pointer, limit=LIMITS["option"]["text"], kinds=kinds, counted=False)
    check.string(node, "value", pointer, limit=LIMITS["option"]["value"])
    check.text(
        node, "description", pointer, limit=LIMITS["option"]["text"], kinds=kinds, counted=False
    )
    check.url(node, "url", pointer)


def _options(
    check: Check,
    node: Json,
    pointer: str,
    *,
    most: int,
    least: int = 1,
    mrkdwn: bool = False,
    url: bool = False,
) -> list[object]:
    """Check `options` and `option_groups` and return the values of the options."""
    options = check.items(node, "options", pointer, most=most, least=least)
    for where, group in check.items(
        node, "option_groups", pointer, most=LIMITS["select"]["groups"]
    ):
        check.keys(group, where, required=("label", "options"))
        check.text(group, "label", where, limit=75, kinds=PLAIN, counted=False)
        options += check.items(group, "options", where, most=most)
    for where, option in options:
        _option(check, option, where, mrkdwn=mrkdwn, url=url)
    values = [option.get("value") for _, option in options]
    if len(set(map(str, values))) < len(values):
        check.add(f"{pointer}/options", "option values must be unique")
    return values


def _initial(check: Check, node: Json, key: str, pointer: str, values: list[object]) -> None:
    initial = node.get(key)
    if initial is None:
        return
    for option in initial if isinstance(initial, list) else [initial]:
        if not isinstance(option, dict) or option.get("value") not in values:
            check.add(f"{pointer}/{key}", "must be one of the options")


def _button(check: Check, node: Json, pointer: str) -> None:
    check.keys(
        node,
        pointer,
        required=("text",),
        optional=("action_id", "url", "value", "style", "confirm", "accessibility_label"),
    )
    check.text(node, "text", pointer, limit=LIMITS["button"]["label"], kinds=PLAIN, counted=False)
    check.string(node, "value", pointer, limit=LIMITS["button"]["value"])
    check.string(
        node, "accessibility_label", pointer, limit=LIMITS["button"]["accessibility_label"]
    )
    check.url(node, "url", pointer)
    check.one_of(node, "style", pointer, ("primary", "danger"))


def _overflow(check: Check, node: Json, pointer: str) -> None:
    check.keys(node, pointer, required=("options",), optional=("action_id", "confirm"))
    _options(check, node, pointer, most=LIMITS["overflow"]["options"], url=True)


def _choice(check: Check, node: Json, pointer: str) -> None:
    many = node["type"] == "checkboxes"
    initial = "initial_options" if many else "initial_option"
    check.keys(node, pointer, required=("options",), optional=(*COMMON, initial))
    values = _options(check, node, pointer, most=LIMITS["choices"]["options"], mrkdwn=True)
    _initial(check, node, initial, pointer, values)


def _static_select(check: Check, node: Json, pointer: str) -> None:
    many = node["type"].startswith("multi_")
    initial = "initial_options" if many else "initial_option"
    extra = ("max_selected_items",) if many else ()
    check.keys(node, pointer, optional=(*PLACED, *extra, "options", "option_groups", initial))
    if (node.get("options") is None) == (node.get("option_groups") is None):
        check.add(pointer, "must provide either options or option_groups")
    values = _options(check, node, pointer, most=LIMITS["select"]["options"])
    _initial(check, node, initial, pointer, values)


def _people_select(check: Check, node: Json, pointer: str) -> None:
    kind = node["type"].removeprefix("multi_").removesuffix("_select")
    many = node["type"].startswith("multi_")
    initial = f"initial_{kind}" if many else f"initial_{kind.removesuffix('s')}"
    extra = ["max_selected_items" if many else "response_url_enabled"]
    if kind == "conversations":
        extra += ["default_to_current_conversation", "filter"]
    check.keys(node, pointer, optional=(*PLACED, *extra, initial))


def _plain_text_input(check: Check, node: Json, pointer: str) -> None:
    check.keys(
        node,
        pointer,
        optional=(
            "action_id",
            "focus_on_load",
            "placeholder",
            "initial_value",
            "multiline",
            "min_length",
            "max_length",
            "dispatch_action_config",
        ),
    )
    check.flag(node, "multiline", pointer)
    min_length, max_length = node.get("min_length"), node.get("max_length")
    if min_length is not None and not _between(min_length, 0, TYPED):
        check.add(f"{pointer}/min_length", f"must be between 0 and {TYPED}")
    if max_length is not None and not _between(max_length, 1, TYPED):
        check.add(f"{pointer}/max_length", f"must be between 1 and {TYPED}")
    elif isinstance(min_length, int) and isinstance(max_length, int) and min_length > max_length:
        check.add(f"{pointer}/min_length", "must not be more than max_length")
    limit = max_length if isinstance(max_length, int) else TYPED
    check.string(node, "initial_value", pointer, limit=limit, least=0)


def _between(value: object, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _other_input(check: Check, node: Json, pointer: str) -> None:
    extra = ("is_decimal_allowed", "min_value", "max_value")
    number = node["type"] == "number_input"
    check.keys(
        node,
        pointer,
        required=("is_decimal_allowed",) if number else (),
        optional=(*PLACED, "initial_value", "dispatch_action_config", *(extra if number else ())),
    )
    check.string(node, "initial_value", pointer, limit=TYPED)


def _picker(check: Check, node: Json, pointer: str) -> None:
    key, form = ("initial_date", DATE) if node["type"] == "datepicker" else ("initial_time", TIME)
    check.keys(node, pointer, optional=(*PLACED, key, "timezone"))
    value = node.get(key)
    if value is not None and (not isinstance(value, str) or not form.match(value)):
        check.add(f"{pointer}/{key}", "must be a valid date or time")


def image_element(check: Check, node: Json, pointer: str) -> None:
    check.keys(node, pointer, required=("alt_text",), optional=("image_url", "slack_file"))
    check.string(node, "alt_text", pointer, limit=LIMITS["image"]["alt_text"])
    check.url(node, "image_url", pointer)
    if (node.get("image_url") is None) == (node.get("slack_file") is None):
        check.add(pointer, "must provide either image_url or slack_file")


Rule = Callable[[Check, Json, str], None]
MENUS: dict[str, Rule] = {
    "static_select": _static_select,
    "multi_static_select": _static_select,
    "users_select": _people_select,
    "multi_users_select": _people_select,
    "conversations_select": _people_select,
    "multi_conversations_select": _people_select,
    "channels_select": _people_select,
    "multi_channels_select": _people_select,
    "checkboxes": _choice,
    "radio_buttons": _choice,
    "datepicker": _picker,
    "timepicker": _picker,
}
INPUTS: dict[str, Rule] = MENUS | {
    "plain_text_input": _plain_text_input,
    "email_text_input": _other_input,
    "url_text_input": _other_input,
    "number_input": _other_input,
}
IN_ACTIONS: dict[str, Rule] = {
    name: rule for name, rule in MENUS.items() if not name.startswith("multi_")
} | {"button": _button, "overflow": _overflow}
IN_SECTION: dict[str, Rule] = MENUS | {
    "button": _button,
    "overflow": _overflow,
    "image": image_element,
}


def element(check: Check, node: object, pointer: str, allowed: dict[str, Rule]) -> None:
    """Check one element in a position that allows these types."""
    if not isinstance(node, dict):
        check.add(pointer, "must provide an object")
        return
    kind = node.get("type")
    rule = allowed.get(kind) if isinstance(kind, str) else None
    if rule is None:
        check.add(pointer, f"unsupported type: {kind}")
        return
    rule(check, node, pointer)
    _named(check, node, pointer)
