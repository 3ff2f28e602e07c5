"""Money, dates and spans of time, as people write them in a request."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from crew_runner.models.drafter.words import LANGUAGES, Words, whole_words, words

_YEAR: Final = 2001  # dates are shown without a year; any common year will do to reckon with
_CURRENCY = (
    r"€|\$|£|¥|rp\.?|idr|usd|eur|gbp|mxn|chf|euros?|dollars?|dólares|dolar|rupiah|pesos?|pounds?"
    r"|franken"
)
_SCALE = r"k|m|mio|tsd|thousand|million|tausend|mil(?!l)|millones|millón|ribu|rb|juta|jt|miles"
_NUMBER = r"\d{1,3}(?:[.,  ]\d{3})+(?:[.,]\d{1,2})?|\d+(?:[.,]\d{1,2})?"
_MONEY = re.compile(
    rf"(?P<before>{_CURRENCY})\s?(?P<n1>{_NUMBER})\s?(?P<s1>{_SCALE})?\b"
    rf"|(?P<n2>{_NUMBER})\s?(?P<s2>{_SCALE})?\s?(?P<after>{_CURRENCY})(?!\w)",
    re.IGNORECASE,
)
_BARE = re.compile(rf"(?P<n>{_NUMBER})\s?(?P<s>{_SCALE})?\b", re.IGNORECASE)
_SCALES: Final = {
    **dict.fromkeys(("k", "tsd", "thousand", "tausend", "mil", "miles", "ribu", "rb"), 1_000),
    **dict.fromkeys(("m", "mio", "million", "millones", "millón", "juta", "jt"), 1_000_000),
}


@dataclass(frozen=True, slots=True)
class Money:
    value: int
    before: str = ""
    after: str = ""

    def share(self, percent: int) -> Money:
        return Money(round(self.value * percent / 100), self.before, self.after)

    def say(self, speech: Words) -> str:
        number = f"{self.value:,}".replace(",", speech.text("language.number_separator"))
        gap = " " if self.before.isalpha() else ""
        return f"{self.before}{gap}{number}{' ' + self.after if self.after else ''}"


def money(text: str) -> Money | None:
    """The first sum of money, or a bare number right after the word budget."""
    if match := _MONEY.search(text):
        value = _value(match["n1"] or match["n2"], match["s1"] or match["s2"])
        return Money(value, (match["before"] or "").rstrip("."), match["after"] or "")
    budget = "|".join(words(code).text("reading.budget") for code in LANGUAGES)
    named = re.search(rf"(?<!\w)(?:{budget})(?!\w)\D{{0,20}}", text, re.IGNORECASE)
    bare = _BARE.match(text, named.end()) if named else None
    return Money(_value(bare["n"], bare["s"])) if bare else None


def weeks(text: str) -> int | None:
    """How many weeks a text asks for; months and days are turned into weeks."""
    for code in LANGUAGES:
        speech = words(code)
        spoken = list(speech.lines("reading.numbers"))
        number = rf"(?P<n>\d{{1,3}}|{'|'.join(spoken)})"
        for unit, factor in (("weeks", 1.0), ("months", 4.0), ("days", 1 / 7)):
            pattern = (
                rf"(?<![\w.,]){number}[\s-]+(?:\w+\s+)?(?:{speech.text(f'reading.{unit}')})(?!\w)"
            )
            if match := re.search(pattern, text, re.IGNORECASE):
                said = match["n"].casefold()
                count = int(said) if said.isdigit() else spoken.index(said) + 1
                return max(1, round(count * factor))
    return None


def day(text: str, code: str) -> date | None:
    """The first date: a day with a month in words or in figures, or a month's first day."""
    found: list[tuple[int, date]] = []
    for language in (code, *LANGUAGES):
        names = month_names(language)
        month = "|".join(sorted(map(re.escape, names), key=len, reverse=True))
        with_day = (
            rf"(?:(?P<d>\d{{1,2}})(?:st|nd|rd|th|\.|º)?\s+(?:of\s+|de\s+)?(?P<m>{month})"
            rf"|(?P<m2>{month})\.?\s+(?P<d2>\d{{1,2}})(?:st|nd|rd|th)?)(?!\w)"
        )
        if match := re.search(rf"(?<!\w){with_day}", text, re.IGNORECASE):
            named = (match["m"] or match["m2"]).casefold()
            found += _date(match.start(), names[named], int(match["d"] or match["d2"]))
        elif match := re.search(rf"(?<!\w)(?P<m>{month})(?!\w)", text, re.IGNORECASE):
            # `may` and `mar` are words too: a bare short form is not taken for a month
            full = match["m"].casefold()
            if len(full) > 3 or match["m"][0].isupper():
                found += _date(match.start(), names[full], 1)
        if found:
            break
    if match := re.search(r"(?<!\d)(\d{1,2})[./](\d{1,2})\.?(?!\d)", text):
        found += _date(match.start(), int(match.group(2)), int(match.group(1)))
    return min(found)[1] if found else None


def of_year(month: int, number: int) -> date:
    return date(_YEAR, month, number)


def later(start: date, *, weeks: int = 0, days: int = 0) -> date:
    """So much later (or earlier), folded into the year that dates are reckoned in."""
    moved = start + timedelta(weeks=weeks, days=days)
    return moved.replace(year=_YEAR)


def say_day(when: date, speech: Words) -> str:
    return speech.text(
        "language.date", day=when.day, month=speech.lines("language.short_months")[when.month - 1]
    )


def month_names(code: str) -> dict[str, int]:
    """Months in full and in short, in lower case, with their numbers."""
    speech = words(code)
    full, short = speech.lines("language.months"), speech.lines("language.short_months")
    return {
        name.casefold(): number
        for names in (full, short)
        for number, name in enumerate(names, start=1)
    }


def mentions(pattern: str, text: str) -> bool:
    return bool(whole_words(pattern).search(text))


def _date(place: int, month: int, number: int) -> list[tuple[int, date]]:
    try:
        return [(place, of_year(month, number))]
    except ValueError:
        return []  # such as 31 June: the text names no real day


def _value(number: str, scale: str | None) -> int:
    figure = re.sub(r"[.,  ](?=\d{3}(?!\d))", "", number).replace(",", ".")
    return round(float(figure) * _SCALES.get((scale or "").casefold(), 1))
