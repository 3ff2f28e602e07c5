"""What must hold of texts that are marked: what people read is what the crew wrote, what the
database holds and what the next part was written with, to the letter."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from tests.support.workspace import Workspace
from tests.trouble.crews.effects import TOKEN, Effect, hash_of
from tests.trouble.db import Execution
from tests.trouble.load.journal import Asked, Held, Reading
from tests.trouble.load.plans import WITH_WORDS, Plan


@dataclass(frozen=True)
class Texts:
    """All that is known of one execution."""

    execution: Execution
    plan: Plan
    readings: list[Reading]
    answers: list[Held]
    effects: list[Effect]

    @property
    def written(self) -> list[Effect]:
        return [effect for effect in self.effects if effect.event == "end"]


def in_texts(texts: Texts, workspace: Workspace, compared: Counter[str]) -> Iterator[str]:
    token = texts.execution.token
    for found in (
        _result(texts, workspace),
        _shown_and_stored(texts),
        _handed_on(texts),
        _words_reached(texts),
        _while_running(texts),
        _own_words_alone(texts),
    ):
        for words in found:
            if words:
                yield words
            else:
                compared[token] += 1


def _result(texts: Texts, workspace: Workspace) -> Iterator[str]:
    """Yields nothing but an empty text for each hash that was compared, here and below."""
    if texts.execution.state == "completed":
        yield ""
        result = hash_of(texts.execution.result)
        files = workspace.practice.workspace.files.values()
        if result not in {e.wrote for e in texts.written if e.part == texts.plan.kind.parts[-1]}:
            yield "its result is not what the crew wrote last"
        if result not in {hash_of(file.content.decode()) for file in files}:
            yield "its result is in no file"


def _shown_and_stored(texts: Texts) -> Iterator[str]:
    stored = {row.id: hash_of(row.output) for row in texts.execution.checkpoints}
    wrote = {effect.wrote for effect in texts.written}
    for reading in texts.readings:
        yield ""
        if reading.shown != stored.get(reading.checkpoint):
            yield f"checkpoint {reading.checkpoint} showed something else than is stored"
        if reading.shown not in wrote:
            yield f"checkpoint {reading.checkpoint} showed what the crew never wrote"


def _handed_on(texts: Texts) -> Iterator[str]:
    """Each part was written with those parts before it that people had let pass."""
    part_of = {effect.wrote: effect.part for effect in texts.written}
    parts = texts.plan.kind.parts
    decided = {row.id: row.decided_at for row in texts.execution.checkpoints}
    shown: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for reading in texts.readings:
        at = decided.get(reading.checkpoint, 0.0)
        if at and reading.shown in part_of:
            shown[part_of[reading.shown]].append((at, reading.shown))
    for effect in texts.written:
        before = parts[: parts.index(effect.part)]
        for part in before:
            yield ""
            passed = [text for at, text in shown[part] if at <= effect.at]
            if not passed or effect.given.get(part) != passed[-1:]:
                yield f"{effect.part} was not written with the {part} part that was let pass"
        if {*effect.given.get(effect.part, [])} - {text for _, text in shown[effect.part]}:
            yield f"{effect.part} was revised from a text that nobody saw"
        if later := {*effect.given} - {*before, effect.part}:
            yield f"{effect.part} was written with {later}, which come later"


def _words_reached(texts: Texts) -> Iterator[str]:
    notes = {note for effect in texts.written for note in effect.notes}
    for reading in texts.readings:
        if reading.move in WITH_WORDS and str(reading.number) not in notes:
            yield f"the words at checkpoint {reading.checkpoint} never reached the crew"


def _while_running(texts: Texts) -> Iterator[str]:
    """What was called had been allowed, to the letter; what was answered reached the crew."""
    rows = texts.execution.checkpoints
    states = {row.id: row.state for row in rows if row.kind not in ("phase", "gate")}
    unasked = states.keys() - {answer.checkpoint for answer in texts.answers}
    if any(states[checkpoint] != "cancelled" for checkpoint in unasked):
        yield "something was decided that nobody was asked"
    allowed = {
        answer.shown
        for answer in texts.answers
        if answer.asked is Asked.CALL
        and answer.allowed
        and states.get(answer.checkpoint) == "approved"
    }
    for effect in texts.effects:
        if effect.event == "call":
            yield ""
            if effect.wrote not in allowed:
                yield "a tool was called with what nobody had allowed"
    notes = {note for effect in texts.written for note in effect.notes}
    for answer in texts.answers:
        state = states.get(answer.checkpoint)
        if state not in ("cancelled", "approved" if answer.allowed else "revised"):
            yield f"after an answer checkpoint {answer.checkpoint} is {state}"
        if answer.asked is Asked.QUESTION and state == "approved":
            yield ""
            if str(answer.number) not in notes:
                yield f"the answer at checkpoint {answer.checkpoint} never reached the crew"


def _own_words_alone(texts: Texts) -> Iterator[str]:
    own = texts.execution.token
    for effect in texts.effects:
        if effect.event != "begin" and effect.tokens != [own]:
            yield f"{effect.part} was written with words of {effect.tokens}"
    for run in texts.execution.runs:
        if {*TOKEN.findall(run.output)} - {own}:
            yield f"the output of {run.phase} holds words of another execution"
