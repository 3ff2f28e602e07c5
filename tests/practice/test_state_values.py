"""The values of inputs: every type reports its initial value, and what was entered instead."""

from __future__ import annotations

from typing import Any

import pytest

from practice.limits import check_view
from practice.limits.elements import INPUTS
from practice.state import state_values
from tests.practice.samples import Body, modal, plain

ONE, TWO = ({"text": plain(name), "value": name.lower()} for name in ("One", "Two"))
OPTIONS = {"options": [ONE, TWO]}

# type: (its own fields, initial value, another value)
VALUES: dict[str, tuple[Body, Any, Any]] = {
    "plain_text_input": ({}, "before", "after"),
    "number_input": ({"is_decimal_allowed": True}, "1.5", "2"),
    "email_text_input": ({}, "ana@practice.example", "ben@practice.example"),
    "url_text_input": ({}, "https://example.org/a", "https://example.org/b"),
    "static_select": (OPTIONS, ONE, TWO),
    "radio_buttons": (OPTIONS, ONE, TWO),
    "multi_static_select": (OPTIONS, [ONE], [ONE, TWO]),
    "checkboxes": (OPTIONS, [ONE], [TWO]),
    "datepicker": ({}, "2026-12-01", "2026-12-24"),
    "timepicker": ({}, "09:00", "18:30"),
    "users_select": ({}, "U00ANA0001", "U00BEN0001"),
    "multi_users_select": ({}, ["U00ANA0001"], ["U00BEN0001"]),
    "conversations_select": ({}, "C00GENERAL1", "C00RANDOM01"),
    "multi_conversations_select": ({}, ["C00GENERAL1"], []),
    "channels_select": ({}, "C00GENERAL1", "C00RANDOM01"),
    "multi_channels_select": ({}, ["C00GENERAL1"], ["C00GENERAL1", "C00RANDOM01"]),
}


def view_with(kind: str) -> Body:
    fields, initial, _ = VALUES[kind]
    initial_key = state_values.INITIAL[kind][1]
    element = {"type": kind, "action_id": "a", **fields, initial_key: initial}
    return modal({"type": "input", "block_id": "b", "label": plain("Value"), "element": element})


def test_every_input_that_the_limits_allow_has_values() -> None:
    assert set(VALUES) == set(INPUTS) == set(state_values.INITIAL)


@pytest.mark.parametrize("kind", VALUES)
def test_an_input_reports_its_initial_value_until_another_is_entered(kind: str) -> None:
    view = view_with(kind)
    _, initial, entered = VALUES[kind]
    key = state_values.INITIAL[kind][0]

    assert check_view(view) == []
    untouched = state_values.state(view["blocks"], {})
    assert untouched == {"values": {"b": {"a": {"type": kind, key: initial}}}}
    changed = state_values.state(view["blocks"], {"b": {"a": {"type": kind, key: entered}}})
    assert changed == {"values": {"b": {"a": {"type": kind, key: entered}}}}


@pytest.mark.parametrize("kind", VALUES)
def test_a_required_input_without_a_value_is_an_error(kind: str) -> None:
    view = view_with(kind)
    key = state_values.INITIAL[kind][0]
    emptied = state_values.state(view["blocks"], {"b": {"a": {"type": kind, key: None}}})
    assert set(state_values.validation_errors(view["blocks"], emptied["values"])) == {"b"}
