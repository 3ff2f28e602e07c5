"""What must hold of a run that was killed and came to its end, told by nothing of the product.

Slack's side is the workspace's own record of every version of every message; the bot's side is
plain SQL; what the crew did stands in the file that its program appends to.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from practice.state.records import Version
from tests.chaos.kinds import EFFECTS
from tests.chaos.play import Play, is_final, key_of
from tests.support.message_snapshot import Button
from tests.support.workspace import BEN, BOT

DECIDING = ("Continue", "Revise", "Skip", "Stop")
ACTION_OF = {"Reply": "revise"}
STATE_OF = {"continue": "approved", "revise": "revised", "skip": "skipped", "stop": "rejected"}


@dataclass(frozen=True)
class Effect:
    """A line of the crew's own log."""

    at: float
    event: str
    phase: str
    again: bool
    words: str
    pid: int


def effects(file: Path, words: str) -> list[Effect]:
    lines = file.read_text().splitlines() if file.exists() else []
    return [
        effect for effect in (Effect(**json.loads(line)) for line in lines) if effect.words == words
    ]


def violations(play: Play, *, kills: int) -> list[str]:
    """In words, all that is wrong with a run that has come to its end after so many kills."""
    return [
        *play.broken,
        *_in_slack(play),
        *_in_the_database(play),
        *_in_the_crew(play, kills),
    ]


def _in_slack(play: Play) -> Iterator[str]:
    live = play.workspace.most_live_at_once(_acts_on)
    yield from (
        f"checkpoint {checkpoint} had buttons in {count} messages at once"
        for checkpoint, count in live.items()
        if count > 1
    )
    thread = play.thread()
    shown = Counter(key_of(message) for message in thread if message.metadata)
    expected = {f"checkpoint:{row.id}" for row in play.ledger.checkpoints(play.words)}
    for key in sorted(expected | set(shown)):
        if shown[key] != 1:
            yield f"{key} is shown {shown[key]} times"
    if sum(is_final(message) for message in thread) != 1:
        yield "the result is not shown exactly once"
    files = Counter(
        play.workspace.practice.workspace.files[file].name for m in thread for file in m.files
    )
    yield from (
        f"the file {name} is there {count} times" for name, count in files.items() if count > 1
    )
    roots = [m for m in play.workspace.threads() if play.words in m.everything]
    if len(roots) != 1:
        yield f"{len(roots)} threads were opened"
    if any(message.buttons for message in thread):
        yield "a message of the run that is over still has buttons"
    unknown = [m for m in thread if m.user == BOT and not m.metadata and not m.files]
    yield from (f"nobody expects this message: {message.text[:80]}" for message in unknown)


def _acts_on(version: Version, button: Button) -> str | None:
    return button.value if button.label.startswith(DECIDING) else None


def _in_the_database(play: Play) -> Iterator[str]:
    ledger, words = play.ledger, play.words
    if ledger.state(words) != "completed":
        yield f"the run is {ledger.state(words)}"
    rows = ledger.checkpoints(words)
    decided: Mapping[str, str | None] = {row.id: row.action for row in rows}
    written = ledger.decisions_written(words)
    for row in rows:
        if row.action is None or row.state != STATE_OF[row.action] or row.actor != BEN:
            yield f"checkpoint {row.id} is {row.state} by {row.action} of {row.actor}"
        if row.action == "revise" and row.text != play.change:
            yield f"checkpoint {row.id} was revised with {row.text!r}"
        if written.get(row.id) != 1:
            yield f"checkpoint {row.id} was decided {written.get(row.id, 0)} times"
    for checkpoint, action in play.acknowledged.items():
        if decided.get(checkpoint) != action:
            yield f"{action} was acknowledged, but {decided.get(checkpoint)} decided {checkpoint}"
    if [row.id for row in rows] != play.checkpoints:
        yield "the checkpoints that people saw are not those that were opened"
    chosen = [ACTION_OF.get(choice, choice.lower()) for choice in play.kind.choices]
    if [row.action for row in rows] != chosen:
        yield f"the decisions are {[row.action for row in rows]}, not {chosen}"
    done = [run.phase for run in ledger.phases(words) if run.state == "done"]
    revised = Counter(row.phase for row in rows if row.action == "revise")
    expected = [phase for phase in play.kind.phases for _ in range(1 + revised[phase])]
    if done != expected:
        yield f"the finished phases are {done}, not {expected}"
    yield from (
        f"phase {run.phase} is {run.state} in try {run.attempt}"
        for run in ledger.phases(words)
        if run.state != "done"
    )


def _in_the_crew(play: Play, kills: int) -> Iterator[str]:
    """A phase begins once, and once more for each kill; nothing of it happens when it is done."""
    seen = effects(play.bot.folder / EFFECTS, play.words)
    runs = play.ledger.phases(play.words)
    begun = [
        f"{effect.phase}{' again' * effect.again}" for effect in seen if effect.event == "begin"
    ]
    if len(begun) > len(runs) + kills:
        yield f"with {kills} kills these were begun: {begun}"
    for effect in seen:
        phase = play.kind.phase_of.get(effect.phase, effect.phase)
        if not any(
            run.phase == phase and run.created_at <= effect.at <= run.ended_at for run in runs
        ):
            yield f"{effect.phase} had its {effect.event} when phase {phase} was not open"
    if {play.kind.phase_of.get(effect.phase, effect.phase) for effect in seen} != set(
        play.kind.phases
    ):
        yield f"the crew's own log does not know of all phases: {seen}"
