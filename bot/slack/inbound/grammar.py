"""Parses the text of `/crew …` into a command record. Pure; checks no names and no permissions."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from bot.slack.inbound.mrkdwn import to_plain


@dataclass(frozen=True, slots=True)
class Help:
    pass


@dataclass(frozen=True, slots=True)
class CrewHelp:
    crew: str


@dataclass(frozen=True, slots=True)
class ListCrews:
    pass


@dataclass(frozen=True, slots=True)
class Status:
    execution: str | None


@dataclass(frozen=True, slots=True)
class Cancel:
    execution: str


@dataclass(frozen=True, slots=True)
class Retry:
    execution: str


@dataclass(frozen=True, slots=True)
class Lessons:
    """List the lessons of one crew, or of all crews."""

    crew: str | None


@dataclass(frozen=True, slots=True)
class Inbox:
    """List what waits for the person."""


@dataclass(frozen=True, slots=True)
class StartForm:
    """Nothing was typed: open the form that starts a run."""


@dataclass(frozen=True, slots=True)
class Pair:
    """`name=value` in a request: an input if the crew has one of that name, else words."""

    name: str
    value: str
    written: str


@dataclass(frozen=True, slots=True)
class Start:
    """`checkpoints` is None if the option is absent; `typed` is the text, for pasting it again."""

    crew: str
    parts: tuple[str | Pair, ...]
    checkpoints: tuple[str, ...] | None
    language: str
    typed: str

    @property
    def request(self) -> str:
        """The request if all of its pairs are words."""
        written = (part if isinstance(part, str) else part.written for part in self.parts)
        return "".join(written).strip()

    @property
    def pairs(self) -> tuple[Pair, ...]:
        return tuple(part for part in self.parts if isinstance(part, Pair))

    def without(self, pairs: Collection[Pair]) -> str:
        """The words of the request, without these pairs."""
        texts, current = [], ""
        for part in self.parts:
            if isinstance(part, Pair) and part in pairs:
                texts.append(current.strip())
                current = ""
            else:
                current += part if isinstance(part, str) else part.written
        return " ".join(text for text in (*texts, current.strip()) if text)


@dataclass(frozen=True, slots=True)
class InvalidCommand:
    """A command that lacks an argument: which command, and what is missing.

    `typed` is the text of a start, for pasting it again.
    """

    command: str
    problem: str
    typed: str = ""


Command = (
    Help
    | CrewHelp
    | ListCrews
    | Status
    | Cancel
    | Retry
    | Lessons
    | Inbox
    | StartForm
    | Start
    | InvalidCommand
)

_DASHES: Final = r"(?<!\S)(?:-{1,3}|[—–]{1,2})"
_VALUE: Final = r"""(?:"(?P<double>[^"]*)"|'(?P<single>.*?)'(?!\w)|(?P<bare>{bare}))"""
_OPTION: Final = re.compile(
    _DASHES
    + r"(?P<name>checkpoints|language)(?:\s*=\s*|\s+|$)"
    + _VALUE.format(bare=r"""(?!--|[—–])[^\s"',][^\s",]*(?:\s*,\s*(?!--)[^\s",]+)*""")
    + "?",
    re.IGNORECASE | re.DOTALL,
)
_PAIR: Final = re.compile(
    r"(?<!\S)(?P<name>[^\W\d][\w-]*)=" + _VALUE.format(bare=r"""[^\s"']\S*""") + "?,?(?!\\S)",
    re.DOTALL,
)
_MISTYPED: Final = re.compile(r"(?<!\S)(?:--|––?|—)(?P<name>[A-Za-z]{4,})(?![\w-])")
_OPTIONS: Final = ("checkpoints", "language")
_QUOTES: Final = str.maketrans(dict.fromkeys("“”„«»", '"') | dict.fromkeys("‘’‚", "'"))
_INVISIBLE: Final = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
_AROUND_NAMES: Final = "`*\"'" + "“”„«»‘’"
_HELP: Final = frozenset({"help", "--help", "-help", "-h", "?", "—help", "–help", "––help"})


