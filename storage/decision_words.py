"""Words that decide, such as "looks good": they must not be taken for a revision. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_MOST_WORDS: Final = 8

_YES: Final = frozenset(
    """
    +1 100 absolutely accept accepted agree agreed ahead amazing approve approved awesome beautiful
    brilliant cheers clap confirm confirmed continue correct definitely do excellent exactly
    fantastic fine go good great heart heavy_check_mark k lgtm love lovely nice ok ok_hand okay
    perfect proceed publish raised_hands release right rocket send sgtm ship sure tada thank thanks
    thumbsup thx ty white_check_mark wonderful works yea yeah yep yes yup
    ballot_box_with_check
    ja jawohl jo prima passt gut genehmigt freigegeben einverstanden weiter
    sí vale bien bueno perfecto adelante aprobado aprobada acuerdo claro genial gusta
    oui daccord parfait approuvé validé bon vas
    はい 了解 了解です 承認 承認します いいですね オッケー 続けて 続けてください お願いします
    👍 ✅ 👌 ✔ ☑ 🎉 🚀 💯 🙌 👏 ❤ 🆗
    """.split()  # noqa: SIM905 easier to read and to extend
)
_NO: Final = frozenset(
    """
    -1 abort bad cancel decline declined denied dont drop nah never no no_entry no_entry_sign nope
    not octagonal_sign refuse refused reject rejected stop thumbsdown x
    nein nicht stopp abgelehnt abbrechen verwerfen
    nunca cancelar rechazado rechazada
    non pas refusé rejeté annuler
    いいえ だめ ダメ 却下 却下します 中止 中止してください
    👎 ❌ 🛑 ⛔ 🚫 ✖
    """.split()  # noqa: SIM905
)
_FILLERS: Final = frozenset(
    """
    a all and by for from i is it its let lets look looks me my now out please so sounds that the
    then this to us very we well with you
    alles aus bitte danke das es finde geht ich ist los mach mir sehr sieht so
    de está esta favor gracias me muy parece por se todo ve
    allez c cest cet est le la merci moi pour très tout y
    pray sparkles smile slightly_smiling_face 🙏 ✨ 🙂 😀 😊
    """.split()  # noqa: SIM905
)
_POLITE_YES: Final = re.compile(
    r"\bno (?:problem|worries|objections?|notes|comments?|complaints?|changes?(?: needed)?)\b"
    r"|\bnot bad\b|\bwhy not\b|\bnothing to (?:add|change)\b"
)
"""Ways to agree that contain a word of refusal."""

_EMOJI: Final = "👍✅👌✔☑🎉🚀💯🙌👏❤🆗👎❌🛑⛔🚫✖🙏✨🙂😀😊"
_SHORTCODE: Final = re.compile(r":([a-z0-9_+-]+):")


def normalized(text: str) -> str:
    """The words in lower case, without punctuation; `needs_work` is `needs work`."""
    plain = text.casefold().replace("’", "").replace("'", "").replace("\ufe0f", "")
    return " ".join(re.findall(rf"[+-]1\b|[^\W_]+|[{_EMOJI}]", plain))


def named_outcome(text: str, outcomes: Iterable[str]) -> str | None:
    """The only outcome whose name the text is, but for case, punctuation and emoji."""
    plain = _without_emoji(text)
    words = normalized(text)
    named = [
        outcome
        for outcome in outcomes
        if words and normalized(outcome) in (words, normalized(plain)) and normalized(outcome)
    ]
    return named[0] if len(named) == 1 else None


def _without_emoji(text: str) -> str:
    return re.sub(rf"[{_EMOJI}]", " ", _SHORTCODE.sub(" ", text.casefold()))


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
    plain = text.casefold()
    named = [name for name in _SHORTCODE.findall(plain) if not name.startswith("skin-tone")]
    words = _POLITE_YES.sub("yes", normalized(_SHORTCODE.sub(" ", plain)))
    return [*named, *words.split()]
