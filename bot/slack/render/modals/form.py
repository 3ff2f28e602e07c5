"""The form of a checkpoint, which Continue opens. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, assert_never

from slack_sdk.models.blocks import (
    Block,
    DatePickerElement,
    InputBlock,
    InputInteractiveElement,
    NumberInputElement,
    Option,
    OptionGroup,
    PlainTextInputElement,
    PlainTextObject,
    RadioButtonsElement,
    StaticSelectElement,
)
from slack_sdk.models.views import View

from bot.slack import ids
from bot.slack.render import outputs, text
from bot.slack.render.markdown.gist import gist
from bot.slack.render.message import context
from bot.slack.render.modals.frame import FIELD_LIMIT, lead, modal, notes
from storage.definitions import FormField, InputType, Json
from storage.records import Checkpoint, Execution

LABEL_LIMIT: Final = 2000
OPTION_LIMIT: Final = 75
MENU_LIMIT: Final = 100
GIST_LIMIT: Final = 300
YES_NO: Final = ("yes", "no")


def form(
    checkpoint: Checkpoint,
    execution: Execution,
    *,
    about: ids.FormView,
    typed: Mapping[str, str] | None = None,
    note: str = "",
) -> View:
    """A field for each value. `typed` are values that were entered already, by field's block.

    `note` is mrkdwn that stands first.
    """
    opening = gist(outputs.full_text(checkpoint.output), GIST_LIMIT).opening
    blocks: list[Block] = [*notes(note), lead(checkpoint, execution)]
    blocks += [context(text.mrkdwn(opening))] if opening.strip() else []
    entered = typed or {}
    blocks += [
        _field(each, ids.field_block(number), entered.get(ids.field_block(number), ""))
        for number, each in enumerate(checkpoint.form)
    ]
    return modal(
        blocks,
        title="Before it continues",
        about=about,
        callback_id=ids.FORM_VIEW,
        submit="Continue",
        close="Cancel",
    )


def values(fields: Sequence[FormField], entered: Mapping[str, str]) -> dict[str, Json]:
    """The values of a submitted form, as text. Fields that were left empty are not among them.

    Raises IdError if a menu's option is not one of ours.
    """
    by_field = {
        each.name: _value(each, entered.get(ids.field_block(number), ""))
        for number, each in enumerate(fields)
    }
    return {name: value for name, value in by_field.items() if value.strip()}


def field_errors(fields: Sequence[FormField], errors: Mapping[str, str]) -> dict[str, str]:
    """The errors by field's name, as errors by block."""
    return {
        ids.field_block(number): errors[each.name]
        for number, each in enumerate(fields)
        if each.name in errors
    }


def _value(field: FormField, entered: str) -> str:
    choices = _choices(field)
    if not choices or not entered:
        return entered
    number = ids.parse_number(entered)
    if number >= len(choices):
        raise ids.IdError("value is not a choice of this form")
    return choices[number]


def _choices(field: FormField) -> tuple[str, ...]:
    if field.type is InputType.YES_NO:
        return YES_NO
    return field.choices if field.type is InputType.CHOICE else ()


def _field(field: FormField, block_id: str, entered: str) -> InputBlock:
    return InputBlock(
        block_id=block_id,
        label=text.plain(field.label, LABEL_LIMIT) or text.label(field.name),
        hint=_range(field) or None,
        optional=not field.required,
        element=_element(field, block_id, entered),
    )


def _range(field: FormField) -> str:
    least, most = _number(field.min), _number(field.max)
    if least and most:
        return f"From {least} to {most}."
    if least:
        return f"{least} or more."
    return f"{most} or less." if most else ""


def _number(number: float | None) -> str:
    if number is None:
        return ""
    return str(int(number)) if float(number).is_integer() else repr(float(number))


def _element(field: FormField, action_id: str, entered: str) -> InputInteractiveElement:
    match field.type:
        case InputType.NUMBER:
            return NumberInputElement(
                action_id=action_id,
                is_decimal_allowed=True,
                min_value=_number(field.min) or None,
                max_value=_number(field.max) or None,
                initial_value=entered or None,
            )
        case InputType.DATE:
            return DatePickerElement(action_id=action_id, initial_date=entered or None)
        case InputType.YES_NO:
            options = _options(("Yes", "No"))
            return RadioButtonsElement(
                action_id=action_id, options=options, initial_option=_chosen(options, entered)
            )
        case InputType.CHOICE:
            return _menu(_options(field.choices), action_id, entered)
        case InputType.TEXT | InputType.JSON:
            return PlainTextInputElement(
                action_id=action_id,
                multiline=True,
                max_length=FIELD_LIMIT,
                initial_value=entered or None,
            )
        case _:
            assert_never(field.type)


def _menu(options: Sequence[Option], action_id: str, entered: str) -> StaticSelectElement:
    chosen = _chosen(options, entered)
    if len(options) <= MENU_LIMIT:
        return StaticSelectElement(
            action_id=action_id,
            options=options,
            initial_option=chosen,
            placeholder="Choose one",
        )
    groups = [
        OptionGroup(label=PlainTextObject(text=f"{at + 1} to {at + len(part)}"), options=part)
        for at in range(0, len(options), MENU_LIMIT)
        if (part := options[at : at + MENU_LIMIT])
    ]
    return StaticSelectElement(
        action_id=action_id, option_groups=groups, initial_option=chosen, placeholder="Choose one"
    )


def _options(choices: Sequence[str]) -> list[Option]:
    """An option for each choice; its value is the choice's number."""
    return [
        Option(
            value=str(number),
            text=PlainTextObject(text=text.plain(choice, OPTION_LIMIT) or f"Choice {number + 1}"),
        )
        for number, choice in enumerate(choices)
    ]


def _chosen(options: Sequence[Option], entered: str) -> Option | None:
    return next((option for option in options if option.value == entered), None)
