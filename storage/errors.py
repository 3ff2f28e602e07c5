"""The errors of the use cases. One tree; each error names the thing and carries it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from storage.definitions import CrewDefinition, DecisionRule
from storage.policy import Refusal
from storage.records import Action, Checkpoint, Execution


class CountersignError(Exception):
    """The base of all errors of the storage package."""


class UnknownExecution(CountersignError):
    def __init__(self, execution_id: str) -> None:
        super().__init__(f"no execution {execution_id!r}")
        self.execution_id = execution_id


class AmbiguousExecution(CountersignError):
    """A shortened id that matches more than one execution."""

    def __init__(self, prefix: str) -> None:
        super().__init__(f"more than one execution begins with {prefix!r}")
        self.prefix = prefix


class UnknownCheckpoint(CountersignError):
    def __init__(self, checkpoint_id: str) -> None:
        super().__init__(f"no checkpoint {checkpoint_id!r}")
        self.checkpoint_id = checkpoint_id


class AlreadyDecided(CountersignError):
    """Somebody has decided already: `checkpoint` has the decision."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__(f"checkpoint {checkpoint.id} is already {checkpoint.state}")
        self.checkpoint = checkpoint


class OutdatedMessage(CountersignError):
    """A click on a message other than the one that shows this checkpoint now."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__(f"checkpoint {checkpoint.id} is shown by another message")
        self.checkpoint = checkpoint


class NotAllowed(CountersignError):
    """The policy refuses. `rule` is None for cancel and retry."""

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


class InputFault(StrEnum):
    MISSING = "missing"
    UNKNOWN = "unknown"
    FIXED = "fixed"  # crews.yml sets it
    WRONG = "wrong"  # not of its type, or not one of its choices
    UNCLEAR = "unclear"  # the request could be meant for several inputs


@dataclass(frozen=True, slots=True)
class InputProblem:
    """What is wrong with an input. `sentence` says it without a capital letter and a full stop."""

    fault: InputFault
    name: str
    sentence: str


class BadInputs(CountersignError):
    """The crew cannot start with these inputs; `problems` has all of them."""

    def __init__(self, definition: CrewDefinition, problems: Sequence[InputProblem]) -> None:
        super().__init__("; ".join(problem.sentence for problem in problems))
        self.definition = definition
        self.problems = tuple(problems)


class TextNeeded(CountersignError):
    """A revision or an answer without text."""


class BlankEdit(TextNeeded):
    """An edit with a text that says nothing."""


class NotOffered(CountersignError):
    """This checkpoint does not offer the action; `offered` are those it does."""

    def __init__(self, checkpoint: Checkpoint, wanted: Action, offered: tuple[Action, ...]) -> None:
        super().__init__(f"checkpoint {checkpoint.id} does not offer {wanted}")
        self.checkpoint = checkpoint
        self.wanted = wanted
        self.offered = offered


class UnknownTasks(CountersignError):
    """A revision names outputs that the checkpoint does not show."""

    def __init__(self, unknown: tuple[str, ...], checkpoint: Checkpoint) -> None:
        super().__init__(f"checkpoint {checkpoint.id} shows no {', '.join(unknown)}")
        self.unknown = unknown
        self.checkpoint = checkpoint


class NothingChanged(CountersignError):
    """An edit that writes what the checkpoint shows, or an earlier revision with the same text."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__(f"checkpoint {checkpoint.id} shows this text already")
        self.checkpoint = checkpoint


class WrongStructure(CountersignError):
    """The edited text of a typed output does not fit its type. `sentence` says what it must be."""

    def __init__(self, checkpoint: Checkpoint, task: str, sentence: str) -> None:
        super().__init__(f"the text of {task} does not fit its type: {sentence}")
        self.checkpoint = checkpoint
        self.task = task
        self.sentence = sentence


class UnknownRevision(CountersignError):
    """The phase has no such earlier revision."""

    def __init__(self, revision: int, checkpoint: Checkpoint) -> None:
        super().__init__(f"checkpoint {checkpoint.id} has no earlier revision {revision}")
        self.revision = revision
        self.checkpoint = checkpoint


