"""What the offline drafter reads out of a request."""

from __future__ import annotations

from datetime import date

import pytest

from crew_runner.models.drafter import amounts, asks
from crew_runner.models.drafter.amounts import Money
from crew_runner.models.drafter.asks import (
    Add,
    Ask,
    Audience,
    Budget,
    Note,
    Remove,
    Replace,
    Shift,
    Shorter,
    Span,
    Speak,
    Tone,
)
from crew_runner.models.drafter.brief import Person, language_named, language_of, read
from crew_runner.models.drafter.words import words


@pytest.mark.parametrize(
    ("request_", "topic", "name", "sector"),
    [
        (
            "plan a summer campaign for a bicycle shop",
            "Summer campaign for a bicycle shop",
            "the bicycle shop",
            "bicycle",
        ),
        ("Create a content plan", "Content campaign", "the offer", "general"),
        (
            "Launch of our new app Tempo in March",
            "Launch of our new app Tempo",
            "Tempo",
            "software",
        ),
        (
            "Our bakery wants more customers on weekdays",
            "Content campaign for a bakery",
            "the bakery",
            "food",
        ),
        (
            "social media for Nordlicht Coffee Roasters, target audience: students",
            "Content campaign for Nordlicht Coffee Roasters",
            "Nordlicht Coffee Roasters",
            "food",
        ),
        (
            "Bitte einen Content-Plan für unsere Bäckerei erstellen",
            "Content-Kampagne für unsere Bäckerei",
            "Bäckerei",
            "food",
        ),
        (
            "Erstelle eine Kampagne zum 50-jährigen Jubiläum des Stadtmuseums Kassel ab 3. Mai",
            "Kampagne zum 50-jährigen Jubiläum des Stadtmuseums Kassel",
            "Stadtmuseums Kassel",
            "general",
        ),
        (
            "Crea una campaña de lanzamiento de la aplicación «Tempo»",
            "Campaña de lanzamiento de la aplicación «Tempo»",
            "Tempo",
            "software",
        ),
        (
            "Buatkan rencana konten Ramadan untuk toko batik Kencana di Solo, mulai 3 Maret",
            "Kampanye Ramadan untuk toko batik Kencana di Solo",
            "Kencana",
            "fashion",
        ),
    ],
)
def test_a_request_is_taken_apart(request_: str, topic: str, name: str, sector: str) -> None:
    brief = read(request_, language=language_of(request_))

    assert (brief.topic, brief.name, brief.sector.key) == (topic, name, sector)


@pytest.mark.parametrize(
    ("code", "topic"),
    [
        ("en", "Summer campaign for a bicycle shop"),
        ("de", "Sommerkampagne für einen Fahrradladen"),
        ("es", "Campaña de verano para una tienda de bicicletas"),
        ("id", "Kampanye musim panas untuk toko sepeda"),
    ],
)
def test_a_request_is_said_again_in_another_language(code: str, topic: str) -> None:
    for request_ in (
        "plan a summer campaign for a bicycle shop",
        "Plane eine Sommerkampagne für einen Fahrradladen",
        "planifica una campaña de verano para una tienda de bicicletas",
        "buat kampanye musim panas untuk toko sepeda",
    ):
        assert read(request_, language=code).topic == topic


@pytest.mark.parametrize("request_", ["", "🎉", "x" * 9000, "?" * 50, "{0} {name} | <b> `*_#\n\n#"])
def test_a_request_without_sense_has_a_brief_with_a_name_and_a_topic(request_: str) -> None:
    brief = read(request_, language="en")

    assert brief.topic
    assert brief.name
    assert len(brief.topic) < 160
    assert brief.sector.key == "general"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("budget $5,000", "$5,000"),
        ("Budget: 5k €", "5,000 €"),
        ("with a budget of 1.500 Euro", "1,500 Euro"),
        ("a budget of 800", "800"),
        ("anggaran Rp 10 juta", "Rp 10,000,000"),
        ("presupuesto de 2 mil euros", "2,000 euros"),
        ("£1200.50 at most", "£1,200"),
        ("USD 3,250", "USD 3,250"),
    ],
)
def test_money_is_found_and_said(text: str, said: str) -> None:
    found = amounts.money(text)

    assert found is not None
    assert found.say(words("en")) == said


@pytest.mark.parametrize("text", ["in 3 weeks", "no budget yet", "the 10 best", "version 2.0"])
def test_a_number_that_is_no_money_is_none(text: str) -> None:
    assert amounts.money(text) is None


