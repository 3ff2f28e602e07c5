"""What a thread's first message says about the request."""

from __future__ import annotations

from bot.slack.render.request import asked_for, how_it_was_read
from storage.records import Request


def test_the_words_come_first_and_then_each_named_input() -> None:
    request = Request("bees", named={"company": "ACME", "tags": ["a"], "draft": True})

    assert asked_for(request) == 'bees\ncompany: ACME\ntags: ["a"]\ndraft: yes'
    assert asked_for(Request("")) == ""


def test_a_long_value_is_shortened() -> None:
    assert len(asked_for(Request("", named={"text": "x" * 5000}))) < 700


def test_the_input_that_took_the_words_is_named() -> None:
    request = Request("bees", values={"topic": "bees", "current_year": "2026"}, resolved=True)

    assert how_it_was_read(request) == ["the request is the input `topic`"]


def test_nothing_is_said_about_words_that_go_where_they_always_go() -> None:
    values = {"user_input": "bees", "message": "bees", "request": "bees"}

    assert how_it_was_read(Request("bees", values=values, resolved=True)) == []


def test_what_the_crew_has_no_use_for_is_said() -> None:
    request = Request("bees", language="German", unused=("language", "request"))

    assert how_it_was_read(request) == [
        "language: German",
        "this crew has no use for the language and the request",
    ]
