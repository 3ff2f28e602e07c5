"""Records of what people decide, and of what their replies lead to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from storage.definitions import Json
from storage.records import Action, Actor, Checkpoint, Execution, MessageRef


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision that somebody wants to make. `message` is the one clicked on, if any.

    `delivery` is the front end's id of this delivery: a repeated one changes nothing and returns
    the same answer as the first. `shown` is the hash of the output that the person saw, if the
    front end knows it. `values` are those of the checkpoint's form, as text or JSON. A revision
    whose words `may_go_on` waits for more words of the same person before it runs.
    """

    checkpoint_id: str
    action: Action
    actor: Actor
    text: str = ""
    tasks: tuple[str, ...] = ()
    message: MessageRef | None = None
    delivery: str | None = None
    outcome: str | None = None
    shown: str | None = None
    values: Mapping[str, Json] = field(default_factory=dict)
    may_go_on: bool = False


@dataclass(frozen=True, slots=True)
class Edit:
    """The text that somebody wrote in place of an output, by task; it is decided afterwards."""

    checkpoint_id: str
    texts: Mapping[str, str]
    actor: Actor
    shown: str | None = None
    message: MessageRef | None = None
    delivery: str | None = None


@dataclass(frozen=True, slots=True)
class UseRevision:
    """The wish to decide about an earlier revision's output instead."""

    checkpoint_id: str
    revision: int
    actor: Actor
    shown: str | None = None
    message: MessageRef | None = None
    delivery: str | None = None


@dataclass(frozen=True, slots=True)
class Reopened:
    """The checkpoint that replaces another one with a text that a person wrote or chose."""

    checkpoint: Checkpoint
    execution: Execution


@dataclass(frozen=True, slots=True)
class Decided:
    """A recorded decision, and the execution after it."""

    checkpoint: Checkpoint
    execution: Execution


@dataclass(frozen=True, slots=True)
class Reply:
    """A message that somebody wrote in a thread."""

    channel: str
    thread_ts: str
    ts: str
    text: str
    actor: Actor
    mentions_bot: bool


@dataclass(frozen=True, slots=True)
class RevisionOffered:
    """Talk by somebody who may decide: nothing changed, but it can be offered as a revision.

    `says_yes` is True or False for words that only say yes or no, which may mean a decision.
    `outcome` is the one that the words name, if they do.
    """

    checkpoint: Checkpoint
    text: str
    says_yes: bool | None = None
    outcome: str | None = None


@dataclass(frozen=True, slots=True)
class EditedWords:
    """A reply whose author has changed it: the words before and after.

    `delivery` is the front end's id of this change.
    """

    channel: str
    thread_ts: str
    ts: str
    before: str
    after: str
    actor_id: str
    delivery: str


@dataclass(frozen=True, slots=True)
class WordsTaken:
    """More or other words for a revision that has not started: `checkpoint` has all of them."""

    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True)
class WordsTooLate:
    """Words for a revision that has started without them."""

    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True)
class Talk:
    """A message that does not concern a checkpoint, or that was delivered before."""

    repeated: bool = field(default=False, compare=False)
