"""The buttons of a checkpoint, by its kind. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, assert_never

from slack_sdk.models.blocks import (
    ButtonElement,
    ConfirmObject,
    InteractiveElement,
    Option,
    OptionGroup,
    PlainTextObject,
    StaticSelectElement,
)

from bot.slack.ids import ActionId, ChosenOutcome, ShownCheckpoint
from bot.slack.render import text
from bot.slack.render.position import next_phase
from storage.output_hash import output_hash
from storage.policy import offered_actions
from storage.records import HELD, Action, Checkpoint, CheckpointKind, Execution

LABEL_LIMIT: Final = 75
OUTCOME_BUTTONS: Final = 20
"""More outcomes than this are shown in a menu."""

_MENU_LIMIT: Final = 100


def buttons(checkpoint: Checkpoint, execution: Execution) -> tuple[InteractiveElement, ...]:
    """The buttons of a checkpoint that waits for a decision."""
    offered = _of_kind(checkpoint, execution)
    if Action.REVISE in offered_actions(checkpoint, execution.definition):
        return offered
    return tuple(each for each in offered if each.action_id != ActionId.REVISE)


def shown(checkpoint: Checkpoint) -> str:
    """The value of a button that decides: the checkpoint, and the output that it shows."""
    return ShownCheckpoint(checkpoint.id, output_hash(checkpoint.output)).encode()


def _of_kind(  # noqa: PLR0911 one for each kind
    checkpoint: Checkpoint, execution: Execution
) -> tuple[InteractiveElement, ...]:
    match checkpoint.kind:
        case CheckpointKind.PHASE:
            phase = next_phase(checkpoint, execution)
            label = f"Continue to {text.label(phase)}" if phase else "Continue and finish"
            return (*_usual_buttons(checkpoint, label), _stop(checkpoint))
        case CheckpointKind.GATE if checkpoint.outcomes:
            with_words = button(ActionId.OUTCOME_WORDS, "Add words…", shown(checkpoint))
            stop = _stop(checkpoint, "Stop the run")
            return (*_outcomes(checkpoint), with_words, stop)
        case CheckpointKind.GATE:
            return (*_usual_buttons(checkpoint, "Continue"), _stop(checkpoint))
        case CheckpointKind.TOOL:
            usual = _usual_buttons(
                checkpoint,
                "Continue: call it",
                revise="Revise: refuse with words",
                skip="Skip: do not call it",
            )
            return (*usual, _stop(checkpoint))
        case CheckpointKind.QUESTION:
            return (
                button(ActionId.ANSWER, "Continue: answer", shown(checkpoint), style="primary"),
                button(ActionId.SKIP, "Skip: give no answer", shown(checkpoint)),
                _stop(checkpoint),
            )
        case CheckpointKind.TASK:
            return (*_usual_buttons(checkpoint, "Continue: accept it"), _stop(checkpoint))
        case CheckpointKind.BUDGET:
            go_on = button(ActionId.CONTINUE, "Continue", shown(checkpoint), style="primary")
            return (go_on, _stop(checkpoint))
        case _:
            assert_never(checkpoint.kind)


def _usual_buttons(
    checkpoint: Checkpoint, continue_: str, *, revise: str = "Revise", skip: str = "Skip"
) -> tuple[ButtonElement, ...]:
    """Continue, Revise and Skip."""
    label = text.shorten(continue_, LABEL_LIMIT - 5)
    return (
        button(ActionId.CONTINUE, label, shown(checkpoint), style="primary"),
        button(ActionId.REVISE, revise, shown(checkpoint)),
        button(ActionId.SKIP, skip, shown(checkpoint)),
    )


def _stop(checkpoint: Checkpoint, label: str = "Stop") -> ButtonElement:
    inside = checkpoint.kind in HELD or checkpoint.at_method is not None
    where = "in the middle of" if inside else "after"
    return button(
        ActionId.STOP,
        label,
        shown(checkpoint),
        style="danger",
        confirm=ConfirmObject(
            title="Stop this run?",
            text=PlainTextObject(
                text=f"The run ends here, {where} {text.label(checkpoint.phase)}. "
                "It cannot be resumed."
            ),
            confirm="Stop the run",
            deny="Keep it waiting",
            style="danger",
        ),
    )


def _outcomes(checkpoint: Checkpoint) -> Sequence[InteractiveElement]:
    """A gate's outcomes. None is primary: the bot does not know which is expected."""
    if len(checkpoint.outcomes) > OUTCOME_BUTTONS:
        return (outcome_menu(checkpoint, action_id=ActionId.OUTCOME),)
    return [
        button(ChosenOutcome(checkpoint.id, number).action_id, label, shown(checkpoint))
        for number, label in enumerate(_labels(checkpoint))
    ]


def outcome_menu(checkpoint: Checkpoint, *, action_id: str) -> StaticSelectElement:
    """A menu of all outcomes."""
    options = [
        Option(
            value=ChosenOutcome(checkpoint.id, number, output_hash(checkpoint.output)).encode(),
            text=PlainTextObject(text=name),
        )
        for number, name in enumerate(_labels(checkpoint))
    ]
    if len(options) <= _MENU_LIMIT:
        return StaticSelectElement(
            action_id=action_id, options=options, placeholder="Choose an outcome"
        )
    groups = [
        OptionGroup(label=PlainTextObject(text=f"{first + 1} to {first + len(part)}"), options=part)
        for first in range(0, len(options), _MENU_LIMIT)
        if (part := options[first : first + _MENU_LIMIT])
    ]
    return StaticSelectElement(
        action_id=action_id, option_groups=groups, placeholder="Choose an outcome"
    )


def _labels(checkpoint: Checkpoint) -> list[str]:
    """The name of each outcome, shortened to fit a button."""
    return [
        text.plain(name, LABEL_LIMIT) or f"Outcome {number}"
        for number, name in enumerate(checkpoint.outcomes, 1)
    ]


def button(
    action_id: str,
    label: str,
    value: str,
    *,
    style: str | None = None,
    confirm: ConfirmObject | None = None,
) -> ButtonElement:
    return ButtonElement(
        action_id=action_id,
        text=PlainTextObject(text=label, emoji=False),
        value=value,
        style=style,
        confirm=confirm,
    )
