"""What a use case refuses. One tree; each error names the thing and carries it."""

from __future__ import annotations

from storage.definitions import CrewDefinition, DecisionRule
from storage.policy import Refusal
from storage.records import OFFERED, Action, Checkpoint, Execution


class CountersignError(Exception):
    """Root of all that the use cases refuse."""


class UnknownExecution(CountersignError):
    def __init__(self, execution_id: str) -> None:
        super().__init__(f"no execution {execution_id!r}")
        self.execution_id = execution_id


class AmbiguousExecution(CountersignError):
    """A shortened id that fits more than one execution."""

    def __init__(self, prefix: str) -> None:
        super().__init__(f"more than one execution begins with {prefix!r}")
        self.prefix = prefix


class UnknownCheckpoint(CountersignError):
    def __init__(self, checkpoint_id: str) -> None:
        super().__init__(f"no checkpoint {checkpoint_id!r}")
        self.checkpoint_id = checkpoint_id


class AlreadyDecided(CountersignError):
    """The checkpoint, as it was decided, stands in `checkpoint`."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__(f"checkpoint {checkpoint.id} is already {checkpoint.state}")
        self.checkpoint = checkpoint


class OutdatedMessage(CountersignError):
    """A click on a message that is not the one that shows this checkpoint."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__(f"checkpoint {checkpoint.id} is shown by another message")
        self.checkpoint = checkpoint


class NotAllowed(CountersignError):
    """`rule` is None where it is about cancel or retry."""

    def __init__(self, refusal: Refusal, execution: Execution, rule: DecisionRule | None) -> None:
        super().__init__(f"not allowed on execution {execution.id}: {refusal}")
        self.refusal = refusal
        self.execution = execution
        self.rule = rule


class LeavingOutNotAllowed(CountersignError):
    """Somebody who may not decide a checkpoint wants to leave it out."""

    def __init__(self, checkpoint: str, refusal: Refusal, rule: DecisionRule) -> None:
        super().__init__(f"checkpoint {checkpoint!r} may not be left out: {refusal}")
        self.checkpoint = checkpoint
        self.refusal = refusal
        self.rule = rule


class UnknownCheckpointName(CountersignError):
    """`checkpoints` names one that the crew does not have."""

    def __init__(self, name: str, definition: CrewDefinition) -> None:
        known = ", ".join(c.name for c in definition.checkpoints) or "none"
        super().__init__(f"crew {definition.name!r} has no checkpoint {name!r} (it has: {known})")
        self.name = name
        self.definition = definition


class TextNeeded(CountersignError):
    """Revise without words."""


class NotOffered(CountersignError):
    """What waits here is not decided in this way: `offered` says how."""

    def __init__(self, checkpoint: Checkpoint, wanted: Action) -> None:
        super().__init__(f"checkpoint {checkpoint.id} does not offer {wanted}")
        self.checkpoint = checkpoint
        self.wanted = wanted
        self.offered = OFFERED[checkpoint.kind]


class UnknownTasks(CountersignError):
    """A revision names outputs that the checkpoint does not show."""

    def __init__(self, unknown: tuple[str, ...], checkpoint: Checkpoint) -> None:
        super().__init__(f"checkpoint {checkpoint.id} shows no {', '.join(unknown)}")
        self.unknown = unknown
        self.checkpoint = checkpoint


class NoRule(CountersignError):
    """A checkpoint arises inside a crew whose entry does not say who may decide."""

    def __init__(self, crew: str) -> None:
        super().__init__(f"crews.yml gives crew {crew!r} no `approvers` for what arises inside it")
        self.crew = crew


class OutcomeNeeded(CountersignError):
    """A gate offers outcomes, and the decision names none of them."""

    def __init__(self, checkpoint: Checkpoint, named: str | None) -> None:
        super().__init__(f"checkpoint {checkpoint.id} has no outcome {named!r}")
        self.checkpoint = checkpoint
        self.named = named


class LimitReached(CountersignError):
    """A bound of the crew. `limit` is its key in crews.yml, `most` what is allowed."""

    def __init__(self, limit: str, most: int, crew: str) -> None:
        super().__init__(f"crew {crew!r} allows {limit} of {most}")
        self.limit = limit
        self.most = most
        self.crew = crew


class UnknownLesson(CountersignError):
    def __init__(self, lesson_id: str) -> None:
        super().__init__(f"no lesson {lesson_id!r}")
        self.lesson_id = lesson_id


class NoLesson(CountersignError):
    """A checkpoint that holds no revision, or a crew whose entry does not say `lessons: true`."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__(f"checkpoint {checkpoint.id} teaches no lesson")
        self.checkpoint = checkpoint


class WrongState(CountersignError):
    """Cancel or retry of an execution that does not take it; `execution` says where it stands."""

    def __init__(self, execution: Execution, wanted: str) -> None:
        super().__init__(f"execution {execution.id} is {execution.state}: cannot {wanted}")
        self.execution = execution
        self.wanted = wanted


class LeaseLost(CountersignError):
    """Another worker holds the phase run, or it was cancelled: drop the work, write nothing."""

    def __init__(self, phase_run_id: str) -> None:
        super().__init__(f"lease on phase run {phase_run_id} is lost")
        self.phase_run_id = phase_run_id


class MessageLeaseLost(CountersignError):
    """Somebody else works on this message by now: nothing was stored."""

    def __init__(self, key: str) -> None:
        super().__init__(f"hold on message {key} is lost")
        self.key = key


class TooSoon(CountersignError):
    """Slack takes no message there at this moment; the row was put off until it does."""

    def __init__(self, key: str) -> None:
        super().__init__(f"it is too soon for message {key}")
        self.key = key


class IncompatibleSchema(CountersignError):
    """The database's tables are of a program that this one cannot work beside."""

    def __init__(self, revision: str, known: str) -> None:
        super().__init__(
            f"its schema is of revision {revision}, this program knows those up to {known} and "
            "cannot work with it. Run the newer Countersign that made it"
        )
        self.revision = revision


class Busy(CountersignError):
    """The database could not take the write in time; nothing was changed."""


class Conflict(Busy):
    """The database undid the write for the sake of another one: the same again may go well."""


class Unreachable(Busy):
    """The database did not answer. Whether it took the write shows when it answers again."""


class StaleExecution(Busy):
    """Somebody else changed the execution in between; nothing was changed here."""

    def __init__(self, execution_id: str) -> None:
        super().__init__(f"execution {execution_id} was changed at the same time")
        self.execution_id = execution_id
