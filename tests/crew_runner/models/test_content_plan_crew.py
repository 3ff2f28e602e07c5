"""The shipped crew, run by CrewAI itself, with the offline drafter as its model."""

from __future__ import annotations

import re

import pytest

from crew_runner.models.drafter import conversation, draft
from crew_runner.models.drafter.words import LABEL, LANGUAGES, words
from tests.crew_runner.models.conftest import BETWEEN, CONTEXT_OF, TASKS, Kickoff, asked_anew

REQUESTS = {
    "en": "Plan a winter campaign for our bookshop “Paper Boat” in York, audience: students",
    "de": "Plane eine Herbstkampagne für unsere Kaffeerösterei „Morgenrot“, Zielgruppe Studierende",
    "es": "Planifica una campaña de Navidad para una panadería llamada Trigo Libre",
    "id": "Buatkan kampanye Ramadan untuk toko batik Kencana di Solo, sasaran ibu-ibu",
}
NAMED = {"en": "Paper Boat", "de": "Morgenrot", "es": "Trigo Libre", "id": "Kencana"}
SECTIONS = {
    "create_content_plan": (
        "overview objectives talent themes calendar messages formats distribution questions"
    ),
    "analyze_sentiment": "response risks mitigation verdict",
    "research_trends": "scores lean leave timing",
    "draft_strategy": "position decisions priorities draft_messages guards measures open",
    "finalize_strategy": "brief steps say watch avoid days",
}


def outputs_in(kickoff: Kickoff, language: str) -> dict[str, str]:
    """All five texts for the request of a language, each built on the ones before it."""
    texts: dict[str, str] = {}
    for task in TASKS:
        context = BETWEEN.join(texts[name] for name in CONTEXT_OF.get(task, ()))
        prompt = asked_anew(
            kickoff.prompts[task], request=REQUESTS[language], context=context or None
        )
        texts[task] = draft.answer(conversation.read(prompt))
    return texts


def headings(text: str) -> list[str]:
    return re.findall(r"^## (.+)$", text, re.MULTILINE)


def shares(text: str) -> list[int]:
    return [int(share) for share in re.findall(r"\| (\d+) % \|", text)]


def scores(text: str) -> list[int]:
    table = text.partition("## ")[2].partition("## ")[0]
    return [int(score) for score in re.findall(r"^\| [^|]+ \| (-?\d+) \|", table, re.MULTILINE)]


def test_one_kickoff_makes_one_call_for_each_task(kickoff: Kickoff) -> None:
    assert list(kickoff.outputs) == list(TASKS)
    assert [call.task for call in kickoff.calls] == [
        "Deliverable: content plan",
        "Deliverable: sentiment analysis",
        "Deliverable: trend research",
        "Deliverable: draft strategy",
        "Deliverable: final strategy",
    ]
    assert all(call.status == 200 for call in kickoff.calls)


def test_crewai_counts_the_tokens_that_the_drafter_reports(kickoff: Kickoff) -> None:
    assert kickoff.prompt_tokens == sum(call.prompt_tokens for call in kickoff.calls)
    assert kickoff.completion_tokens == sum(call.completion_tokens for call in kickoff.calls)
    assert min(call.completion_tokens for call in kickoff.calls) > 200


def test_the_strategy_is_handed_plan_sentiment_and_trends_and_the_final_the_draft(
    kickoff: Kickoff,
) -> None:
    for task, sources in CONTEXT_OF.items():
        prompt = str(kickoff.prompts[task][-1]["content"])
        assert [name for name in TASKS if kickoff.outputs[name] in prompt] == list(sources)


@pytest.mark.parametrize("task", TASKS)
def test_every_deliverable_has_its_sections_in_order_and_its_label(
    kickoff: Kickoff, task: str
) -> None:
    text = kickoff.outputs[task]

    assert headings(text) == [words("en").text(f"headings.{key}") for key in SECTIONS[task].split()]
    assert text.splitlines()[2] == f"*{LABEL}*"
    assert "bicycle shop" in text.splitlines()[0]


def test_the_plan_speaks_of_the_subject_and_the_season(kickoff: Kickoff) -> None:
    plan = kickoff.outputs["create_content_plan"]

    assert "# Content plan: Summer campaign for a bicycle shop" in plan
    assert "1 Jun" in plan
    assert "test ride" in plan
    assert 450 < len(plan.split()) < 900


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_language_of_the_request_is_the_language_of_all_five_texts(
    kickoff: Kickoff, language: str
) -> None:
    texts = outputs_in(kickoff, language)

    for task, text in texts.items():
        keys = SECTIONS[task].split()
        assert headings(text) == [words(language).text(f"headings.{key}") for key in keys]
        assert NAMED[language] in text.splitlines()[0]
        assert LABEL in text.splitlines()[2]
        assert "{" not in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_output_language_goes_before_the_language_of_the_request(
    kickoff: Kickoff, language: str
) -> None:
    prompt = asked_anew(
        kickoff.prompts["create_content_plan"],
        request="plan a summer campaign for a bicycle shop",
        language=words(language).text("language.name"),
    )

    text = draft.answer(conversation.read(prompt))

    assert headings(text)[0] == words(language).text("headings.overview")
    assert words(language).noun("bicycle_shop") in text.splitlines()[0]


