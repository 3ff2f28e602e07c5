"""The form for a crew's inputs. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, assert_never

from slack_sdk.models.blocks import (
    Block,
    CheckboxesElement,
    ConversationFilter,
    ConversationSelectElement,
    DatePickerElement,
    InputBlock,
    InputInteractiveElement,
    NumberInputElement,
    Option,
    PlainTextInputElement,
    PlainTextObject,
    RadioButtonsElement,
    StaticMultiSelectElement,
    StaticSelectElement,
)
from slack_sdk.models.views import View

from bot.slack import ids
from bot.slack.render import text
from bot.slack.render.message import section
from storage.crew_inputs import REQUEST, THE_REQUEST, is_required
from storage.definitions import CheckpointDefinition, CrewDefinition, CrewInput, InputType, Json
from storage.input_values import BadValue, as_text, convert

TEXT_LIMIT: Final = 3000
MAX_FIELDS: Final = 90
MAX_OPTIONS: Final = 100
MAX_CHECKBOXES: Final = 10
OPTION_LIMIT: Final = 75
TITLE_LIMIT: Final = 24
NAME_LIMIT: Final = 200
_DATE_LENGTH: Final = len("2026-05-31")
_SHORT: Final = 80
"""A default up to this length is shown in a field of one line."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What a form that was opened without a command asks beside the inputs.

    `crews` are those to choose from. `left_out` are the checkpoints that the person may leave out,
    by their number in the crew's definition, and `chosen` those that are.
    """

    crews: Sequence[CrewDefinition]
    place: bool = False
    language: bool = False
    left_out: Sequence[tuple[int, CheckpointDefinition]] = ()
    chosen: Sequence[int] = ()


def form(
    crew: CrewDefinition,
    asked: Sequence[CrewInput],
    filled: Mapping[str, Json],
    *,
    about: ids.StartView,
    note: str = "",
    choices: Choices | None = None,
) -> View:
    """A field for each input that is asked for, with what was said or its default.

    `note` is mrkdwn that stands above the fields.
    """
    fields = _shown(asked)
    lead = text.line(crew.description, 300)
    if len(fields) < len(asked):
        names = ", ".join(f"`{text.mrkdwn(each.name)}`" for each in asked if each not in fields)
        note = f"{note}\nThere is no room for more fields. Type these as `name=value`: {names}"
    blocks: list[Block] = [] if choices is None else [_crew_field(crew, choices)]
    blocks += [section(part) for part in (lead, note.strip()) if part]
    blocks += [] if choices is None else _place_field(about, choices)
    blocks += [_field(each, filled.get(each.name, each.default)) for each in fields]
    if choices is not None:
        blocks += [*_language_field(about, choices), *_left_out_field(choices)]
    return View(
        type="modal",
        callback_id=ids.START_VIEW,
        title=PlainTextObject(
            text=text.plain(crew.name if choices is None else "Start a crew", TITLE_LIMIT)
        ),
        submit=PlainTextObject(text="Start"),
        close=PlainTextObject(text="Cancel"),
        private_metadata=about.encode(),
        blocks=blocks,
    )


def choosable(crew: CrewDefinition) -> bool:
    """Whether the crew's name fits into an option of a menu."""
    return text.length(crew.name) <= OPTION_LIMIT


def _crew_field(crew: CrewDefinition, choices: Choices) -> InputBlock:
    options = _options([each.name for each in choices.crews[:MAX_OPTIONS]])
    return InputBlock(
        block_id=ids.CREW_BLOCK,
        label="Crew",
        dispatch_action=True,
        element=StaticSelectElement(
            action_id=ids.ActionId.START_CREW,
            options=options,
            initial_option=_option(options, crew.name),
        ),
    )


def _place_field(about: ids.StartView, choices: Choices) -> list[Block]:
    if not choices.place:
        return []
    channels = ConversationFilter(include=["public", "private"], exclude_bot_users=True)
    return [
        InputBlock(
            block_id=ids.PLACE_BLOCK,
            label="Channel",
            dispatch_action=True,
            hint="The run gets a thread there, which its members see.",
            element=ConversationSelectElement(
                action_id=ids.PLACE_INPUT,
                filter=channels,
                initial_conversation=about.channel or None,
            ),
        )
    ]


def _language_field(about: ids.StartView, choices: Choices) -> list[Block]:
    if not choices.language:
        return []
    element = PlainTextInputElement(
        action_id=ids.LANGUAGE_INPUT, max_length=100, initial_value=about.language or None
    )
    return [
        InputBlock(block_id=ids.LANGUAGE_BLOCK, label="Language", optional=True, element=element)
    ]


def _left_out_field(choices: Choices) -> list[Block]:
    """The checkpoints as options, by number: their names are the crew's own."""
    options = [
        Option(value=str(number), text=PlainTextObject(text=_checkpoint_label(checkpoint)))
        for number, checkpoint in choices.left_out[:MAX_OPTIONS]
    ]
    if not options:
        return []
    chosen = [each for each in options if int(each.value or "") in choices.chosen] or None
    return [
        InputBlock(
            block_id=ids.LEFT_OUT_BLOCK,
            label="Checkpoints to leave out",
            hint="The run does not stop there: you approve nothing, and say so in advance.",
            optional=True,
            element=CheckboxesElement(
                action_id=ids.LEFT_OUT_INPUT, options=options, initial_options=chosen
            )
            if len(options) <= MAX_CHECKBOXES
            else StaticMultiSelectElement(
                action_id=ids.LEFT_OUT_INPUT, options=options, initial_options=chosen
            ),
        )
    ]


