"""The texts that the crews write, and the log of what each crew received and did.

A text is marked: it names its run's token and its part, and contains words that no other text
contains. The log shows what reached the crew, independently of the bot.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final

PARTS: Final = ("draft", "check", "finish")
EFFECTS: Final = "EFFECTS"
"""The environment variable that names the log."""

TOKEN: Final = re.compile(r"\bt\d{4}q[0-9a-f]{8}\b")
ASKED: Final = re.compile(rf"Write the (\w+) part for ({TOKEN.pattern})")
NOTES: Final = re.compile(rf"mind note ({TOKEN.pattern}) (\d+)")
_MARKED: Final = re.compile(rf"<text {TOKEN.pattern} (\w+) ([0-9a-f]{{16}})>.*?<end \2>", re.DOTALL)

_SHORT, _LONG = 6, 160
_ONE_LONG_IN: Final = 5
"""One text in five is longer than a message shows."""

_QUICK, _SLOW = 0.1, 0.5


@dataclass(frozen=True)
class Effect:
    """A line of the log. `event` is begin, fail, end, or call (of a tool).

    `wrote` is the hash of the text (or of a tool's arguments), `context` the hashes of the texts in
    the writer's input, by part; `tokens` and `notes` are those in its input.
    """

    at: float
    event: str
    token: str
    part: str
    pid: int
    feedback: str = ""
    wrote: str = ""
    context: dict[str, list[str]] = field(default_factory=dict)
    tokens: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def note(token: str, number: int) -> str:
    """A reviewer's request for a revision, different from every other."""
    return f"Bolder & shorter, please; mind note {token} {number}"


def hash_of(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def hash_of_arguments(arguments: Mapping[str, object]) -> str:
    return hash_of(json.dumps(arguments, sort_keys=True))


def part_of(text: str) -> str:
    """The part of a text that is exactly one marked text; empty for any other text."""
    match = _MARKED.fullmatch(text)
    return match.group(1) if match else ""


def write(log: Path, *, token: str, part: str, context: str, feedback: str = "") -> str:
    """Return a marked text after a pause, as a model would, and log it."""
    time.sleep(_QUICK + secrets.randbelow(1000) / 1000 * (_SLOW - _QUICK))
    text = _text(token, part)
    append(log, "end", token, part, wrote=hash_of(text), context=context, feedback=feedback)
    return text


def answer(log: Path, prompt: str) -> str:
    """The answer of a model to a conversation that asks for one part."""
    part, token = ASKED.findall(prompt)[-1]
    return write(log, token=token, part=part, context=prompt)


def call(log: Path, arguments: Mapping[str, str]) -> None:
    """Log that a tool was called."""
    token = arguments["token"]
    append(log, "call", token, "call", wrote=hash_of_arguments(arguments), context=token)


def append(
    log: Path,
    event: str,
    token: str,
    part: str,
    *,
    wrote: str = "",
    context: str = "",
    feedback: str = "",
) -> None:
    hashes: dict[str, list[str]] = {}
    for match in _MARKED.finditer(context):
        part_hashes = hashes.setdefault(match.group(1), [])
        if hash_of(match.group()) not in part_hashes:
            part_hashes.append(hash_of(match.group()))
    effect = Effect(
        at=time.time(),
        event=event,
        token=token,
        part=part,
        pid=os.getpid(),
        feedback=feedback,
        wrote=wrote,
        context=hashes,
        tokens=sorted(set(TOKEN.findall(context))),
        notes=sorted({match.group(2) for match in NOTES.finditer(context)}),
    )
    with log.open("a") as lines:
        lines.write(json.dumps(asdict(effect)) + "\n")


def effects(log: Path) -> Sequence[Effect]:
    """All complete lines: a killed writer may leave half of one."""
    lines = log.read_text().splitlines() if log.exists() else []
    return [Effect(**json.loads(line)) for line in lines if line.endswith("}")]


def _text(token: str, part: str) -> str:
    mark = secrets.token_hex(8)
    rows = _LONG if secrets.randbelow(_ONE_LONG_IN) == 0 else _SHORT
    filler = "\n".join(
        f"Line {number}: Größe <{secrets.token_hex(12)}> & {secrets.token_hex(12)} ≠ 5 > 4"
        for number in range(1, rows)
    )
    return f"<text {token} {part} {mark}>\n{filler}\n<end {mark}>"
