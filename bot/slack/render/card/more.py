"""The buttons of a card that do not decide: Read it all, and the menu More… Pure."""

from __future__ import annotations

from typing import Final

from slack_sdk.models.blocks import (
    ButtonElement,
    Option,
    OverflowMenuElement,
    PlainTextObject,
)

from bot.slack.ids import ActionId, ChosenMore, MoreChoice, ShownCheckpoint
from bot.slack.render.buttons import button
from storage.output_hash import output_hash
from storage.records import Checkpoint, CheckpointKind

_LABELS: Final = {
    MoreChoice.EDIT: "Edit…",
    MoreChoice.EARLIER: "Use an earlier revision…",
    MoreChoice.CHANGES: "What changed",
}


def shown(checkpoint: Checkpoint) -> ShownCheckpoint:
    return ShownCheckpoint(checkpoint.id, output_hash(checkpoint.output))


def read_it_all(checkpoint: Checkpoint) -> ButtonElement:
    return button(ActionId.READ, "Read it all", shown(checkpoint).encode())


def menu(checkpoint: Checkpoint) -> OverflowMenuElement | None:
    """None if there is nothing to offer."""
    choices = []
    if checkpoint.kind is CheckpointKind.PHASE:
        choices.append(MoreChoice.EDIT)
    if checkpoint.revision > 1:
        choices += [MoreChoice.EARLIER, MoreChoice.CHANGES]
    if not choices:
        return None
    about = shown(checkpoint)
    return OverflowMenuElement(
        action_id=ActionId.MORE,
        options=[
            Option(
                value=ChosenMore(choice, about).encode(),
                text=PlainTextObject(text=_LABELS[choice], emoji=False),
            )
            for choice in choices
        ],
    )
