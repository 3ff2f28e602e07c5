"""Checks marked texts: people read exactly what the crew wrote, what the database stores and what
the next part was written with."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from tests.support.workspace import Workspace
from tests.trouble.crews.effects import TOKEN, Effect, hash_of
from tests.trouble.db import Execution
from tests.trouble.load.journal import MidRunAnswer, Prompt, Reading
from tests.trouble.load.plans import WITH_WORDS, Plan


@dataclass(frozen=True)
class Texts:
    """Everything known about the texts of one execution."""

    execution: Execution
    plan: Plan
    readings: list[Reading]
    answers: list[MidRunAnswer]
    effects: list[Effect]

    @property
    def written(self) -> list[Effect]:
        return [effect for effect in self.effects if effect.event == "end"]


def in_texts(texts: Texts, workspace: Workspace, compared: Counter[str]) -> Iterator[str]:
    token = texts.execution.token
    for problems in (
        _result(texts, workspace),
        _shown_and_stored(texts),
        _handed_on(texts),
        _feedback_reached(texts),
        _while_running(texts),
        _no_foreign_text(texts),
    ):
        for problem in problems:
            if problem:
                yield problem
            else:
                compared[token] += 1


def _result(texts: Texts, workspace: Workspace) -> Iterator[str]:
    """The checks yield violations, and an empty text for each hash that they compare."""
    if texts.execution.state == "completed":
        yield ""
        result = hash_of(texts.execution.result)
        files = workspace.practice.workspace.files.values()
        if result not in {e.wrote for e in texts.written if e.part == texts.plan.kind.parts[-1]}:
            yield "its result is not the last text of the crew"
        if result not in {hash_of(file.content.decode()) for file in files}:
            yield "no file contains its result"


def _shown_and_stored(texts: Texts) -> Iterator[str]:
    stored = {row.id: hash_of(row.output) for row in texts.execution.checkpoints}
    wrote = {effect.wrote for effect in texts.written}
    for reading in texts.readings:
        yield ""
        if reading.shown != stored.get(reading.checkpoint):
            yield f"checkpoint {reading.checkpoint} showed another text than is stored"
        if reading.shown not in wrote:
            yield f"checkpoint {reading.checkpoint} showed a text that the crew never wrote"


def _handed_on(texts: Texts) -> Iterator[str]:
    """Each part was written with the approved texts of the parts before it."""
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
            approved = [text for at, text in shown[part] if at <= effect.at]
            if not approved or effect.context.get(part) != approved[-1:]:
                yield f"{effect.part} was not written with the approved {part} part"
        if {*effect.context.get(effect.part, [])} - {text for _, text in shown[effect.part]}:
            yield f"{effect.part} was revised from a text that nobody saw"
        if later := {*effect.context} - {*before, effect.part}:
            yield f"{effect.part} was written with {later}, which are later parts"


def _feedback_reached(texts: Texts) -> Iterator[str]:
    notes = {note for effect in texts.written for note in effect.notes}
    for reading in texts.readings:
        if reading.move in WITH_WORDS and str(reading.number) not in notes:
            yield f"the feedback at checkpoint {reading.checkpoint} never reached the crew"


def _while_running(texts: Texts) -> Iterator[str]:
    """Every tool call was allowed with exactly its arguments; every answer reached the crew."""
    rows = texts.execution.checkpoints
    states = {row.id: row.state for row in rows if row.kind not in ("phase", "gate")}
    unasked = states.keys() - {answer.checkpoint for answer in texts.answers}
    if any(states[checkpoint] != "cancelled" for checkpoint in unasked):
        yield "a checkpoint was decided that nobody was asked about"
    allowed = {
        answer.shown
        for answer in texts.answers
        if answer.prompt is Prompt.CALL
        and answer.allowed
        and states.get(answer.checkpoint) == "approved"
    }
    for effect in texts.effects:
        if effect.event == "call":
            yield ""
            if effect.wrote not in allowed:
                yield "a tool was called with arguments that nobody had allowed"
    notes = {note for effect in texts.written for note in effect.notes}
    for answer in texts.answers:
        state = states.get(answer.checkpoint)
        if state not in ("cancelled", "approved" if answer.allowed else "revised"):
            yield f"after an answer, checkpoint {answer.checkpoint} is {state}"
        if answer.prompt is Prompt.QUESTION and state == "approved":
            yield ""
            if str(answer.number) not in notes:
                yield f"the answer at checkpoint {answer.checkpoint} never reached the crew"


def _no_foreign_text(texts: Texts) -> Iterator[str]:
    own = texts.execution.token
    for effect in texts.effects:
        if effect.event != "begin" and effect.tokens != [own]:
            yield f"{effect.part} was written with text of {effect.tokens}"
    for run in texts.execution.runs:
        if {*TOKEN.findall(run.output)} - {own}:
            yield f"the output of {run.phase} contains text of another execution"
