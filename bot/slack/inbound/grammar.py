"""Parses the text of `/crew …` into a command record. Pure; checks no names and no permissions."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bot.slack.inbound.mrkdwn import to_plain


@dataclass(frozen=True, slots=True)
class Help:
    pass


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
class Start:
    """`checkpoints` is None if the option is absent; `typed` is the text, for pasting it again."""

    crew: str
    request: str
    checkpoints: tuple[str, ...] | None
    language: str
    typed: str


@dataclass(frozen=True, slots=True)
class InvalidCommand:
    """A command that lacks an argument: which command, and what is missing."""

    command: str
    problem: str


Command = Help | ListCrews | Status | Cancel | Retry | Lessons | Start | InvalidCommand

_OPTION = re.compile(
    r"""(?<!\S)(?:--|[—–])(?P<name>checkpoints|language)
        (?:\s*=\s*|\s+|$)
        (?:"(?P<quoted>[^"]*)"|(?P<bare>(?!--|[—–])[^\s",]+(?:\s*,\s*(?!--)[^\s",]+)*))?""",
    re.VERBOSE | re.IGNORECASE,
)
_QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "«": '"', "»": '"'})


def parse(text: str) -> Command:  # noqa: PLR0911 an arm for each
    """Also accepts dashes in place of `--`, and curly quotes: phones substitute them."""
    typed = text.strip()
    plain = to_plain(typed)
    name, _, rest = plain.partition(" ") if " " in plain else plain.partition("\n")
    name, rest = name.strip().lower(), rest.strip()
    match name:
        case "" | "help" | "--help" | "-h" | "?":
            return Help()
        case "list":
            return ListCrews()
        case "status":
            return Status(_id(rest) if rest else None)
        case "cancel":
            return Cancel(_id(rest)) if rest else InvalidCommand("cancel", "which run?")
        case "retry":
            return Retry(_id(rest)) if rest else InvalidCommand("retry", "which run?")
        case "lessons":
            return Lessons(_id(rest) if rest else None)
        case _:
            return _start(name, rest, typed)


def _id(rest: str) -> str:
    return rest.split(maxsplit=1)[0].strip("`#\"'").lower()


def _start(name: str, rest: str, typed: str) -> Start | InvalidCommand:
    options: dict[str, str] = {}
    parts, last = [], 0
    for option in _OPTION.finditer(rest.translate(_QUOTES)):
        value = option["quoted"] if option["quoted"] is not None else option["bare"]
        options[option["name"].lower()] = (value or "").strip()
        parts.append(rest[last : option.start()].strip())
        last = option.end()
    parts.append(rest[last:].strip())
    if options.get("language") == "":
        return InvalidCommand(name, "`--language` needs a value, for example `--language German`")
    checkpoints = options.get("checkpoints")
    if checkpoints == "":
        return InvalidCommand(name, "`--checkpoints` needs names, or `none` to stop at none")
    return Start(
        crew=name,
        request=_unquoted(" ".join(part for part in parts if part)),
        checkpoints=_names(checkpoints) if checkpoints is not None else None,
        language=options.get("language", ""),
        typed=typed,
    )


def _names(value: str) -> tuple[str, ...]:
    names = (name.strip() for name in value.split(","))
    return tuple(dict.fromkeys(name for name in names if name and name.lower() != "none"))


def _unquoted(request: str) -> str:
    """Remove the quotes of a request that is quoted as a whole."""
    plain = request.translate(_QUOTES)
    if len(plain) > 2 and plain[0] == plain[-1] == '"' and '"' not in plain[1:-1]:
        return request[1:-1].strip()
    return request