def _checkpoint_label(checkpoint: CheckpointDefinition) -> str:
    name = text.label(checkpoint.name)
    words = f"{name}: {checkpoint.description}" if checkpoint.description else name
    return text.plain(words, OPTION_LIMIT)


def fits(filled: Mapping[str, Json], about: ids.StartView) -> bool:
    """Whether Slack's limits leave room for everything that was typed."""
    texts = [as_text(value) for value in filled.values()]
    return len(about.encode()) <= ids.METADATA_LIMIT and all(
        text.length(each) <= TEXT_LIMIT for each in texts
    )


def _shown(asked: Sequence[CrewInput]) -> list[CrewInput]:
    """The inputs that the form has room for: required ones first, in their order."""
    named = [each for each in asked if len(each.name) <= NAME_LIMIT]
    first = sorted(named, key=lambda each: not is_required(each))[:MAX_FIELDS]
    return [each for each in asked if each in first]


def label(crew_input: CrewInput) -> str:
    """What a person reads above the field."""
    if crew_input.label:
        return text.plain(crew_input.label, 200)
    if crew_input.name in THE_REQUEST:
        return REQUEST.label
    name = text.label(crew_input.name)
    return f"{name[:1].upper()}{name[1:]}"


def _field(crew_input: CrewInput, value: Json) -> InputBlock:
    return InputBlock(
        block_id=ids.input_block(crew_input.name),
        label=label(crew_input),
        hint=_hint(crew_input),
        optional=not is_required(crew_input),
        element=_element(crew_input, value),
    )


def _hint(crew_input: CrewInput) -> str | None:
    hints = []
    if crew_input.type is InputType.JSON:
        hints.append("A list or an object in JSON.")
    if crew_input.type is InputType.CHOICE and not _options(crew_input.choices):
        hints.append(f"One of: {text.plain(', '.join(crew_input.choices), 1500)}")
    if text.length(as_text(crew_input.default)) > TEXT_LIMIT:
        hints.append("Its default is too long to be shown; leave it empty to use that.")
    return " ".join(hints) or None


def shown(crew_input: CrewInput, value: Json) -> str:
    """The text or choice that the field holds for this value; empty if it can show none."""
    start = as_text(value)
    if crew_input.type in (InputType.TEXT, InputType.JSON):
        return start if text.length(start) <= TEXT_LIMIT else ""
    try:
        start = as_text(convert(start, crew_input)) if start else ""
    except BadValue:
        return ""
    return start[:_DATE_LENGTH] if crew_input.type is InputType.DATE else start


def _element(crew_input: CrewInput, value: Json) -> InputInteractiveElement:
    name, start = crew_input.name, shown(crew_input, value)
    match crew_input.type:
        case InputType.NUMBER:
            return NumberInputElement(
                action_id=name, is_decimal_allowed=True, initial_value=start or None
            )
        case InputType.DATE:
            return DatePickerElement(action_id=name, initial_date=start or None)
        case InputType.YES_NO:
            yes_or_no = _options(("yes", "no"))
            return RadioButtonsElement(
                action_id=name, options=yes_or_no, initial_option=_option(yes_or_no, start)
            )
        case InputType.CHOICE if options := _options(crew_input.choices):
            return StaticSelectElement(
                action_id=name,
                options=options,
                initial_option=_option(options, start),
                placeholder="Choose one",
            )
        case InputType.TEXT | InputType.JSON | InputType.CHOICE:
            return _text_field(crew_input, start)
        case _:
            assert_never(crew_input.type)


def _text_field(crew_input: CrewInput, start: str) -> PlainTextInputElement:
    is_short = bool(start) and len(start) <= _SHORT and "\n" not in start
    is_one_line = is_short and crew_input.type is not InputType.JSON
    return PlainTextInputElement(
        action_id=crew_input.name,
        multiline=not is_one_line or crew_input.name in THE_REQUEST,
        max_length=TEXT_LIMIT,
        initial_value=start or None,
    )


def _options(choices: Sequence[str]) -> list[Option]:
    """An option for each choice; none if a menu has no room for them."""
    shown = [text.plain(choice, OPTION_LIMIT + 1) for choice in choices]
    if not 0 < len(choices) <= MAX_OPTIONS or any(not 0 < len(c) <= OPTION_LIMIT for c in shown):
        return []
    if any(text.length(choice) > OPTION_LIMIT for choice in choices):
        return []
    return [
        Option(value=choice, text=PlainTextObject(text=words))
        for choice, words in zip(choices, shown, strict=True)
    ]


def _option(options: Sequence[Option], chosen: str) -> Option | None:
    return next((option for option in options if option.value == chosen), None)
