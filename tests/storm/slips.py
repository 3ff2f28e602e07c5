"""Slips: what the crews of a storm write, so that each text tells whose it is.

A slip names its run's token and its part, and holds words that no other slip holds. Whoever writes
one also writes a line down of what it was given: by these lines it is known afterwards what
reached the crew, whatever the bot says.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

PARTS: Final = ("first", "second", "third")
EFFECTS: Final = "EFFECTS"
"""The variable that names the file of lines."""

TOKEN: Final = re.compile(r"\bt\d{3}q[0-9a-f]{8}\b")
ASKED: Final = re.compile(rf"Write the (\w+) part for ({TOKEN.pattern})")
WORDS: Final = re.compile(rf"mind note ({TOKEN.pattern}) (\d+)")
CALL: Final = "call"
"""What stands for the part in the line of a tool that was called."""

_SLIP: Final = re.compile(rf"<slip {TOKEN.pattern} (\w+) ([0-9a-f]{{16}})>.*?<end \2>", re.DOTALL)

_SHORT, _LONG = 6, 160
_LONG_ONES: Final = 5
"""One slip of so many is longer than a message shows."""

_QUICK, _SLOW = 0.1, 0.5


@dataclass(frozen=True)
class Line:
    """What a writer wrote and what it had been given: hashes of the slips of each part."""

    at: float
    token: str
    part: str
    wrote: str
    given: dict[str, list[str]]
    tokens: list[str]
    words: list[str]
    pid: int


def note(token: str, number: int) -> str:
    """The words of a reviewer's wish, of which no other wish has the same."""
    return f"Bolder & shorter, please; mind note {token} {number}"


def hash_of(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def part_of(text: str) -> str:
    """Of a text that is one slip and nothing else; empty of any other text."""
    found = _SLIP.fullmatch(text)
    return found.group(1) if found else ""


def write(effects: Path, *, token: str, part: str, given: str) -> str:
    """Take a while, as models do, then write the slip and the line about it."""
    time.sleep(_QUICK + secrets.randbelow(1000) / 1000 * (_SLOW - _QUICK))
    slip = _slip(token, part)
    hashes: dict[str, list[str]] = {}
    for found in _SLIP.finditer(given):
        known = hashes.setdefault(found.group(1), [])
        if hash_of(found.group()) not in known:
            known.append(hash_of(found.group()))
    _note(effects, token, part, wrote=hash_of(slip), given=given, hashes=hashes)
    return slip


def called(effects: Path, arguments: Mapping[str, str]) -> None:
    """Write down that a tool was called, with the hash of its arguments."""
    wrote = hash_of_arguments(arguments)
    _note(effects, arguments["token"], CALL, wrote=wrote, given=arguments["token"], hashes={})


def hash_of_arguments(arguments: Mapping[str, object]) -> str:
    return hash_of(json.dumps(arguments, sort_keys=True))


def answer(effects: Path, asked: str) -> str:
    """What a model answers to a conversation in which one part is asked for."""
    part, token = ASKED.findall(asked)[-1]
    return write(effects, token=token, part=part, given=asked)


def lines(effects: Path) -> list[Line]:
    if not effects.exists():
        return []
    return [Line(**json.loads(line)) for line in effects.read_text().splitlines()]


def _note(
    effects: Path,
    token: str,
    part: str,
    *,
    wrote: str,
    given: str,
    hashes: dict[str, list[str]],
) -> None:
    line = Line(
        at=time.time(),
        token=token,
        part=part,
        wrote=wrote,
        given=hashes,
        tokens=sorted(set(TOKEN.findall(given))),
        words=sorted({found.group(2) for found in WORDS.finditer(given)}),
        pid=os.getpid(),
    )
    with effects.open("a") as lines:
        lines.write(json.dumps(asdict(line)) + "\n")


def _slip(token: str, part: str) -> str:
    mark = secrets.token_hex(8)
    rows = _LONG if secrets.randbelow(_LONG_ONES) == 0 else _SHORT
    ballast = "\n".join(
        f"{number}. Größe <{secrets.token_hex(12)}> & {secrets.token_hex(12)} ≠ 5 > 4"
        for number in range(1, rows)
    )
    return f"<slip {token} {part} {mark}>\n{ballast}\n<end {mark}>"
