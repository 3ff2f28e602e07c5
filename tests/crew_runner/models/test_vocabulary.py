"""The four languages have the same to say, and every subject has a good draft in each of them."""

from __future__ import annotations

import re
import string
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crew_runner.models.drafter import analysis, markdown, plan, strategy
from crew_runner.models.drafter import words as vocabulary
from crew_runner.models.drafter.brief import Brief, read
from crew_runner.models.drafter.facts import Context
from crew_runner.models.drafter.words import LANGUAGES, words
from tests.crew_runner.models.conftest import BETWEEN

HOME = Path(vocabulary.__file__).parent
PATTERNS = ("reading.", "asks.", "fit.")
SECTORS = tuple(tomllib.loads((HOME / "subjects/facts.toml").read_text())["sectors"])
OCCASIONS = tuple(tomllib.loads((HOME / "subjects/en.toml").read_text())["occasions"])


def entries(name: str) -> dict[str, Any]:
    """Every entry of a vocabulary file by its dotted path."""

    def walk(table: dict[str, Any], path: str) -> Iterator[tuple[str, Any]]:
        for key, entry in table.items():
            if isinstance(entry, dict):
                yield from walk(entry, f"{path}{key}.")
            else:
                yield f"{path}{key}", entry

    return dict(walk(tomllib.loads((HOME / name).read_text(encoding="utf-8")), ""))


def placeholders(entry: Any) -> set[str]:
    if isinstance(entry, list):
        return {name for part in entry for name in placeholders(part)}
    if isinstance(entry, dict):
        return {name for part in entry.values() for name in placeholders(part)}
    return {name for _, name, _, _ in string.Formatter().parse(str(entry)) if name}


@pytest.mark.parametrize("language", [code for code in LANGUAGES if code != "en"])
@pytest.mark.parametrize("kind", ["words", "subjects"])
def test_a_language_has_the_keys_shapes_and_placeholders_of_english(
    kind: str, language: str
) -> None:
    english, other = entries(f"{kind}/en.toml"), entries(f"{kind}/{language}.toml")

    assert set(other) == set(english)
    for path, entry in english.items():
        if path.startswith(PATTERNS) or path.endswith((".match", ".names", ".detect")):
            continue
        assert type(other[path]) is type(entry), path
        assert placeholders(other[path]) <= placeholders(entry), path
        if isinstance(entry, list):
            assert len(other[path]) == len(entry), path


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_pattern_is_a_regular_expression_that_does_not_match_nothing(language: str) -> None:
    found = {**entries(f"words/{language}.toml"), **entries(f"subjects/{language}.toml")}
    patterns = {
        path: text
        for path, text in found.items()
        if isinstance(text, str) and text and (path.startswith(PATTERNS) or ".match" in path)
    }

    assert len(patterns) > 80
    for path, text in patterns.items():
        assert not re.compile(text).fullmatch(""), path


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_two_headings_of_a_language_are_the_same(language: str) -> None:
    headings = [vocabulary.fold(words(language).text(f"headings.{k}")) for k in HEADINGS]

    assert len(set(headings)) == len(headings)


HEADINGS = words("en").keys("headings")


def test_a_heading_means_the_same_in_every_language_that_has_it() -> None:
    for language in LANGUAGES:
        for key in HEADINGS:
            heading = words(language).text(f"headings.{key}")
            assert vocabulary.heading_anywhere(heading) == key, heading


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("sector", SECTORS)
def test_every_sector_has_five_drafts_without_gaps(sector: str, language: str) -> None:
    brief = _brief(language, sector=sector)

    for text in _drafts(brief).values():
        assert not re.search(r"[{}]|\bNone\b|  +\S", text), text
        assert "**." not in text
        assert not re.search(r"[.!?]\.(?!\.)|,,|: :", text), text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("occasion", OCCASIONS)
def test_every_occasion_is_recognised_and_said(occasion: str, language: str) -> None:
    speech = words(language)
    name = speech.subject("occasions", occasion)
    brief = _brief(language, occasion=occasion)

    assert speech.subject("occasions", occasion, "why") in _drafts(brief)["plan"]
    if occasion != "always":
        assert speech.find("occasions", name) == occasion


@pytest.mark.parametrize("language", LANGUAGES)
def test_themes_and_pieces_of_a_sector_differ_from_one_another(language: str) -> None:
    for key in SECTORS:
        sector = words(language).sector(key)
        pieces = [piece for theme in sector.themes for piece in theme.pieces]
        assert len(sector.themes) == 4
        assert len(set(pieces)) == len(pieces) == 8
        assert len(sector.messages) == 3


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_draft_comes_back_from_markdown_as_it_was(language: str) -> None:
    for text in _drafts(_brief(language)).values():
        assert markdown.render(markdown.parse(text)) == text


def _brief(language: str, *, sector: str = "general", occasion: str = "summer") -> Brief:
    from dataclasses import replace

    brief = read("plan a campaign for “Tempo”", language=language)
    return replace(brief, sector=words(language).sector(sector), occasion=occasion)


def _drafts(brief: Brief) -> dict[str, str]:
    texts = {"plan": markdown.render(plan.plan(brief))}
    context = Context(texts["plan"], brief)
    texts["sentiment"] = markdown.render(analysis.sentiment(brief, context))
    texts["trends"] = markdown.render(analysis.trends(brief, context))
    context = Context(BETWEEN.join(texts.values()), brief)
    texts["draft"] = markdown.render(strategy.draft(brief, context))
    context = Context(BETWEEN.join((texts["plan"], texts["draft"])), brief)
    texts["final"] = markdown.render(strategy.final(brief, context))
    return texts
