"""The worker's side of the questions that a running child asks a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from crew_runner.child import records as child
from crew_runner.child.messages import Answer, Job
from crew_runner.host.outage import call_storage
from storage.decisions import Decision
from storage.errors import AlreadyDecided
from storage.reads import Reads
from storage.records import TIMEOUT, Action, CheckpointKind, Claim, Question
from storage.state_manager import StateManager
from storage.states import PROCEEDED, CheckpointState

ALLOWED: Final = "allowed"
"""The key in a phase run's progress that lists the tool calls it was allowed, and the steps that it
must not repeat. If the phase runs again, it asks again, because an approval covers one call."""


class Questions:
    """Asks one question at a time. Belongs to one thread. Its methods raise Outage."""

    def __init__(self, claim: Claim, state: StateManager, reads: Reads) -> None:
        self._state = state
        self._reads = reads
        self._open: tuple[str, Question] | None = None
        self._withdrawn = False
        self.allowed = _allowed_keys(claim.run.progress)

    @property
    def is_open(self) -> bool:
        return self._open is not None

    def with_history(self, job: Job, claim: Claim) -> Job:
        """The job with what happened before: allowed calls, steps done, and skipped phases."""
        if claim.run.phase_index > 0:
            skipped = call_storage(lambda: self._reads.skipped_phases(claim.execution.id))
            job = replace(job, skipped=skipped)
        elif not job.approve_tools:
            return job
        return replace(job, allowed=self._previously_allowed(claim))

    def _previously_allowed(self, claim: Claim) -> tuple[str, ...]:
        """The calls and steps of this phase in a child that died or an attempt that failed.

        Those of earlier revisions do not count.
        """
        progress = call_storage(
            lambda: self._reads.progress_of_phase(
                claim.execution.id,
                phase_index=claim.run.phase_index,
                revision=claim.run.revision,
            )
        )
        return tuple(dict.fromkeys(key for each in progress for key in _allowed_keys(each)))

    def remember(self, key: str) -> None:
        """Add a step that must not be repeated to those that are stored with the progress."""
        self.allowed = tuple(dict.fromkeys([*self.allowed, key]))

    def ask(self, claim: Claim, question: Question) -> None:
        """Open a checkpoint for the question. Raises LeaseLost, NoRule."""
        checkpoint = call_storage(lambda: self._state.ask(claim, question))
        self._open, self._withdrawn = (checkpoint.id, question), False

    def withdraw(self) -> None:
        """Stop waiting for the answer. A decision that was already made still counts."""
        self._withdrawn = True

    def answer(self) -> Answer | None:
        """The decision, if it lets the run go on; one that ends the run is handled elsewhere.

        The question stays open until `close`, because handling the answer may fail.
        """
        if self._open is None:
            return None
        checkpoint_id, question = self._open
        checkpoint = call_storage(lambda: self._reads.checkpoint(checkpoint_id))
        if checkpoint.state is CheckpointState.PENDING and self._withdrawn:
            self._skip(checkpoint_id)
            checkpoint = call_storage(lambda: self._reads.checkpoint(checkpoint_id))
        if checkpoint.state not in PROCEEDED or checkpoint.feedback is None:
            return None
        answer = Answer(child.Action(checkpoint.feedback.action), checkpoint.feedback.text)
        if question.kind is CheckpointKind.TOOL and answer.action is child.Action.CONTINUE:
            self.remember(question.key)
        return answer

    def close(self) -> None:
        self._open = None

    def _skip(self, checkpoint_id: str) -> None:
        try:
            call_storage(lambda: self._state.decide(Decision(checkpoint_id, Action.SKIP, TIMEOUT)))
        except AlreadyDecided:  # by a person, in the meantime
            return


def _allowed_keys(progress: Mapping[str, object]) -> tuple[str, ...]:
    keys = progress.get(ALLOWED)
    return tuple(key for key in keys if isinstance(key, str)) if isinstance(keys, list) else ()
