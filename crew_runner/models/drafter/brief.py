"""What a request says: for whom, what, when, with what. Read without a model."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, replace
from datetime import date

from crew_runner.models.drafter import amounts
from crew_runner.models.drafter.amounts import Money
from crew_runner.models.drafter.words import (
    LANGUAGES,
    Sector,
    Words,
    channels_for,
    channels_in,
    find_anywhere,
    fold,
    occasion_facts,
    whole_words,
    words,
)

_QUOTED = re.compile(r"[“„«\"]([^“”„«»\"\n]{2,40})[”“»\"]")
_WEEKS_AT_MOST = 12


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    job: str = ""


@dataclass(frozen=True, slots=True)
class Brief:
    """A request, understood. Phrases are in the language of `speech`."""

    speech: Words
    sector: Sector
    occasion: str
    campaign: str
    subject: str
    name: str
    audience: str
    audience_given: bool
    weeks: int
    start: date | None
    start_given: bool
    channels: tuple[str, ...]
    budget: Money | None
    people: tuple[Person, ...]
    background: str
    disputed: str | None
    strongly: bool
    seed: int

    @property
    def topic(self) -> str:
        if not self.subject or fold(self.campaign) in fold(self.subject):
            return self.campaign
        return self.speech.text("titles.topic", campaign=self.campaign, subject=self.subject)

    def pick(self, low: int, high: int, salt: str) -> int:
        """A number between the two, the same for the same subject and another for another."""
        return low + zlib.crc32(f"{self.seed}:{salt}".encode()) % (high - low + 1)


def language_named(text: str) -> str | None:
    """The code of a language that is named in any of the four, or given as a code or locale."""
    wanted = re.sub(r"[-_][a-z]{2}$", "", text.strip().casefold())
    for code in LANGUAGES:
        if wanted in words(code).lines("language.names"):
            return code
    return None


def language_of(text: str, otherwise: str = "en") -> str:
    """The language a text is written in, by its small words."""
    spoken = [w.casefold() for w in re.findall(r"[^\W\d_]+", text)]
    scores = {
        code: sum(map(frozenset(words(code).lines("language.detect")).__contains__, spoken))
        for code in LANGUAGES
    }
    best = max(scores, key=lambda code: scores[code])
    return best if scores[best] else otherwise


def read(request: str, background: str = "", *, language: str) -> Brief:
    """Take a request apart and say it again in `language` (a code)."""
    speech, spoken = words(language), language_of(request, language)
    whole = f"{request}\n{background}"
    sector = speech.sector(find_anywhere("sectors", whole, first=spoken) or "general")
    occasion = find_anywhere("occasions", whole, first=spoken) or "always"
    reading = _Reading(words(spoken), request)
    brand = reading.brand() or _Reading(words(spoken), background).brand()
    people = find_anywhere("people", whole, first=spoken)
    audience = _audience(speech, spoken, whole, people)
    subject, name = _subject(speech, spoken, reading, brand)
    start = amounts.day(_after_from(whole, spoken), spoken)
    facts = occasion_facts(occasion)
    usual = amounts.of_year(*facts["start"]) if "start" in facts else None
    named = channels_in(whole)
    met = channels_for(people)
    wanted = dict.fromkeys((*named, *met, *sector.channels))
    if people in {"students", "young"} and "linkedin" not in named:
        wanted.pop("linkedin", None)
    channels = tuple(wanted)[: max(3, len(named))]
    if people == "seniors":
        sector = _second_pieces_first(sector)
    strong = _disputed("strong", whole)
    return Brief(
        speech=speech,
        sector=sector,
        occasion=occasion,
        campaign=_campaign(speech, spoken, reading, occasion),
        subject=subject,
        name=name,
        audience=audience or sector.texts["audience"],
        audience_given=audience is not None,
        weeks=min(_WEEKS_AT_MOST, max(2, amounts.weeks(whole) or facts.get("weeks", 6))),
        start=start or usual,
        start_given=start is not None,
        channels=channels,
        budget=amounts.money(whole),
        people=_people(background, spoken) or _people(request, spoken),
        background=background,
        disputed=strong or _disputed("mild", whole),
        strongly=strong is not None,
        seed=zlib.crc32(fold(request).encode()),
    )


class _Reading:
    """A request, cut into `campaign` and `subject` by the patterns of its language."""

    def __init__(self, speech: Words, request: str) -> None:
        self.speech = speech
        self.request = " ".join(request.split())
        text = re.split(r"(?<=[^\W\d]|[)”“»\"])[.!?](?:\s|$)", self.request, maxsplit=1)[0]
        rule = speech.text("reading.openers")
        text = re.sub(rf"^(?:(?:{rule})[\s,]+)+", "", text, flags=re.IGNORECASE)
        verbs = speech.text("reading.verbs")
        text = re.sub(rf"^(?:{verbs})\s+(?:me\s+|us\s+)?", "", text, flags=re.IGNORECASE)
        cut = re.compile(rf"\s(?:{speech.text('reading.cuts')})(?!\w)|[,;:(\n]", re.IGNORECASE)
        head, _, tail = _halves(text, speech.text("reading.for"))
        self.campaign = self.bare(cut.split(head, maxsplit=1)[0])
        self.subject = cut.split(tail, maxsplit=1)[0].strip()
        self.one_phrase = not self.subject
        """Nothing is said to be `for` something: the phrase stands as a whole, as `launch of X`."""
        if self.one_phrase:
            self.subject = _halves(self.campaign, speech.text("reading.of"))[2].strip()

    def bare(self, phrase: str) -> str:
        articles = self.speech.text("reading.articles")
        return re.sub(rf"^(?:{articles})\s+", "", phrase.strip(), flags=re.IGNORECASE)

    def brand(self) -> str | None:
        """A name in quotes, after a word such as `called`, or in capitals where none are due."""
        if match := _QUOTED.search(self.request):
            return match.group(1).strip()
        named = self.speech.text("reading.named")
        name = r"([A-ZÄÖÜÁÉÍÓÚÑ0-9][\w&'.-]*(?:\s+[A-ZÄÖÜÁÉÍÓÚÑ][\w&'-]*){0,2})"
        if match := re.search(rf"(?<!\w)(?:{named})\s+{name}", self.request):
            return match.group(1).rstrip(".")
        if self.speech.code == "de":  # where every noun has a capital, a capital says nothing
            inside = re.search(r"(?<!\w)([A-Z]\w*[a-z][A-Z]\w*)(?!\w)", self.request)
            return inside.group(1) if inside else None
        place = self.speech.text("reading.place")
        for match in re.finditer(rf"(?:^|(?P<w>\S+)\s+){name}", self.subject):
            if not re.fullmatch(place, match["w"] or "", re.IGNORECASE) and not _known(
                match.group(2)
            ):
                return match.group(2).rstrip(".")
        return None


def _halves(text: str, joint: str) -> tuple[str, str, str]:
    match = re.search(rf"\s(?:{joint})\s", text, re.IGNORECASE)
    return (text[: match.start()], match.group(), text[match.end() :]) if match else (text, "", "")


def _known(name: str) -> bool:
    """Whether a capitalised word is a month, a season, a channel: not a brand."""
    months = {month for code in LANGUAGES for month in amounts.month_names(code)}
    return (
        fold(name) in months
        or bool(channels_in(name))
        or any(words(code).find("occasions", name) for code in LANGUAGES)
    )


def _campaign(speech: Words, spoken: str, reading: _Reading, occasion: str) -> str:
    heard = words(spoken)
    plain = re.fullmatch(rf"(?:{heard.text('reading.generic')})", reading.campaign, re.IGNORECASE)
    twice = fold(heard.text("titles.plan", topic="")) in fold(reading.campaign)
    if not _fits(reading) or plain or twice or speech.code != spoken:
        phrase = speech.subject("occasions", occasion, "campaign")
        if plain and heard.find("occasions", reading.subject) and speech.code == spoken:
            phrase = reading.campaign
    else:
        phrase = reading.campaign
    return phrase[0].upper() + phrase[1:]


def _fits(reading: _Reading) -> bool:
    """Whether what was read as a campaign can stand in a title."""
    words_ = len(reading.campaign.split())
    return 0 < len(reading.campaign) <= 60 and words_ <= (8 if reading.subject else 4)


def _subject(speech: Words, spoken: str, reading: _Reading, brand: str | None) -> tuple[str, str]:
    """The subject as it stands after `for`, and the name by which it is spoken of."""
    said = reading.subject
    if said and _is_people(said, spoken):
        said = ""
    noun = find_anywhere("nouns", said or reading.request, first=spoken)
    if said and (speech.code == spoken or said == brand):
        subject = said if len(said) <= 70 else said[:70].rsplit(" ", 1)[0]
    elif noun:
        subject = f"{speech.noun(noun)} {brand}" if brand else speech.noun(noun)
    elif brand or said:
        subject = brand or speech.text("language.quote", text=reading.bare(said))
    else:
        subject = ""
    told = said if reading.one_phrase else brand or noun
    within = reading.one_phrase or (not said and _mentions(reading.campaign, brand, noun))
    if told and within and _fits(reading) and speech.code == spoken:
        subject = ""
    name = brand or _name(speech, subject or said if speech.code == spoken else subject)
    return subject, name or speech.text("titles.offer")


def _mentions(campaign: str, brand: str | None, noun: str | None) -> bool:
    """Whether the campaign's phrase says already what it is for."""
    return bool(brand and brand in campaign) or (
        noun is not None and find_anywhere("nouns", campaign, first="en") == noun
    )


