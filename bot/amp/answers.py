"""What somebody who answers as for CrewAI AMP, in words or with yes and no, decides here. Pure.

Words are taken for an approval only if they are one beyond doubt: what else they say is a revision,
or goes to the flow.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from storage.characters import is_blank
from storage.decision_words import named_outcome, normalized, says_yes
from storage.errors import OutcomeNeeded
from storage.records import Action, Checkpoint, CheckpointKind

_FIRST_CLAUSE: Final = re.compile(r"[.!:\n]|\s[-–—]\s")
_CONDITIONS: Final = frozenset(
    """
    after although before but except however if once only provided though unless until when
    aber außer falls nachdem nur sobald wenn
    """.split()  # noqa: SIM905 easier to read and to extend
)
"""What follows these words may take back what came before."""


@dataclass(frozen=True, slots=True)
class Answer:
    action: Action
    outcome: str | None = None


def read(
    checkpoint: Checkpoint,
    offered: Sequence[Action],
    *,
    text: str,
    approves: bool | None,
    outcome: str | None = None,
) -> Answer:
    """The decision. `approves` is None if the words alone say it; `outcome` if they may name it.

    Raises OutcomeNeeded if it approves without saying which of several outcomes it means.
    """
    if checkpoint.outcomes:
        return _with_outcomes(checkpoint, text=text, approves=approves, outcome=outcome)
    if approves is None:
        approves = _takes_words(checkpoint) or says_yes(text) is True
    if approves:
        return Answer(Action.CONTINUE)
    if Action.REVISE not in offered and checkpoint.kind is CheckpointKind.BUDGET:
        return Answer(Action.STOP)
    return Answer(Action.REVISE)


def _takes_words(checkpoint: Checkpoint) -> bool:
    """Whether the crew asked for words, and none of them sends anything back."""
    own_gate = checkpoint.kind is CheckpointKind.GATE and checkpoint.at_method is None
    return own_gate or checkpoint.kind is CheckpointKind.QUESTION


def _with_outcomes(
    checkpoint: Checkpoint, *, text: str, approves: bool | None, outcome: str | None
) -> Answer:
    named = outcome or named_outcome(text, checkpoint.outcomes) or _begins_with(checkpoint, text)
    if named is not None:
        return Answer(Action.CONTINUE, named)
    if approves is None:
        approves = says_yes(text)
        rejects = approves is False
    else:
        rejects = not approves and is_blank(text)
    if approves:
        meant = [each for each in checkpoint.outcomes if says_yes(each) is True]
    else:
        meant = [each for each in checkpoint.outcomes if rejects and says_yes(each) is False]
    if len(meant) == 1:
        return Answer(Action.CONTINUE, meant[0])
    if approves:
        raise OutcomeNeeded(checkpoint, None)
    return Answer(Action.REVISE)


def _begins_with(checkpoint: Checkpoint, text: str) -> str | None:
    """The only outcome that the text begins with, as in "Approved. Well done!" for `approve`."""
    first = normalized(_FIRST_CLAUSE.split(text, maxsplit=1)[0])
    if not _CONDITIONS.isdisjoint(normalized(text).split()):
        return None
    named = [each for each in checkpoint.outcomes if first and first in _forms(normalized(each))]
    return named[0] if len(named) == 1 else None


def _forms(word: str) -> set[str]:
    """The word, and what makes a request of it or a report: approve, approved."""
    stem = word.removesuffix("d") if word.endswith("ed") else word
    return {word, stem, stem.removesuffix("e"), f"{stem}d", f"{stem}ed"}
