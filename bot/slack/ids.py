"""Names that travel to Slack and come back: ids alone, never words of a person or a model."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from storage.messages import OutboxRow
from storage.records import Action

COMMAND = "/crew"
MESSAGE_EVENT_TYPE = "countersign_message"
"""`event_type` of the metadata that goes with every message of ours."""


class ActionId(StrEnum):
    """`action_id` of each button. Those of outcomes also carry the outcome's number."""

    CONTINUE = "checkpoint_continue"
    REVISE = "checkpoint_revise"
    STOP = "checkpoint_stop"
    SKIP = "checkpoint_skip"
    OUTCOME = "checkpoint_outcome"
    OUTCOME_WORDS = "checkpoint_outcome_words"
    ANSWER = "checkpoint_answer"
    CANCEL = "execution_cancel"
    RETRY = "execution_retry"
    NEVER_MIND = "revision_never_mind"
    USE_REPLY = "revision_use_reply"
    DISMISS = "revision_dismiss"
    KEEP_LESSON = "lesson_keep"
    DELETE_LESSON = "lesson_delete"


DECISIONS: dict[str, Action] = {
    ActionId.CONTINUE: Action.CONTINUE,
    ActionId.STOP: Action.STOP,
    ActionId.SKIP: Action.SKIP,
}
"""The buttons that decide at once; Revise asks for words first."""

OUTCOMES: Final = re.compile(rf"{ActionId.OUTCOME}(?:_[0-9]+)?\Z")
"""`action_id` of an outcome's button, or of the menu that stands for many of them."""

REVISION_VIEW = "revision"
"""`callback_id` of the modal that takes the words of a revision."""

ANSWER_VIEW = "answer"
"""The same of the modal that takes the answer to a question."""

OUTCOME_VIEW = "outcome"
"""The same of the modal that takes a gate's outcome with words."""

TEXT_BLOCK = "revision_text"
TEXT_INPUT = "revision_text_input"
TASKS_BLOCK = "revision_tasks"
TASKS_INPUT = "revision_tasks_input"
OUTCOME_BLOCK = "outcome_choice"
OUTCOME_INPUT = "outcome_choice_input"


class IdError(ValueError):
    """A value that came back is not one that was sent."""


@dataclass(frozen=True, slots=True)
class FormView:
    """`private_metadata` of a modal: what it is about and where it was opened."""

    checkpoint_id: str
    channel: str
    thread_ts: str | None

    def encode(self) -> str:
        return json.dumps([self.checkpoint_id, self.channel, self.thread_ts])

    @classmethod
    def decode(cls, encoded: str) -> FormView:
        try:
            parts = json.loads(encoded)
        except ValueError:
            raise IdError("private_metadata is not ours") from None
        match parts:
            case [str(checkpoint_id), str(channel), str() | None as thread_ts]:
                return cls(checkpoint_id, channel, thread_ts)
            case _:
                raise IdError("private_metadata is not ours")


@dataclass(frozen=True, slots=True)
class ChosenOutcome:
    """One of a gate's outcomes, by its number: their words never travel."""

    checkpoint_id: str
    number: int

    @property
    def action_id(self) -> str:
        """Of the button that chooses it; the checkpoint's id is that button's value."""
        return f"{ActionId.OUTCOME}_{self.number}"

    def encode(self) -> str:
        """The value of its option in a menu."""
        return f"{self.checkpoint_id} {self.number}"

    @classmethod
    def of_click(cls, *, action_id: str, value: str) -> ChosenOutcome:
        if action_id == ActionId.OUTCOME:
            return cls.decode(value)
        return cls(value, _number(action_id.removeprefix(f"{ActionId.OUTCOME}_")))

    @classmethod
    def decode(cls, encoded: str) -> ChosenOutcome:
        checkpoint_id, _, number = encoded.partition(" ")
        return cls(checkpoint_id, _number(number))


def _number(written: str) -> int:
    if not (written.isascii() and written.isdigit() and len(written) <= 6):
        raise IdError("value is not an outcome")
    return int(written)


@dataclass(frozen=True, slots=True)
class OfferedReply:
    """`value` of the button that takes a reply as the revision: the reply itself stays in Slack."""

    checkpoint_id: str
    thread_ts: str
    ts: str

    def encode(self) -> str:
        return " ".join((self.checkpoint_id, self.thread_ts, self.ts))

    @classmethod
    def decode(cls, encoded: str) -> OfferedReply:
        parts = encoded.split(" ")
        if len(parts) != 3:
            raise IdError("value is not an offered reply")
        return cls(*parts)


def message_key(row: OutboxRow) -> str:
    """What tells a message of ours from any other, also from an earlier one that was deleted."""
    return f"{row.key}:{row.generation}"


def short(execution_id: str) -> str:
    """The part of an execution's id that people read and type."""
    return execution_id[:8]