def _name(speech: Words, subject: str) -> str:
    articles = speech.text("reading.articles")
    bare = re.sub(rf"^(?:{articles})\s+", "", subject, flags=re.IGNORECASE)
    if speech.code != "en" or bare == subject or re.match(r"(?i)(?:our|my|your|their)\s", subject):
        return bare if speech.code != "en" else subject
    return f"the {bare}"


def _is_people(phrase: str, spoken: str) -> bool:
    key = words(spoken).find("people", phrase)
    match = (
        whole_words(words(spoken).subject("people", key, "match")).search(phrase) if key else None
    )
    return match is not None and match.start() == 0


def _second_pieces_first(sector: Sector) -> Sector:
    """The calmer example of each theme before the quicker one."""
    turned = tuple(replace(t, pieces=t.pieces[::-1]) for t in sector.themes)
    return replace(sector, themes=turned)


def _audience(speech: Words, spoken: str, text: str, people: str | None) -> str | None:
    heard = words(spoken)
    pattern = rf"(?<!\w){heard.text('reading.audience')}([^,.;:\n]+)"
    if match := re.search(pattern, text, re.IGNORECASE):
        phrase = re.split(
            rf"\s(?:{heard.text('reading.cuts')})(?!\w)", match.group(1), flags=re.IGNORECASE
        )[0].strip()
        if speech.code == spoken and 2 < len(phrase) <= 70:
            return phrase
    return speech.subject("people", people) if people else None