def parse(text: str) -> Command:  # noqa: PLR0911 an arm for each
    """Also accepts dashes in place of `--`, curly quotes, any white space, and formatting or a
    colon after the crew's name: phones and copied text bring them along.
    """
    typed = text.strip()
    name, rest = _split_name(to_plain(typed))
    if name and rest.lower() in _HELP:
        return CrewHelp(name) if name not in _HELP else Help()
    match name:
        case "":
            return StartForm()
        case "help" | "--help" | "-h" | "?":
            return Help()
        case "inbox":
            return Inbox()
        case "list":
            return ListCrews()
        case "status":
            return Status(_id(rest) if rest else None)
        case "cancel" | "stop":
            return Cancel(_id(rest)) if rest else InvalidCommand(name, "which run?")
        case "retry":
            return Retry(_id(rest)) if rest else InvalidCommand("retry", "which run?")
        case "lessons":
            return Lessons(_id(rest) if rest else None)
        case _:
            return _start(name, rest, typed)


def _split_name(plain: str) -> tuple[str, str]:
    """The first word in lower case, without formatting, and the rest."""
    first, rest = (*plain.strip(_INVISIBLE).split(maxsplit=1), "", "")[:2]
    name, _colon, after = first.strip(_AROUND_NAMES).partition(":")
    rest = f"{after} {rest}" if after else rest
    return name.strip(_AROUND_NAMES + _INVISIBLE).lower(), rest.strip().strip(_INVISIBLE)


def _id(rest: str) -> str:
    return rest.split(maxsplit=1)[0].strip("`#\"'").lower()


def _start(name: str, rest: str, typed: str) -> Start | InvalidCommand:
    options: dict[str, str] = {}
    texts, last = [], 0
    for option in _OPTION.finditer(rest.translate(_QUOTES)):
        options[option["name"].lower()] = _value_of(option, rest).strip()
        texts.append(rest[last : option.start()].strip())
        last = option.end()
    texts.append(rest[last:].strip())
    request = " ".join(text for text in texts if text)
    if options.get("language") == "":
        problem = "`--language` needs a value, for example `--language German`"
        return InvalidCommand(name, problem, typed)
    checkpoints = options.get("checkpoints")
    if checkpoints == "":
        problem = "`--checkpoints` needs names, or `none` to stop at none"
        return InvalidCommand(name, problem, typed)
    mistyped = _mistyped_option(request)
    if mistyped is not None:
        return InvalidCommand(name, mistyped, typed)
    return Start(
        crew=name,
        parts=_parts(request),
        checkpoints=_names(checkpoints) if checkpoints is not None else None,
        language=options.get("language", ""),
        typed=typed,
    )


def _value_of(match: re.Match[str], original: str) -> str:
    """The value as it was written: the pattern matched a text with straight quotes."""
    for group in ("double", "single", "bare"):
        if match[group] is not None:
            return original[match.start(group) : match.end(group)]
    return ""


def _mistyped_option(request: str) -> str | None:
    """What to say about a word like `--langauge`; other words with dashes belong to the request."""
    for match in _MISTYPED.finditer(request):
        written = match["name"].lower()
        meant = [option for option in _OPTIONS if option.startswith(written)]
        meant += difflib.get_close_matches(written, _OPTIONS, n=1, cutoff=0.75)
        if meant:
            return f"There is no option `--{written}`. Did you mean `--{meant[0]}`?"
    return None


def _parts(request: str) -> tuple[str | Pair, ...]:
    unquoted = _unquoted(request)
    if unquoted != request:
        return (unquoted,)
    parts: list[str | Pair] = []
    last = 0
    for match in _PAIR.finditer(request.translate(_QUOTES)):
        written = request[match.start() : match.end()]
        parts.append(request[last : match.start()])
        value = _value_of(match, request)
        parts.append(Pair(match["name"], value.rstrip(",") if match["bare"] else value, written))
        last = match.end()
    return tuple(part for part in (*parts, request[last:]) if part)


def _names(value: str) -> tuple[str, ...]:
    names = (name.strip() for name in value.split(","))
    return tuple(dict.fromkeys(name for name in names if name and name.lower() != "none"))


def _unquoted(request: str) -> str:
    """Remove the quotes of a request that is quoted as a whole."""
    plain = request.translate(_QUOTES)
    quote = plain[:1]
    if len(plain) > 2 and quote in ('"', "'") and plain[-1] == quote and quote not in plain[1:-1]:
        return request[1:-1].strip()
    return request
