"""Parses the text of `/crew …` into a command record. Pure; checks no names and no permissions."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from bot.slack.inbound.mrkdwn import as_typed, to_plain
from storage.characters import is_blank, trimmed


@dataclass(frozen=True, slots=True)
class Help:
    pass


@dataclass(frozen=True, slots=True)
class CrewHelp:
    """`typed` is the text, for pasting it again if it cannot be answered."""

    crew: str
    typed: str
    has_request: bool = False


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
class Board:
    """Open the board in the browser."""


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
        return trimmed("".join(written))

    @property
    def pairs(self) -> tuple[Pair, ...]:
        return tuple(part for part in self.parts if isinstance(part, Pair))

    def without(self, pairs: Collection[Pair]) -> str:
        """The words of the request, without these pairs."""
        texts, current = [], ""
        for part in self.parts:
            if isinstance(part, Pair) and part in pairs:
                texts.append(trimmed(current))
                current = ""
            else:
                current += part if isinstance(part, str) else part.written
        return " ".join(text for text in (*texts, trimmed(current)) if text)


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
    | Board
    | StartForm
    | Start
    | InvalidCommand
)

_DASH: Final = "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"
_OTHER_DASH: Final = _DASH[1:]
_DASHES: Final = rf"(?<!\S)[{_DASH}]{{1,3}}"
_VALUE: Final = r"""(?:"(?P<double>[^"]*)"|'(?P<single>.*?)'(?!\w)|(?P<bare>{bare}))"""
_NO_OPTION: Final = rf"(?!--|[{_OTHER_DASH}])"
_NAMES: Final = rf"""{_NO_OPTION}[^\s"',][^\s",]*(?:\s*,\s*{_NO_OPTION}[^\s",]+)*"""
_OPTION: Final = re.compile(
    _DASHES
    + r"(?P<name>checkpoints|language)(?:\s*[=:：]\s*|\s+|$)"
    + _VALUE.format(bare=_NAMES)
    + "?",
    re.IGNORECASE | re.DOTALL,
)
_PAIR: Final = re.compile(
    r"(?<!\S)(?P<name>[^\W\d][\w-]*)=" + _VALUE.format(bare=r"""[^\s"']\S*""") + "?,?(?!\\S)",
    re.DOTALL,
)
_HELP_OPTION: Final = re.compile(
    rf"(?<!\S)(?:--|[{_OTHER_DASH}]{{1,2}})help(?![{_DASH}\w])", re.IGNORECASE
)
_MISTYPED: Final = re.compile(
    rf"(?<!\S)(?P<dashes>[{_DASH}]{{1,3}})(?P<name>[A-Za-z]{{4,}})(?![{_DASH}\w])"
)
_OPTIONS: Final = ("checkpoints", "language")
_QUOTES: Final = str.maketrans(
    dict.fromkeys("“”„‟«»〝〞＂「」『』", '"') | dict.fromkeys("‘’‚‛‹›＇", "'")
)
_INVISIBLE: Final = "\u00ad\u200b\u200c\u200d\u200e\u200f\u202a\u202c\u2060\ufeff"
_AROUND_NAMES: Final = "`*~\"'“”„«»‘’‹›＂＇,"
_COLONS: Final = ":："
_COMMAND: Final = re.compile(r"/crew(?=\s|\Z)\s*", re.IGNORECASE)
_HELP_WORDS: Final = frozenset({"help", "-help", "-h", "?", "？"})


def parse(text: str) -> Command:  # noqa: PLR0911 an arm for each
    """Also accepts any dash in place of `--`, any quotes, any white space, and formatting or a
    colon after the crew's name: phones and copied text bring them along.
    """
    typed = as_typed(text)
    name, rest = _split_name(to_plain(text))
    if _is_help(name):
        return Help()
    if name and _is_help(rest):
        return CrewHelp(name, typed)
    match name:
        case "":
            return StartForm()
        case "inbox":
            return Inbox()
        case "board":
            return Board()
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
        case _ if _HELP_OPTION.search(rest):
            return CrewHelp(name, typed, has_request=True)
        case _:
            return _start(name, rest, typed)


