"""Identifiers that are sent to Slack and come back. They never contain text of people or models."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from storage.messages import OutboxRow
from storage.records import Action

COMMAND = "/crew"
MESSAGE_EVENT_TYPE = "countersign_message"
"""`event_type` of the metadata of every message that we post."""


class ActionId(StrEnum):
    """`action_id` of each button. For outcomes the outcome's number is appended."""

    CONTINUE = "checkpoint_continue"
    REVISE = "checkpoint_revise"
    STOP = "checkpoint_stop"
    SKIP = "checkpoint_skip"
    OUTCOME = "checkpoint_outcome"
    OUTCOME_WORDS = "checkpoint_outcome_words"
    ANSWER = "checkpoint_answer"
    READ = "checkpoint_read"
    MORE = "checkpoint_more"
    PREVIOUS_PAGE = "read_previous"
    NEXT_PAGE = "read_next"
    CHOOSE_REVISION = "earlier_choose"
    EARLIER_LIST = "earlier_list"
    CHANGES_FILE = "changes_file"
    CANCEL = "execution_cancel"
    RETRY = "execution_retry"
    NEVER_MIND = "revision_never_mind"
    USE_REPLY = "revision_use_reply"
    CONTINUE_BY_REPLY = "revision_continue_instead"
    OUTCOME_BY_REPLY = "revision_outcome_instead"
    DISMISS = "revision_dismiss"
    KEEP_LESSON = "lesson_keep"
    DELETE_LESSON = "lesson_delete"
    OPEN_START = "start_open"
    START_CREW = "start_crew"


class MoreChoice(StrEnum):
    """What the menu More… of a card offers."""

    EDIT = "edit"
    EARLIER = "earlier"
    CHANGES = "changes"


DECISIONS: dict[str, Action] = {
    ActionId.CONTINUE: Action.CONTINUE,
    ActionId.STOP: Action.STOP,
    ActionId.SKIP: Action.SKIP,
}
"""The buttons that decide at once; Revise asks for words first."""

CHECKPOINT_ACTION: Final = re.compile(r"checkpoint_")
"""The beginning of the `action_id` of every button of a card."""

OUTCOMES: Final = re.compile(rf"{ActionId.OUTCOME}(?:_[0-9]+)?\Z")
"""`action_id` of an outcome's button, or of the menu that replaces many buttons."""

OUTCOMES_BY_REPLY: Final = re.compile(rf"{ActionId.OUTCOME_BY_REPLY}_[0-9]+\Z")
"""`action_id` of an outcome's button beside a reply, whose value is an OfferedReply."""

REVISION_VIEW = "revision"
"""`callback_id` of the modal for a revision."""

ANSWER_VIEW = "answer"
"""`callback_id` of the modal for the answer to a question."""

OUTCOME_VIEW = "outcome"
"""`callback_id` of the modal for a gate's outcome with words."""

READ_VIEW = "read"
"""`callback_id` of the modal with the whole text."""

EDIT_VIEW = "edit"
"""`callback_id` of the modal in which an output is edited."""

EARLIER_VIEW = "earlier"
"""`callback_id` of the modal with the earlier revisions."""

CHANGES_VIEW = "changes"
"""`callback_id` of the modal with what changed from the revision before."""

FORM_VIEW = "form"
"""`callback_id` of the modal with a checkpoint's form, which Continue opens."""

START_VIEW = "start"
"""`callback_id` of the modal for a crew's inputs. The `action_id` of a field is the input's name,
and the value of an option is one of its choices: names that the crew's author gave.
"""

HOME_VIEW = "home"
"""`callback_id` of the Home tab."""

START_SHORTCUT = "start_crew"
START_ON_MESSAGE = "start_on_message"
REVISE_BY_MESSAGE = "use_as_revision"
"""`callback_id` of each shortcut, as manifest.yml has it."""

CREW_BLOCK = "start_crew"
PLACE_BLOCK = "start_place"
PLACE_INPUT = "start_place_input"
LANGUAGE_BLOCK = "start_language"
LANGUAGE_INPUT = "start_language_input"
LEFT_OUT_BLOCK = "start_left_out"
LEFT_OUT_INPUT = "start_left_out_input"
"""Fields of the form that starts a run, beside the crew's inputs."""

INPUT_BLOCK_PREFIX: Final = "input_"
FIELD_PREFIX: Final = "field_"
EDIT_PREFIX: Final = "edit_"
METADATA_LIMIT: Final = 3000

TEXT_BLOCK = "revision_text"
TEXT_INPUT = "revision_text_input"
TASKS_BLOCK = "revision_tasks"
TASKS_INPUT = "revision_tasks_input"
OUTCOME_BLOCK = "outcome_choice"
OUTCOME_INPUT = "outcome_choice_input"


class IdError(ValueError):
    """A value that came back is not one that we sent."""


def _metadata(encoded: str) -> Any:
    """What a view carries in its private metadata. Raises IdError."""
    try:
        return json.loads(encoded)
    except ValueError:
        raise IdError("private_metadata is not ours") from None


@dataclass(frozen=True, slots=True)
class ShownCheckpoint:
    """`value` of a card's buttons: the checkpoint, and the hash of the output that it shows.

    Cards that were posted by a version without the hash have none.
    """

    checkpoint_id: str
    shown: str | None = None

    def encode(self) -> str:
        return self.checkpoint_id if self.shown is None else f"{self.checkpoint_id} {self.shown}"

    @classmethod
    def decode(cls, encoded: str) -> ShownCheckpoint:
        checkpoint_id, _, shown = encoded.partition(" ")
        return cls(checkpoint_id, shown or None)


