"""A model's name says whose it is, as CrewAI reads it, or leaves it open."""

from __future__ import annotations

import pytest

from crew_runner.models.providers import Route, provider_of


@pytest.mark.parametrize(
    ("name", "route", "rest"),
    [
        ("openai/gpt-4o", Route.OPENAI, "gpt-4o"),
        ("OpenAI/gpt-4o", Route.OPENAI, "gpt-4o"),
        ("openrouter/anthropic/claude-x", Route.OPENROUTER, "anthropic/claude-x"),
        ("anthropic/claude-x", Route.ANTHROPIC, "claude-x"),
        ("claude/x", Route.ANTHROPIC, "x"),
        ("gemini/gemini-x", Route.GEMINI, "gemini-x"),
        ("google/gemini-x", Route.GEMINI, "gemini-x"),
        ("ollama/llama3:8b", Route.OLLAMA, "llama3:8b"),
        ("ollama_chat/llama3", Route.OLLAMA, "llama3"),
    ],
)
def test_a_prefix_names_the_provider_and_is_no_part_of_the_model(
    name: str, route: Route, rest: str
) -> None:
    assert provider_of(name) == (route, rest)


@pytest.mark.parametrize("name", ["bedrock/amazon.x", "azure/gpt-4o", "deepseek/chat"])
def test_a_provider_that_only_crewai_knows_keeps_the_whole_name(name: str) -> None:
    assert provider_of(name) == (Route.OTHER, name)


@pytest.mark.parametrize(
    ("name", "route"),
    [
        ("claude-sonnet-4-6", Route.ANTHROPIC),
        ("gemini-2.5-flash", Route.GEMINI),
        ("gpt-4o", None),
        ("claude", None),
        ("my-claude-x", None),
        ("", None),
        ("nobody/claude-x", None),
        ("claude-x/y", None),
    ],
)
def test_without_a_known_prefix_only_claude_and_gemini_name_their_provider(
    name: str, route: Route | None
) -> None:
    assert provider_of(name) == (route, name)