@pytest.mark.parametrize(
    ("text", "code", "day"),
    [
        ("from 3 June", "en", (6, 3)),
        ("starting June 3rd", "en", (6, 3)),
        ("in March", "en", (3, 1)),
        ("ab 6. Oktober", "de", (10, 6)),
        ("ab 6.10.", "de", (10, 6)),
        ("desde el 3 de mayo", "es", (5, 3)),
        ("mulai 17 Agustus", "id", (8, 17)),
    ],
)
def test_a_day_is_found(text: str, code: str, day: tuple[int, int]) -> None:
    found = amounts.day(text, code)

    assert found is not None
    assert (found.month, found.day) == day


@pytest.mark.parametrize("text", ["we may start soon", "31 June", "on 45.13.", "the mar of time"])
def test_a_word_that_is_no_day_is_none(text: str) -> None:
    assert amounts.day(text, "en") is None


def test_the_start_is_the_day_after_the_word_that_announces_it() -> None:
    brief = read("a campaign until 24 December, starting 1 December", language="en")

    assert brief.start == date(2001, 12, 1)
    assert brief.start_given


@pytest.mark.parametrize(
    ("text", "weeks"),
    [
        ("a 3 week plan", 3),
        ("six weeks", 6),
        ("for two months", 8),
        ("10 days", 1),
        ("vier Wochen", 4),
        ("3 semanas", 3),
        ("dua minggu", 2),
        ("two more weeks", 2),
    ],
)
def test_a_span_is_counted_in_weeks(text: str, weeks: int) -> None:
    assert amounts.weeks(text) == weeks


def test_people_and_their_jobs_are_read_from_the_background() -> None:
    brief = read("plan a campaign", "Team: Mira (photos), Jonas – video and Ann", language="en")

    assert brief.people == (Person("Mira", "photos"), Person("Jonas", "video"), Person("Ann"))


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("German", "de"),
        ("deutsch", "de"),
        ("de-DE", "de"),
        ("Español", "es"),
        ("Bahasa Indonesia", "id"),
        ("en_US", "en"),
        ("French", None),
        ("", None),
    ],
)
def test_a_language_is_known_by_its_names_and_codes(said: str, code: str | None) -> None:
    assert language_named(said) == code


@pytest.mark.parametrize(
    ("feedback", "read_as"),
    [
        ("make it shorter and more playful", (Shorter(), Tone("playful"))),
        ("at most 300 words", (Shorter(limit=300),)),
        ("The tone is too formal", (Tone("warm"),)),
        ("Swap Instagram for Facebook", (Replace("Instagram", "Facebook"),)),
        ("use “riders” instead of “cyclists”", (Replace("cyclists", "riders"),)),
        ("statt Instagram lieber Facebook", (Replace("Instagram", "Facebook"),)),
        ("TikTok hinzufügen, Preise streichen", (Add("TikTok", ("tiktok",)), Remove("Preise"))),
        ("postpone by a week", (Shift(1),)),
        ("majukan dua minggu", (Shift(-2),)),
        ("one week less", (Span(by=-1),)),
        ("translate to Spanish", (Speak("es", "Español"),)),
        ("en inglés por favor", (Speak("en", "English"),)),
        ("Spanish-speaking readers will like it", (Note("Spanish-speaking readers will like it"),)),
        ("target families", (Audience("families"),)),
        ("not so much about prices", (Remove("prices", partly=True),)),
        ("Please add a risk about bad weather", (Add("bad weather", section="risks"),)),
        (
            "Good start. Please add TikTok, mention our free lunch, and the budget is €3,000.",
            (
                Add("TikTok", ("tiktok",)),
                Add("free lunch", section="messages"),
                Budget(Money(3000, "€")),
            ),
        ),
        (
            "add TikTok, have the lawyer read it",
            (Add("TikTok", ("tiktok",)), Note("have the lawyer read it", "guards")),
        ),
        (
            "the budget is $900 but only the owner may spend it and nobody else",
            (
                Budget(Money(900, "$")),
                Note(
                    "budget is $900 but only the owner may spend it and nobody else",
                    "talent",
                ),
            ),
        ),
        ("The goals are too weak", (Note("goals are too weak", "objectives"),)),
    ],
)
def test_a_feedback_is_read_as_asks(feedback: str, read_as: tuple[Ask, ...]) -> None:
    assert asks.read(feedback) == read_as