def _after_from(text: str, spoken: str) -> str:
    """The text from the word that announces a start, so that an end date is not taken for it."""
    match = whole_words(words(spoken).text("reading.from")).search(text)
    tail = text[match.end() :] if match else ""
    return tail if amounts.day(tail, spoken) else text


def _people(text: str, spoken: str) -> tuple[Person, ...]:
    announce = words(spoken).text("reading.people")
    match = re.search(rf"(?<!\w)(?:{announce})\s*[:=–-]\s*([^\n.;]+)", text, re.IGNORECASE)
    if not match:
        return ()
    ands = "|".join(words(code).text("language.and") for code in LANGUAGES)
    people = []
    for part in re.split(rf",|/|\s(?:{ands})\s", match.group(1)):
        named = re.match(
            r"\s*([A-ZÄÖÜÁÉÍÓÚÑ][\w'’-]+(?:\s[A-ZÄÖÜ][\w'’-]+)?)\s*(?:[(–:-]\s*([^)]+)\)?)?\s*$",
            part,
        )
        if named:
            people.append(Person(named.group(1), (named.group(2) or "").strip()))
    return tuple(people[:5])


def _disputed(strength: str, text: str) -> str | None:
    return next((w for code in LANGUAGES if (w := words(code).word(strength, text))), None)