@dataclass(frozen=True, slots=True)
class ChosenMore:
    """`value` of an option in the menu More…"""

    choice: MoreChoice
    about: ShownCheckpoint

    def encode(self) -> str:
        return f"{self.choice} {self.about.encode()}"

    @classmethod
    def decode(cls, encoded: str) -> ChosenMore:
        choice, _, about = encoded.partition(" ")
        try:
            return cls(MoreChoice(choice), ShownCheckpoint.decode(about))
        except ValueError:
            raise IdError("value is not an entry of the menu") from None


@dataclass(frozen=True, slots=True)
class FormView:
    """`private_metadata` of a modal: its checkpoint, and where it was opened.

    `shown` is the hash of the output that the person saw. `page` is the part of a long text that
    the modal shows, `revision` the earlier revision that it is about, and `outcome` the number of
    the outcome that was chosen before the modal opened.
    """

    checkpoint_id: str
    channel: str
    thread_ts: str | None
    shown: str | None = None
    page: int = 0
    revision: int | None = None
    outcome: int | None = None

    def encode(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def decode(cls, encoded: str) -> FormView:
        match _metadata(encoded):
            case {
                "checkpoint_id": str(checkpoint_id),
                "channel": str(channel),
                "thread_ts": str() | None as thread_ts,
                "shown": str() | None as shown,
                "page": int(page),
                "revision": int() | None as revision,
                "outcome": int() | None as outcome,
            }:
                return cls(checkpoint_id, channel, thread_ts, shown, page, revision, outcome)
            case [str(checkpoint_id), str(channel), str() | None as thread_ts]:
                # Opened by a version that did not name what was shown.
                return cls(checkpoint_id, channel, thread_ts)
            case _:
                raise IdError("private_metadata is not ours")

    @property
    def about(self) -> ShownCheckpoint:
        return ShownCheckpoint(self.checkpoint_id, self.shown)


@dataclass(frozen=True, slots=True)
class StartView:
    """`private_metadata` of the modal for a crew's inputs: where it was opened, and the options
    that were typed."""

    crew: str
    channel: str
    language: str
    checkpoints: tuple[str, ...] | None

    def encode(self) -> str:
        """May be longer than METADATA_LIMIT, with which Slack refuses the modal."""
        return json.dumps([self.crew, self.channel, self.language, self.checkpoints])

    @classmethod
    def decode(cls, encoded: str) -> StartView:
        match _metadata(encoded):
            case [str(crew), str(channel), str(language), None]:
                return cls(crew, channel, language, None)
            case [str(crew), str(channel), str(language), [*names]] if _are_texts(names):
                return cls(crew, channel, language, tuple(names))
            case _:
                raise IdError("private_metadata is not ours")


def _are_texts(names: list[object]) -> bool:
    return all(isinstance(name, str) for name in names)


def input_block(name: str) -> str:
    """`block_id` of the field for an input."""
    return f"{INPUT_BLOCK_PREFIX}{name}"


def field_block(number: int) -> str:
    """`block_id` and `action_id` of a field of a checkpoint's form."""
    return f"{FIELD_PREFIX}{number}"


@dataclass(frozen=True, slots=True)
class ChosenOutcome:
    """One of a gate's outcomes, by its number: its words are never sent as a value."""

    checkpoint_id: str
    number: int
    shown: str | None = None

    @property
    def about(self) -> ShownCheckpoint:
        return ShownCheckpoint(self.checkpoint_id, self.shown)

    @property
    def action_id(self) -> str:
        """`action_id` of its button, whose value is `about`."""
        return f"{ActionId.OUTCOME}_{self.number}"

    def encode(self) -> str:
        """The value of its option in a menu."""
        return f"{self.about.encode()} {self.number}"

    @classmethod
    def of_click(cls, *, action_id: str, value: str) -> ChosenOutcome:
        if action_id == ActionId.OUTCOME:
            return cls.decode(value)
        number = parse_number(action_id.removeprefix(f"{ActionId.OUTCOME}_"))
        about = ShownCheckpoint.decode(value)
        return cls(about.checkpoint_id, number, about.shown)

    @classmethod
    def decode(cls, encoded: str) -> ChosenOutcome:
        value, _, number = encoded.rpartition(" ")
        about = ShownCheckpoint.decode(value)
        return cls(about.checkpoint_id, parse_number(number), about.shown)


def outcome_by_reply(number: int) -> str:
    """`action_id` of the button for an outcome, by its number, beside a reply."""
    return f"{ActionId.OUTCOME_BY_REPLY}_{number}"


def outcome_of_reply(action_id: str, outcomes: tuple[str, ...]) -> str:
    """The outcome that such a button chooses. Raises IdError."""
    number = parse_number(action_id.removeprefix(f"{ActionId.OUTCOME_BY_REPLY}_"))
    if number >= len(outcomes):
        raise IdError("value is not an outcome of this checkpoint")
    return outcomes[number]


def parse_number(text: str) -> int:
    """Raises IdError."""
    if not (text.isascii() and text.isdigit() and len(text) <= 6):
        raise IdError("value is not a number of ours")
    return int(text)


@dataclass(frozen=True, slots=True)
class OfferedReply:
    """`value` of the button that uses a reply as the revision. The reply's text stays in Slack."""

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
    """Identifies one posted message of a row, also against an earlier one that was deleted."""
    return f"{row.key}:{row.generation}"


def block_key(row: OutboxRow) -> str:
    """`block_id` by which a message is found again if Slack refuses its metadata."""
    return f"key {message_key(row)}"


def short(execution_id: str) -> str:
    """The part of an execution's id that people read and type."""
    return execution_id[:8]
