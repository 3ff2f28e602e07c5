"""Makes text of models and people safe to show. Pure.

Such text may only fill text fields. It must not notify anybody, hide anything, or link to an
address that it does not show, so each kind of field has its own function:

- `mrkdwn` for a mrkdwn object, which must be sent with `verbatim`;
- `plain` for a plain_text object: headers, labels, titles.
"""

from __future__ import annotations

import re
import unicodedata

from storage.characters import REPLACEMENT, SURROGATE

_HIDDEN = re.compile(
    "["
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    "]"
)
"""Characters that reorder text or are invisible: direction marks, fillers, tags."""

_JOINER = re.compile("[\u200c\u200d]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_NEWLINE = re.compile("\r\n|\r|\u0085|\u2028|\u2029")
_BROADCAST = re.compile(r"@(?=(?:channel|here|everyone)\b)", re.IGNORECASE)
_CUT_ENTITY = re.compile(r"&[a-z]{0,3}$")

WORD_JOINER = "\u2060"
ELLIPSIS = "…"


def sanitize(text: str) -> str:
    """Remove invisible characters that change what is shown: controls, direction marks, fillers.

    A joiner stays if a script or an emoji needs it: between two characters beyond Latin.
    """
    text = _NEWLINE.sub("\n", text)
    text = SURROGATE.sub(REPLACEMENT, text)
    text = _CONTROL.sub("", text)
    text = _HIDDEN.sub("", text)
    return _JOINER.sub(_kept_joiner, text)


def _kept_joiner(match: re.Match[str]) -> str:
    text, at = match.string, match.start()
    before, after = text[at - 1 : at], text[at + 1 : at + 2]
    return match.group() if _takes_joiner(before) and _takes_joiner(after) else ""


def _takes_joiner(character: str) -> bool:
    """Letters, marks and symbols beyond Latin; never another joiner."""
    if not character or ord(character) < 0x300:
        return False
    return unicodedata.category(character)[0] in "LMS"


def reveal_hidden(text: str) -> str:
    """Write invisible characters as escapes, for text that people must check to the letter."""
    text = _NEWLINE.sub("\n", text)
    for pattern in (SURROGATE, _CONTROL, _HIDDEN, _JOINER):
        text = pattern.sub(lambda match: f"\\u{ord(match.group()):04x}", text)
    return text


def escape(text: str) -> str:
    """Escape Slack's three control characters, so that `text` contains no mention and no link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def mrkdwn(text: str) -> str:
    """For a mrkdwn object with `verbatim`."""
    return _BROADCAST.sub("@" + WORD_JOINER, escape(sanitize(text)))


def plain(text: str, limit: int) -> str:
    """For a plain_text object, on one line; `limit` counts as Slack does."""
    one_line = _one_line(text).replace("<", "‹").replace(">", "›")
    return shorten(_BROADCAST.sub("@" + WORD_JOINER, one_line), limit)


def line(text: str, limit: int) -> str:
    """For a mrkdwn object with `verbatim`, on one line; `limit` counts what a reader sees."""
    return mrkdwn(shorten(_one_line(text), limit))


def _one_line(text: str) -> str:
    return " ".join(sanitize(text).split())


def label(name: str) -> str:
    """The name of a phase, task or checkpoint for people: `trend_research` is trend research."""
    return plain(name.replace("_", " "), 120)


def length(text: str) -> int:
    """Length in UTF-16 units, the strictest way in which Slack may count."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def shorten(text: str, limit: int) -> str:
    """Shorten to at most `limit`, with an ellipsis if something was cut."""
    if length(text) <= limit:
        return text
    return _fit(text, limit - 1).rstrip() + ELLIPSIS if limit > 0 else ""


def shorten_mrkdwn(text: str, limit: int) -> str:
    """`shorten` for finished mrkdwn: never cuts inside a mention or date."""
    if length(text) <= limit:
        return text
    cut = _fit(text, limit - 1)
    if cut.rfind("<") > cut.rfind(">"):
        cut = cut[: cut.rfind("<")]
    return cut.rstrip() + ELLIPSIS


def _fit(text: str, limit: int) -> str:
    """The longest prefix of at most `limit` that cuts no character or entity."""
    limit = max(0, limit)
    cut = text[:limit]
    while length(cut) > limit:
        cut = cut[: len(cut) - max(1, (length(cut) - limit) // 2)]
    return _CUT_ENTITY.sub("", cut)


def quote(text: str, limit: int) -> str:
    """Text as a mrkdwn quotation, shortened to `limit`."""
    lines = shorten(sanitize(text).strip(), limit).split("\n")
    return "\n".join(f"> {mrkdwn(line)}" for line in lines)
