"""Records of what people decide, and of what their replies lead to."""

from __future__ import annotations

from dataclasses import dataclass

from storage.records import Action, Actor, Checkpoint, Execution, MessageRef


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision that somebody wants to make. `message` is the one clicked on, if any.

    `delivery` is the front end's id of this delivery: a repeated one changes nothing and returns
    the same answer as the first.
    """

    checkpoint_id: str
    action: Action
    actor: Actor
    text: str = ""
    tasks: tuple[str, ...] = ()
    message: MessageRef | None = None
    delivery: str | None = None
    outcome: str | None = None


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
    """

    checkpoint: Checkpoint
    text: str
    says_yes: bool | None = None


@dataclass(frozen=True, slots=True)
class Talk:
    """A message that does not concern a checkpoint."""
