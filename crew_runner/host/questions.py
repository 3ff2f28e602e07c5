"""What the child of one attempt asks a person, seen from its worker."""

from __future__ import annotations

from typing import Final

from crew_runner.child import records as child
from crew_runner.child.messages import Answer
from crew_runner.host.outage import ask
from storage.errors import AlreadyDecided
from storage.reads import Reads
from storage.records import (
    TIMEOUT,
    Action,
    CheckpointKind,
    Claim,
    Decision,
    PhaseRun,
    Question,
)
from storage.state_manager import StateManager
from storage.states import WENT_ON, CheckpointState

ALLOWED: Final = "allowed"
"""In a phase run's progress: the keys of the tool calls that a child of it was allowed. Whoever
runs the phase again asks again, for a yes is good for one call."""


class Questions:
    """One at a time. Belongs to one thread; what a database does not take raises Outage."""

    def __init__(self, claim: Claim, state: StateManager, reads: Reads) -> None:
        self._state = state
        self._reads = reads
        self._open: tuple[str, Question] | None = None
        self._withdrawn = False
        self.allowed = _kept(claim.run)

    @property
    def is_open(self) -> bool:
        return self._open is not None

    def allowed_before(self, claim: Claim) -> tuple[str, ...]:
        """The calls that were allowed in this phase before: to a child that died, or in a try
        that failed. A revision is a new beginning.
        """
        phase = (claim.run.phase_index, claim.run.revision)
        runs = ask(lambda: self._reads.phase_runs(claim.execution.id))
        tries = [run for run in runs if (run.phase_index, run.revision) == phase]
        return tuple(dict.fromkeys(key for run in tries for key in _kept(run)))

    def put(self, claim: Claim, question: Question) -> None:
        """Raises LeaseLost, NoRule."""
        checkpoint = ask(lambda: self._state.ask(claim, question))
        self._open, self._withdrawn = (checkpoint.id, question), False

    def withdraw(self) -> None:
        """Whoever asked waits no longer; a decision that was made already stands."""
        self._withdrawn = True

    def answer(self) -> Answer | None:
        """What was decided, if it lets the run go on. What ends the run ends it elsewhere.

        The question stays open until `close`: what follows from the answer may fail.
        """
        if self._open is None:
            return None
        checkpoint_id, question = self._open
        checkpoint = ask(lambda: self._reads.checkpoint(checkpoint_id))
        if checkpoint.state is CheckpointState.PENDING and self._withdrawn:
            self._skip(checkpoint_id)
            checkpoint = ask(lambda: self._reads.checkpoint(checkpoint_id))
        if checkpoint.state not in WENT_ON or checkpoint.feedback is None:
            return None
        answer = Answer(child.Action(checkpoint.feedback.action), checkpoint.feedback.text)
        if question.kind is CheckpointKind.TOOL and answer.action is child.Action.CONTINUE:
            self.allowed = tuple(dict.fromkeys([*self.allowed, question.key]))
        return answer

    def close(self) -> None:
        self._open = None

    def _skip(self, checkpoint_id: str) -> None:
        try:
            ask(lambda: self._state.decide(Decision(checkpoint_id, Action.SKIP, TIMEOUT)))
        except AlreadyDecided:  # by somebody, just now
            return


def _kept(run: PhaseRun) -> tuple[str, ...]:
    kept = run.progress.get(ALLOWED)
    return tuple(key for key in kept if isinstance(key, str)) if isinstance(kept, list) else ()
