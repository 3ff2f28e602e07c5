"""Which addresses become links, and which links say where they lead. Pure."""

from __future__ import annotations

import re
import unicodedata
from typing import Final
from urllib.parse import urlsplit

from bot.slack.render import text
from bot.slack.render.limits import LIMITS

SCHEMES: Final = ("http", "https", "mailto")

_BARE: Final = re.compile(r"(?<![\w@/.:])https?://[!-;=?-_a-z{|}~]+", re.IGNORECASE)
"""An address in prose: printable ASCII without `<`, `>` and backtick."""

_TRAILING: Final = ".,;:!?'\"*_~|"
_PAIRS: Final = {")": "(", "]": "[", "}": "{"}
_DOTS: Final = re.compile("[\u3002\uff0e\uff61]")
_HOST: Final = re.compile(
    r"(?:(?:[a-z][a-z0-9+.-]*:)?//|mailto:)?(?:[^\s/@]*@)?"
    r"((?:[\w\u00a1-\uffff](?:[\w\u00a1-\uffff-]*[\w\u00a1-\uffff])?\.)+[a-z\u00a1-\uffff][\w-]+)\.?"
    r"(?=[:/?#]|\W*$)",
    re.IGNORECASE,
)


def allowed(url: str) -> bool:
    """Whether an address may become a link: absolute, and http, https or mailto."""
    if text.length(url) > LIMITS["rich_text"]["url"] or re.search(r"[\s\x00-\x1f]", url):
        return False
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return False
    if parts.scheme.lower() == "mailto":
        return "@" in parts.path
    return parts.scheme.lower() in SCHEMES and bool(host)


def honest(shown: str, address: str) -> bool:
    """Whether the text of a link names no other host than the one that it leads to."""
    host = _host(address)
    words = _DOTS.sub(".", unicodedata.normalize("NFKC", shown)).split()
    hosts = [named for word in words for named in (_named_host(word),) if named]
    return all(named == host for named in hosts)


def _host(address: str) -> str:
    parts = urlsplit(address)
    if parts.scheme.lower() == "mailto":
        return _comparable(parts.path.rpartition("@")[2])
    if "@" in parts.netloc:
        return ""  # `https://bank.example@evil.example` is honest under no name
    return _comparable(parts.hostname or "")


def _named_host(word: str) -> str:
    match = _HOST.match(word.lstrip("([{<\"'“‘«‹„‚`*_~"))
    return _comparable(match.group(1)) if match else ""


def _comparable(host: str) -> str:
    host = host.lower().rstrip(".").removeprefix("www.")
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        return host


def bare(prose: str) -> list[tuple[int, int]]:
    """Where addresses stand in prose, as (start, end)."""
    places: list[tuple[int, int]] = []
    for match in _BARE.finditer(prose):
        start, end = match.start(), _end(match.group()) + match.start()
        # `https://a.example/日本` is not an address followed by words, nor surely the reverse.
        unclear = end == match.end() and prose[end : end + 1].isalnum()
        address = prose[start:end]
        if not unclear and allowed(address) and "@" not in urlsplit(address).netloc:
            places.append((start, end))
    return places


def _end(address: str) -> int:
    """The length without closing punctuation that belongs to the sentence."""
    end = len(address)
    unpaired = {
        closing: address.count(closing) - address.count(opening)
        for closing, opening in _PAIRS.items()
    }
    while end:
        last = address[end - 1]
        if unpaired.get(last, 0) > 0:
            unpaired[last] -= 1
        elif last not in _TRAILING:
            break
        end -= 1
    return end
