"""What must hold after a storm, told by nothing of the product.

Slack's side is what people read and the workspace's record of every version of every message; the
bot's side is plain SQL; what reached the crews stands in the lines that they wrote themselves.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.storm.book import Decided, Run, Try
from tests.storm.crowd import WITH_WORDS, Answered, Held, Reading
from tests.storm.kinds import Move, Plan
from tests.storm.slips import CALL, TOKEN, Line, hash_of, lines, note
from tests.storm.storm import Weather

STATES: Final = {
    Move.CONTINUE: "approved",
    Move.RACE: "approved",
    Move.SKIP: "skipped",
    Move.STOP: "rejected",
    Move.LEAVE: "pending",
}
_UNDECIDED: Final = ("pending", "cancelled")
_BETWEEN: Final = ("phase", "gate")
"""The kinds of checkpoints at which no crew is held."""

WAITING: Final = "waiting_feedback"


@dataclass
class Story:
    """All that is known of one execution."""

    plan: Plan
    run: Run | None = None
    checkpoints: list[Decided] = field(default_factory=list)
    tries: list[Try] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    answered: list[Answered] = field(default_factory=list)
    held: list[Decided] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    calls: list[Line] = field(default_factory=list)
    compared: int = 0

    @property
    def losses(self) -> int:
        return sum(each.losses for each in self.tries)

    @property
    def revisions(self) -> int:
        return sum(each.move in self.plan.kind.revising for each in self.readings)


@dataclass(frozen=True)
class Verdict:
    stories: Sequence[Story]
    wrong: Sequence[str]


def verdict(weather: Weather) -> Verdict:
    stories = _stories(weather)
    wrong = [*weather.broken, *weather.crowd.broken]
    counted = Counter(run.token for run in weather.book.runs())
    wrong += [f"{token} runs {n} times" for token, n in counted.items() if n != 1]
    wrong += _crossed_in_slack(weather)
    written = weather.book.decisions_written()
    files = _files(weather)
    for story in stories.values():
        wrong += [
            f"{story.plan.token} ({story.plan.kind.name}): {each}" for each in _wrong(story, files)
        ]
        wrong += [
            f"{story.plan.token}: checkpoint {each.id} was decided {written.get(each.id, 0)} times"
            for each in (*story.checkpoints, *story.held)
            if written.get(each.id, 0) != (each.state not in _UNDECIDED)
        ]
    return Verdict([*stories.values()], wrong)


def _stories(weather: Weather) -> dict[str, Story]:
    stories = {plan.token: Story(plan) for plan in weather.plans}
    for run in weather.book.runs():
        stories[run.token].run = run
    for checkpoint in weather.book.checkpoints():
        story = stories[checkpoint.token]
        kept = story.checkpoints if checkpoint.kind in _BETWEEN else story.held
        kept.append(checkpoint)
    for each in weather.book.tries():
        stories[each.token].tries.append(each)
    for reading in weather.crowd.readings:
        stories[reading.token].readings.append(reading)
    for answered in weather.crowd.answered:
        stories[answered.token].answered.append(answered)
    for line in lines(weather.effects):
        story = stories[line.token]
        (story.calls if line.part == CALL else story.lines).append(line)
    return stories


def _wrong(story: Story, files: set[str]) -> Iterator[str]:
    if story.run is None:
        yield "it was never recorded"
        return
    yield from _end(story, story.run, files)
    yield from _decisions(story)
    yield from _shown_and_stored(story)
    yield from _handed_on(story)
    yield from _while_held(story)
    yield from _own_words_alone(story)


def _end(story: Story, run: Run, files: set[str]) -> Iterator[str]:
    last = story.plan.moves[-1]
    expected = {Move.STOP: "stopped", Move.LEAVE: WAITING}.get(last, "completed")
    if run.state != expected:
        yield f"it is {run.state}, not {expected}: {run.error}"
    if [each.move for each in story.readings] != [*story.plan.moves]:
        yield f"people were asked {len(story.readings)} times, not {len(story.plan.moves)}"
    if run.state == "completed":
        story.compared += 1
        wrote = {line.wrote for line in story.lines if line.part == story.plan.kind.parts[-1]}
        if run.result not in wrote:
            yield "its result is not what the crew wrote last"
        if run.result not in files:
            yield "its result is in no file of the thread"


def _decisions(story: Story) -> Iterator[str]:
    if [each.id for each in story.checkpoints] != [each.checkpoint for each in story.readings]:
        yield "the checkpoints that people saw are not those that were opened"
        return
    for checkpoint, reading in zip(story.checkpoints, story.readings, strict=True):
        allowed = {STATES.get(reading.move, "revised")}
        if reading.move in story.plan.kind.revising:
            allowed = {"revised", "approved"}  # a gate's outcome that leads back was chosen
        if checkpoint.state not in allowed:
            yield f"after {reading.move} checkpoint {checkpoint.id} is {checkpoint.state}"
        said = note(story.plan.token, reading.number) if reading.move in WITH_WORDS else ""
        if checkpoint.text != said:
            yield f"{reading.move} was recorded with the words {checkpoint.text!r}"
        if said and not any(str(reading.number) in line.words for line in story.lines):
            yield f"the words at checkpoint {checkpoint.id} never reached the crew"
    done = [each for each in story.tries if each.state == "done"]
    others = [f"{each.phase} {each.state}" for each in story.tries if each.state != "done"]
    passed = sum(each.state != "pending" for each in story.checkpoints)
    stopped = story.plan.moves[-1] is Move.STOP
    if len(done) != 1 + passed - stopped or others:
        yield f"{passed} decisions led to {len(done)} finished phases, besides {others}"


def _shown_and_stored(story: Story) -> Iterator[str]:
    """What people read is what the crew wrote and what the database holds."""
    stored = {each.id: each.stored for each in story.checkpoints}
    wrote = {line.wrote for line in story.lines}
    for reading in story.readings:
        story.compared += 1
        if reading.shown != stored.get(reading.checkpoint):
            yield f"checkpoint {reading.checkpoint} showed something else than is stored"
        if reading.shown not in wrote:
            yield f"checkpoint {reading.checkpoint} showed what the crew never wrote"


def _handed_on(story: Story) -> Iterator[str]:
    """Each part was written with those parts before it that people had let pass, to the letter."""
    part_of = {line.wrote: line.part for line in story.lines}
    parts = story.plan.kind.parts
    decided = {each.id: each.at for each in story.checkpoints}
    shown: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for reading in story.readings:
        at = decided.get(reading.checkpoint, 0.0)
        if at and reading.shown in part_of:
            shown[part_of[reading.shown]].append((at, reading.shown))
    for line in story.lines:
        before = parts[: parts.index(line.part)]
        for part in before:
            story.compared += 1
            passed = [hash_ for at, hash_ in shown[part] if at <= line.at]
            if not passed or line.given.get(part) != passed[-1:]:
                yield f"{line.part} was not written with the {part} part that was let pass"
        unseen = {*line.given.get(line.part, [])} - {hash_ for _, hash_ in shown[line.part]}
        if unseen:
            yield f"{line.part} was revised from a text that nobody saw"
        later = {*line.given} - {*before, line.part}
        if later:
            yield f"{line.part} was written with {later}, which come later"


def _while_held(story: Story) -> Iterator[str]:
    """What was called had been allowed, to the letter; what was answered reached the crew."""
    states = {each.id: each.state for each in story.held}
    unasked = states.keys() - {each.checkpoint for each in story.answered}
    if any(states[checkpoint] != "cancelled" for checkpoint in unasked):
        yield "something was decided that nobody was asked"
    yes = {
        each.shown
        for each in story.answered
        if each.what is Held.CALL and each.allowed and states.get(each.checkpoint) == "approved"
    }
    for call in story.calls:
        story.compared += 1
        if call.wrote not in yes:
            yield "a tool was called with what nobody had allowed"
    for each in story.answered:
        state = states.get(each.checkpoint)
        if state not in ("cancelled", "approved" if each.allowed else "revised"):
            yield f"after an answer checkpoint {each.checkpoint} is {state}"
        if each.what is Held.QUESTION and state == "approved":
            story.compared += 1
            if not any(str(each.said) in line.words for line in story.lines):
                yield f"the answer at checkpoint {each.checkpoint} never reached the crew"


def _own_words_alone(story: Story) -> Iterator[str]:
    own = story.plan.token
    for line in (*story.lines, *story.calls):
        if line.tokens != [own]:
            yield f"{line.part} was written with words of {line.tokens}"
    for each in story.tries:
        if {*TOKEN.findall(each.output)} - {own}:
            yield f"the output of {each.phase} holds words of another execution"


def _crossed_in_slack(weather: Weather) -> Iterator[str]:
    """No version of any message, and no file, holds the words of two executions."""
    practice = weather.workspace.practice.workspace
    of_thread: dict[tuple[str, str], set[str]] = defaultdict(set)
    for version in practice.journal:
        if version.user == practice.bot.id and version.ephemeral_to is None:
            found = TOKEN.findall(f"{version.text} {version.blocks}")
            of_thread[(version.channel, version.thread_ts or version.ts)].update(found)
    for messages in practice.messages.values():
        for message in messages.values():
            for file in message.files:
                text = practice.files[file].content.decode()
                of_thread[(message.channel, message.thread_ts or message.ts)].update(
                    TOKEN.findall(text)
                )
    for tokens in of_thread.values():
        if len(tokens) > 1:
            yield f"a thread holds words of {sorted(tokens)}"


def _files(weather: Weather) -> set[str]:
    """The hashes of all files that are in the workspace."""
    files = weather.workspace.practice.workspace.files.values()
    return {hash_of(file.content.decode()) for file in files}