def test_a_language_that_cannot_be_written_is_said_beside_the_label(kickoff: Kickoff) -> None:
    prompt = asked_anew(
        kickoff.prompts["create_content_plan"], request="plan a campaign", language="French"
    )

    text = draft.answer(conversation.read(prompt))

    assert "asked for in French" in text.splitlines()[2]
    assert headings(text)[0] == "Strategic overview"


@pytest.mark.parametrize("language", LANGUAGES)
def test_shares_sum_to_100_and_scores_stay_within_0_and_100(
    kickoff: Kickoff, language: str
) -> None:
    texts = outputs_in(kickoff, language)

    assert len(shares(texts["analyze_sentiment"])) == 3
    assert sum(shares(texts["analyze_sentiment"])) == 100
    assert 5 <= len(scores(texts["research_trends"])) <= 7
    assert all(0 <= score <= 100 for score in scores(texts["research_trends"]))


def test_figures_differ_by_subject_and_stay_the_same_for_the_same(kickoff: Kickoff) -> None:
    prompt = kickoff.prompts["analyze_sentiment"]
    subjects = ("a bakery", "a hotel", "a language school", "an app", "a museum", "a gym")

    def figures(subject: str) -> tuple[int, ...]:
        request = f"plan a summer campaign for {subject}"
        return tuple(shares(draft.answer(conversation.read(asked_anew(prompt, request=request)))))

    first = [figures(subject) for subject in subjects]

    assert all(sum(found) == 100 for found in first)
    assert len(set(first)) > 3
    assert [figures(subject) for subject in subjects] == first


@pytest.mark.parametrize(
    ("request_", "verdict"),
    [
        ("plan a summer campaign for a bakery", "go"),
        ("plan a campaign for our beer garden that offers discounts", "caution"),
        ("plan a launch campaign for a crypto casino", "no-go"),
    ],
)
def test_a_disputed_subject_changes_the_verdict(
    kickoff: Kickoff, request_: str, verdict: str
) -> None:
    prompt = asked_anew(kickoff.prompts["analyze_sentiment"], request=request_)

    text = draft.answer(conversation.read(prompt))

    assert f"**{verdict}**" in text.partition("## Verdict")[2]


def test_names_audience_budget_and_dates_of_the_request_stand_in_the_plan(
    kickoff: Kickoff,
) -> None:
    prompt = asked_anew(
        kickoff.prompts["create_content_plan"],
        request=(
            "Plan a 4 week launch of our new app Tempo from 3 March, aimed at freelancers, "
            "on LinkedIn and YouTube, budget $6,000"
        ),
        background="Team: Mira (video), Jonas. The app counts hours.",
    )

    text = draft.answer(conversation.read(prompt))

    assert "Tempo" in text.splitlines()[0]
    assert "**Audience:** freelancers" in text
    assert "4 weeks, 3 Mar to 31 Mar" in text
    assert "**Budget $6,000:** $3,000" in text
    assert re.search(r"^\| Mira \(video\) \|", text, re.MULTILINE)
    assert re.search(r"^\| Jonas \(", text, re.MULTILINE)
    assert re.search(r"^\| LinkedIn \|", text, re.MULTILINE)
    assert re.search(r"^\| YouTube \|", text, re.MULTILINE)
    assert len(re.findall(r"^\| \d · ", text, re.MULTILINE)) == 4


def test_tables_have_four_columns_at_most(kickoff: Kickoff) -> None:
    for text in kickoff.outputs.values():
        for row in re.findall(r"^\|.*\|$", text, re.MULTILINE):
            assert row.count("|") <= 5


@pytest.mark.parametrize(
    "plan",
    [
        pytest.param("Do something nice in June.", id="no Markdown"),
        pytest.param(
            "## Calendar\n\n| When | What |\n|---|---|\n| June | A party |", id="two columns"
        ),
        pytest.param("# Plan\n\n## Themes\n\n- Repair\n\n## Calendar\n\nNone.", id="no table"),
    ],
)
@pytest.mark.parametrize("task", TASKS[1:])
def test_a_plan_from_elsewhere_is_built_on_all_the_same(
    kickoff: Kickoff, task: str, plan: str
) -> None:
    prompt = asked_anew(kickoff.prompts[task], request=REQUESTS["en"], context=plan)

    text = draft.answer(conversation.read(prompt))

    assert headings(text) == [words("en").text(f"headings.{key}") for key in SECTIONS[task].split()]
