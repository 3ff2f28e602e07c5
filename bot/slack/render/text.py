"""Text that a model or a person wrote, made fit to be shown. Pure.

Such text may fill text leaves only. It must call nobody, hide nothing and lead nowhere
that it does not show, so each kind of leaf has its own way in:

- `mrkdwn` for a mrkdwn object, which must be sent with `verbatim`;
- `markdown` for a markdown block;
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
"""Marks that reorder text, take no room or look like nothing: direction, joiners, tags."""

_JOINER = re.compile("[\u200c\u200d]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_NEWLINE = re.compile("\r\n|\r|\u0085|\u2028|\u2029")
_BROADCAST = re.compile(r"@(?=(?:channel|here|everyone)\b)", re.IGNORECASE)
_OPENS_TARGET = re.compile(r"\](?=[(\[:])")
_CUT_ENTITY = re.compile(r"&[a-z]{0,3}$")
_FENCE = re.compile(r"^ {0,3}(```+|~~~+)", re.MULTILINE)

WORD_JOINER = "\u2060"
ELLIPSIS = "…"


def tame(text: str) -> str:
    """Take out what cannot be seen but changes what is: controls, direction marks, fillers.

    A joiner stays where a script or an emoji needs it: between two characters beyond ASCII.
    """
    text = _NEWLINE.sub("\n", text)
    text = SURROGATE.sub(REPLACEMENT, text)
    text = _CONTROL.sub("", text)
    text = _HIDDEN.sub("", text)
    return _JOINER.sub(_joiner, text)


def _joiner(match: re.Match[str]) -> str:
    text, at = match.string, match.start()
    before, after = text[at - 1 : at], text[at + 1 : at + 2]
    return match.group() if _takes_joiner(before) and _takes_joiner(after) else ""


def _takes_joiner(character: str) -> bool:
    """Letters, marks and symbols beyond Latin; never another joiner."""
    if not character or ord(character) < 0x300:
        return False
    return unicodedata.category(character)[0] in "LMS"


def visible(text: str) -> str:
    """The same marks written out, for what somebody is to check to the letter."""
    text = _NEWLINE.sub("\n", text)
    for marks in (SURROGATE, _CONTROL, _HIDDEN, _JOINER):
        text = marks.sub(lambda mark: f"\\u{ord(mark.group()):04x}", text)
    return text


def escape(text: str) -> str:
    """Slack's three control characters, so that nothing in `text` is a mention or a link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def mrkdwn(text: str) -> str:
    """For a mrkdwn object with `verbatim`."""
    return _BROADCAST.sub("@" + WORD_JOINER, escape(tame(text)))


def markdown(text: str) -> str:
    """For a markdown block: formatting stays, a link's words can no longer hide its address.

    Every form of a Markdown link but the bare address needs `](`, `][` or `]:`; a space in
    between leaves the words and the address standing beside each other.
    """
    return _OPENS_TARGET.sub("] ", mrkdwn(text))


def plain(text: str, limit: int) -> str:
    """For a plain_text object, on one line: `limit` counts as Slack does."""
    words = _one_line(text).replace("<", "‹").replace(">", "›")
    return shorten(_BROADCAST.sub("@" + WORD_JOINER, words), limit)


def line(text: str, limit: int) -> str:
    """For a mrkdwn object with `verbatim`, on one line; `limit` counts what a reader sees."""
    return mrkdwn(shorten(_one_line(text), limit))


def _one_line(text: str) -> str:
    return " ".join(tame(text).split())


def label(name: str) -> str:
    """A phase, task or checkpoint as people read it: `trend_research` is trend research."""
    return plain(name.replace("_", " "), 120)


def length(text: str) -> int:
    """Characters as Slack's limits count them at worst: UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def shorten(text: str, limit: int) -> str:
    """At most `limit` long, with an ellipsis where something was left out."""
    if length(text) <= limit:
        return text
    return _fit(text, limit - 1).rstrip() + ELLIPSIS


def shorten_mrkdwn(words: str, limit: int) -> str:
    """The same for finished mrkdwn: a mention or date that would be cut open goes as a whole."""
    if length(words) <= limit:
        return words
    cut = _fit(words, limit - 1)
    if cut.rfind("<") > cut.rfind(">"):
        cut = cut[: cut.rfind("<")]
    return cut.rstrip() + ELLIPSIS


def _fit(text: str, limit: int) -> str:
    """The longest beginning that is at most `limit` long and cuts no character or entity."""
    cut = text[:limit]
    while length(cut) > limit:
        cut = cut[: len(cut) - max(1, (length(cut) - limit) // 2)]
    return _CUT_ENTITY.sub("", cut)


def clip(text: str, limit: int) -> tuple[str, bool]:
    """A beginning of escaped Markdown that ends well, and whether anything was left out.

    Cuts at a paragraph, line or word in the last third where there is one, and closes a code
    fence that it cut open.
    """
    text = text.strip()
    if length(text) <= limit:
        return text, False
    if limit < 16:
        return "", True
    cut = _fit(text, limit - 8)
    for boundary in ("\n\n", "\n", " "):
        at = cut.rfind(boundary, len(cut) * 2 // 3)
        if at > 0:
            cut = cut[:at]
            break
    cut = _CUT_ENTITY.sub("", cut).rstrip()
    open_fence = _open_fence(cut)
    return (f"{cut}\n{open_fence}" if open_fence else f"{cut} {ELLIPSIS}"), True


def _open_fence(text: str) -> str | None:
    fence: str | None = None
    for match in _FENCE.finditer(text):
        mark = match.group(1)
        if fence is None:
            fence = mark[:3]
        elif mark.startswith(fence):
            fence = None
    return fence


def quote(text: str, limit: int) -> str:
    """Somebody's words as a mrkdwn quotation, clipped to `limit`."""
    lines = shorten(tame(text).strip(), limit).split("\n")
    return "\n".join(f"> {mrkdwn(line)}" for line in lines)
