"""Words that decide, such as "looks good": they must not be taken for a revision. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_MOST_WORDS: Final = 8

_YES: Final = frozenset(
    """
    +1 accept accepted agree agreed ahead approve approved awesome continue excellent fine good
    great heavy_check_mark lgtm love nice ok ok_hand okay perfect proceed publish ship sure tada
    thumbsup white_check_mark yeah yep yes yup 👍 ✅ 👌 ✔
    """.split()  # noqa: SIM905 easier to read and to extend
)
_NO: Final = frozenset(
    """
    -1 abort bad cancel decline declined denied dont drop nah never no nope not refuse refused
    reject rejected stop thumbsdown x 👎 ❌ 🛑
    """.split()  # noqa: SIM905
)
_FILLERS: Final = frozenset(
    """
    a all and by do for from go i is it its let lets look looks me my now out please so sounds thank
    thanks that the then this to us very we well with works you
    """.split()  # noqa: SIM905
)


def normalized(text: str) -> str:
    """The words in lower case, without punctuation; `needs_work` is `needs work`."""
    plain = text.casefold().replace("’", "").replace("'", "").replace("\ufe0f", "")
    return " ".join(re.findall(r"[+-]1\b|[^\W_]+|[👍✅👌✔👎❌🛑]", plain))


def named_outcome(text: str, outcomes: Iterable[str]) -> str | None:
    """The only outcome whose name the text is, case and punctuation apart."""
    words = normalized(text)
    named = [outcome for outcome in outcomes if words and normalized(outcome) == words]
    return named[0] if len(named) == 1 else None


def says_yes(text: str) -> bool | None:
    """Whether a short text only says yes (True) or no (False); None if it says anything else."""
    words = _words(text)
    if not words or len(words) > _MOST_WORDS:
        return None
    if not all(word in _YES or word in _NO or word in _FILLERS for word in words):
        return None
    if any(word in _NO for word in words):
        return False
    return True if any(word in _YES for word in words) else None


def _words(text: str) -> list[str]:
    """The words, with Slack's `:thumbsup:` and its skin tones as one word each."""
    emoji = re.findall(r":([a-z0-9_+-]+):", text.casefold())
    rest = re.sub(r":[a-z0-9_+-]+:", " ", text.casefold())
    named = [name for name in emoji if not name.startswith("skin-tone")]
    return [*named, *normalized(rest).split()]