class BadForm(CountersignError):
    """Values that a checkpoint's form does not take. `errors` has a sentence for each field."""

    def __init__(self, checkpoint: Checkpoint, errors: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {error}" for name, error in errors.items()))
        self.checkpoint = checkpoint
        self.errors = dict(errors)


class NoRule(CountersignError):
    """A checkpoint arises inside a crew whose entry does not say who may decide it."""

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
    """A limit of the crew. `limit` is its key in crews.yml, `most` its value."""

    def __init__(self, limit: str, most: int, crew: str) -> None:
        super().__init__(f"crew {crew!r} limits `{limit}` to {most}")
        self.limit = limit
        self.most = most
        self.crew = crew


class UnknownLesson(CountersignError):
    def __init__(self, lesson_id: str) -> None:
        super().__init__(f"no lesson {lesson_id!r}")
        self.lesson_id = lesson_id


class NoLesson(CountersignError):
    """The checkpoint was not revised by words, or its crew's entry does not say `lessons: true`."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__(f"checkpoint {checkpoint.id} teaches no lesson")
        self.checkpoint = checkpoint


class WrongState(CountersignError):
    """The state of `execution` allows no cancel or retry."""

    def __init__(self, execution: Execution, wanted: str) -> None:
        super().__init__(f"execution {execution.id} is {execution.state}: cannot {wanted}")
        self.execution = execution
        self.wanted = wanted


class UnknownToken(CountersignError):
    def __init__(self, prefix: str) -> None:
        super().__init__(f"no token begins with {prefix!r}")
        self.prefix = prefix


class AmbiguousToken(CountersignError):
    def __init__(self, prefix: str) -> None:
        super().__init__(f"more than one token begins with {prefix!r}")
        self.prefix = prefix


class KeyOfAnotherRequest(CountersignError):
    """The idempotency key was used for another request."""


class KeyUnderWay(CountersignError):
    """The first request with this idempotency key has not been answered yet."""


class LeaseLost(CountersignError):
    """Another worker has the phase run, or it was cancelled. Nothing was stored: drop the work."""

    def __init__(self, phase_run_id: str) -> None:
        super().__init__(f"the lease on phase run {phase_run_id} is lost")
        self.phase_run_id = phase_run_id


class MessageLeaseLost(CountersignError):
    """Another deliverer has the message. Nothing was stored."""

    def __init__(self, key: str) -> None:
        super().__init__(f"the lease on message {key} is lost")
        self.key = key


class UnknownDelivery(CountersignError):
    def __init__(self, delivery_id: str) -> None:
        super().__init__(f"no webhook delivery {delivery_id!r}")
        self.delivery_id = delivery_id


class NotDead(CountersignError):
    """The delivery has not failed for good, so there is nothing to replay."""

    def __init__(self, delivery_id: str, state: str) -> None:
        super().__init__(f"webhook delivery {delivery_id} is {state}: only dead ones are replayed")
        self.delivery_id = delivery_id


class TooSoon(CountersignError):
    """The channel's rate limit is reached; the row is due again when it allows the next post."""

    def __init__(self, key: str) -> None:
        super().__init__(f"the rate limit does not allow message {key} yet")
        self.key = key


class IncompatibleSchema(CountersignError):
    """The database has the schema of a newer Countersign, which this one cannot work with."""

    def __init__(self, revision: str, known: str) -> None:
        super().__init__(
            f"its schema has revision {revision}, but this version supports only revisions up to"
            f" {known}. Run the newer Countersign that migrated it"
        )
        self.revision = revision


class Busy(CountersignError):
    """The database did not accept the write in time; nothing was changed."""


class Conflict(Busy):
    """The write was rolled back because of a concurrent one; a retry may succeed."""


class Unreachable(Busy):
    """The database did not answer. It is unknown whether the write was committed."""


class StaleExecution(Busy):
    """Another writer changed the execution after it was read; nothing was changed."""

    def __init__(self, execution_id: str) -> None:
        super().__init__(f"execution {execution_id} was changed by another writer")
        self.execution_id = execution_id
