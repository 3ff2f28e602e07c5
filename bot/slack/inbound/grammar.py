"""What `/crew …` means. Pure: text in, a command record out; nothing is refused here."""

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
    """Of one crew, or of all."""

    crew: str | None


@dataclass(frozen=True, slots=True)
class Start:
    """`checkpoints` is None where the option is absent; `typed` is the text to paste again."""

    crew: str
    request: str
    checkpoints: tuple[str, ...] | None
    language: str
    typed: str


@dataclass(frozen=True, slots=True)
class Misused:
    """A command that lacks what it needs: which one, and what."""

    command: str
    problem: str


Command = Help | ListCrews | Status | Cancel | Retry | Lessons | Start | Misused

_OPTION = re.compile(
    r"""(?<!\S)(?:--|[—–])(?P<name>checkpoints|language)
        (?:\s*=\s*|\s+|$)
        (?:"(?P<quoted>[^"]*)"|(?P<bare>(?!--|[—–])[^\s",]+(?:\s*,\s*(?!--)[^\s",]+)*))?""",
    re.VERBOSE | re.IGNORECASE,
)
_QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "«": '"', "»": '"'})


def read(text: str) -> Command:  # noqa: PLR0911 an arm for each
    """Phones turn `--` into a dash and quotes into curly ones: both are understood."""
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
            return Cancel(_id(rest)) if rest else Misused("cancel", "which run?")
        case "retry":
            return Retry(_id(rest)) if rest else Misused("retry", "which run?")
        case "lessons":
            return Lessons(_id(rest) if rest else None)
        case _:
            return _start(name, rest, typed)


def _id(rest: str) -> str:
    return rest.split(maxsplit=1)[0].strip("`#\"'").lower()


def _start(name: str, rest: str, typed: str) -> Start | Misused:
    options: dict[str, str] = {}
    words, last = [], 0
    for option in _OPTION.finditer(rest.translate(_QUOTES)):
        value = option["quoted"] if option["quoted"] is not None else option["bare"]
        options[option["name"].lower()] = (value or "").strip()
        words.append(rest[last : option.start()].strip())
        last = option.end()
    words.append(rest[last:].strip())
    if options.get("language") == "":
        return Misused(name, "`--language` needs a value, for example `--language German`")
    chosen = options.get("checkpoints")
    if chosen == "":
        return Misused(name, "`--checkpoints` needs names, or `none` to stop at none")
    return Start(
        crew=name,
        request=_unquoted(" ".join(word for word in words if word)),
        checkpoints=_names(chosen) if chosen is not None else None,
        language=options.get("language", ""),
        typed=typed,
    )


def _names(value: str) -> tuple[str, ...]:
    names = (name.strip() for name in value.split(","))
    return tuple(dict.fromkeys(name for name in names if name and name.lower() != "none"))


def _unquoted(request: str) -> str:
    """A request that stands in quotes as a whole loses them."""
    plain = request.translate(_QUOTES)
    if len(plain) > 2 and plain[0] == plain[-1] == '"' and '"' not in plain[1:-1]:
        return request[1:-1].strip()
    return request
