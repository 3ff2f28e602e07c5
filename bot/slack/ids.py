"""Names that travel to Slack and come back: ids alone, never words of a person or a model."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum

from storage.records import Action, OutboxRow

COMMAND = "/crew"
MESSAGE_EVENT_TYPE = "countersign_message"
"""`event_type` of the metadata that goes with every message of ours."""


class ActionId(StrEnum):
    """`action_id` of each button."""

    CONTINUE = "checkpoint_continue"
    REVISE = "checkpoint_revise"
    STOP = "checkpoint_stop"
    SKIP = "checkpoint_skip"
    CANCEL = "execution_cancel"
    RETRY = "execution_retry"
    NEVER_MIND = "revision_never_mind"
    USE_REPLY = "revision_use_reply"
    DISMISS = "revision_dismiss"


DECISIONS: dict[str, Action] = {
    ActionId.CONTINUE: Action.CONTINUE,
    ActionId.STOP: Action.STOP,
    ActionId.SKIP: Action.SKIP,
}
"""The buttons that decide at once; Revise asks for words first."""

REVISION_VIEW = "revision"
"""`callback_id` of the modal that takes the words of a revision."""

TEXT_BLOCK = "revision_text"
TEXT_INPUT = "revision_text_input"
TASKS_BLOCK = "revision_tasks"
TASKS_INPUT = "revision_tasks_input"


class IdError(ValueError):
    """A value that came back is not one that was sent."""


@dataclass(frozen=True, slots=True)
class RevisionView:
    """`private_metadata` of the revision modal: what it is about and where it was opened."""

    checkpoint_id: str
    channel: str
    thread_ts: str | None

    def encode(self) -> str:
        return json.dumps([self.checkpoint_id, self.channel, self.thread_ts])

    @classmethod
    def decode(cls, encoded: str) -> RevisionView:
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