def split(text: str) -> tuple[str, str]:
    """The first word of a command, as a name, and what follows it, as Slack sends it."""
    return _split_name(text.strip())


def _is_help(text: str) -> bool:
    word = text.strip("`" + _INVISIBLE).lower()
    return word in _HELP_WORDS or _HELP_OPTION.fullmatch(word) is not None


def _split_name(plain: str) -> tuple[str, str]:
    """The first word in lower case, without formatting, and the rest with its indentation."""
    text = _COMMAND.sub("", plain.strip(_INVISIBLE + " "), count=1)
    if text.startswith("`") and text.endswith("`") and text.count("`") == 2:
        text = text[1:-1]
    first, rest = _cut(text.lstrip())
    name, after = _cut_at_colon(first.strip(_AROUND_NAMES + _INVISIBLE))
    following = rest.lstrip()
    if not after and following[:1] and following[0] in _COLONS:
        rest = following[1:]
    return name.strip(_AROUND_NAMES + _INVISIBLE).lower(), _without_gap(after + rest)


def _cut(text: str) -> tuple[str, str]:
    """The text up to the first white space, and the rest with it."""
    gap = re.search(r"\s", text)
    return (text, "") if gap is None else (text[: gap.start()], text[gap.start() :])


def _cut_at_colon(word: str) -> tuple[str, str]:
    colon = re.search(f"[{_COLONS}]", word)
    return (word, "") if colon is None else (word[: colon.start()], word[colon.end() :])


def _without_gap(text: str) -> str:
    """The text without the blanks or empty lines around it; the indentation of its lines stays."""
    if is_blank(text):
        return ""
    gap = re.match(r"\s*", text)
    blank = gap[0] if gap is not None else ""
    return text[blank.rfind("\n") + 1 if "\n" in blank else len(blank) :].rstrip()


def _id(rest: str) -> str:
    words = rest.split(maxsplit=1)
    return words[0].strip("`#\"'“”‘’" + _INVISIBLE).lower() if words else ""


def _start(name: str, rest: str, typed: str) -> Start | InvalidCommand:
    options: dict[str, str] = {}
    texts, last = [], 0
    for option in _OPTION.finditer(rest.translate(_QUOTES)):
        options[option["name"].lower()] = _value_of(option, rest).strip()
        texts.append(_without_gap(rest[last : option.start()]))
        last = option.end()
    texts.append(_without_gap(rest[last:]) if last else rest)
    request = " ".join(text for text in texts if text)
    problem = _problem(request, options)
    if problem is not None:
        return InvalidCommand(name, problem, typed)
    checkpoints = options.get("checkpoints")
    return Start(
        crew=name,
        parts=_parts(request),
        checkpoints=_names(checkpoints) if checkpoints is not None else None,
        language=options.get("language", ""),
        typed=typed,
    )


def _problem(request: str, options: Mapping[str, str]) -> str | None:
    """What is wrong with the options of a start."""
    if options.get("language") == "":
        return "`--language` needs a value, for example `--language German`"
    if options.get("checkpoints") == "":
        return "`--checkpoints` needs names, or `none` to stop at none"
    return _mistyped_option(request)


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
        is_option = match["dashes"] != "-"  # of a word with one hyphen, only a slip is one
        meant = [each for each in _OPTIONS if is_option and each.startswith(written)]
        meant += difflib.get_close_matches(written, _OPTIONS, n=1, cutoff=0.75)
        meant += ["language"] if written in _SHORT_FOR_LANGUAGE else []
        if meant:
            return f"There is no option `--{written}`. Did you mean `--{meant[0]}`?"
    return None


_SHORT_FOR_LANGUAGE: Final = ("lang", "langs", "sprache", "idioma", "langue")


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
