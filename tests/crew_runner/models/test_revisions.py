"""What the offline drafter makes of a reviewer's words, in four languages, round after round."""

from __future__ import annotations

import re

import pytest

from crew_runner.models.drafter import conversation, draft
from crew_runner.models.drafter.words import LABEL
from tests.crew_runner.models.conftest import Kickoff, Messages, asked_anew, feedback

REQUESTS = {
    "en": "plan a summer campaign for a bicycle shop",
    "de": "Plane eine Sommerkampagne für einen Fahrradladen",
    "es": "Planifica una campaña de verano para una tienda de bicicletas",
    "id": "Buatkan kampanye musim panas untuk toko sepeda",
}
CHANGED = {
    "en": "## Changed on request",
    "de": "## Auf Wunsch geändert",
    "es": "## Cambios pedidos",
    "id": "## Perubahan sesuai permintaan",
}


class Review:
    """A task's conversation: `text` is the latest answer."""

    def __init__(self, prompt: Messages) -> None:
        self.messages = list(prompt)
        self.text = draft.answer(conversation.read(self.messages))

    def say(self, *rounds: str) -> str:
        for words in rounds:
            self.messages += [{"role": "assistant", "content": self.text}, feedback(words)]
            self.text = draft.answer(conversation.read(self.messages))
        return self.text

    @property
    def changes(self) -> str:
        """The list of changes, which stands before all else."""
        return self.text.partition("\n\n## ")[2].partition("\n\n## ")[0]

    def section(self, heading: str) -> str:
        return self.text.partition(f"## {heading}\n")[2].partition("\n## ")[0]


@pytest.fixture
def plan(kickoff: Kickoff) -> Review:
    return plan_in("en", kickoff)


def plan_in(language: str, kickoff: Kickoff, *, request: str = "") -> Review:
    prompt = kickoff.prompts["create_content_plan"]
    return Review(asked_anew(prompt, request=request or REQUESTS[language]))


@pytest.mark.parametrize(
    ("language", "words", "shown"),
    [
        ("en", "add TikTok", r"\| TikTok \| 2 videos a week \|"),
        ("de", "TikTok hinzufügen", r"\| TikTok \| 2 Videos pro Woche \|"),
        ("es", "añade TikTok", r"\| TikTok \| 2 vídeos por semana \|"),
        ("id", "tambahkan TikTok", r"\| TikTok \| 2 video per minggu \|"),
        ("en", "Budget is €5,000", r"\*\*Budget €5,000:\*\* €2,500 .* €1,500 .* €1,000"),
        ("de", "Budget 5.000 €", r"\*\*Budget 5\.000 €:\*\* 2\.500 €"),
        ("es", "presupuesto de 5000 euros", r"\*\*Presupuesto 5\.000 euros:\*\* 2\.500 euros"),
        ("id", "anggaran Rp 5 juta", r"\*\*Anggaran Rp 5\.000\.000:\*\* Rp 2\.500\.000"),
        ("en", "start two weeks later", r"\| 1 · 15 Jun \|"),
        ("de", "zwei Wochen früher starten", r"\| 1 · 18\. Mai \|"),
        ("es", "empezar el 3 de mayo", r"\| 1 · 3 may \|"),
        ("id", "mulai 3 Maret", r"\| 1 · 3 Mar \|"),
        ("en", "more playful tone", r"\*\*Tone:\*\* playful\."),
        ("de", "der Ton soll förmlicher sein", r"\*\*Ton:\*\* förmlich\."),
        ("es", "tono más cercano", r"\*\*Tono:\*\* cercano y personal\."),
        ("id", "nadanya lebih santai", r"\*\*Nada:\*\* hangat dan akrab\."),
        ("en", "aim it at students", r"\*\*Audience:\*\* students"),
        ("de", "die Zielgruppe sind Studierende", r"\*\*Zielgruppe:\*\* Studierende"),
        ("es", "el público son estudiantes", r"\*\*Público:\*\* estudiantes"),
        ("id", "tujukan untuk mahasiswa", r"\*\*Audiens:\*\* mahasiswa"),
        ("en", "make it 8 weeks", r"\| 8 · 20 Jul \|"),
        ("en", "replace Instagram with Facebook", r"\| Facebook \| 3 posts a week \|"),
        ("en", "more about cargo bikes", r"\*\*Cargo bikes\.\*\* Given more room"),
        ("de", "mehr Fokus auf E-Bikes", r"\*\*E-Bikes\.\*\* Bekommt auf Wunsch mehr Raum"),
        ("en", "mention that we are closed on Mondays", r"\d\. We are closed on Mondays\."),
        (
            "en",
            "let the owner read it first",
            r"\*\*Reviewer’s note:\*\* let the owner read it first",
        ),
    ],
)
def test_an_ask_shows_in_the_text_and_in_the_list_of_changes(
    kickoff: Kickoff, language: str, words: str, shown: str
) -> None:
    review = plan_in(language, kickoff)
    before = review.text

    after = review.say(words)

    assert not re.search(shown, before)
    assert re.search(shown, after)
    assert CHANGED[language] in after
    assert words in review.changes
    assert LABEL in after.splitlines()[2]


@pytest.mark.parametrize(
    ("language", "words", "gone"),
    [
        ("en", "drop the newsletter", "Newsletter"),
        ("de", "Newsletter weglassen", "Newsletter"),
        ("es", "quita el boletín", "Boletín"),
        ("id", "hapus buletin", "Buletin"),
    ],
)
def test_what_is_to_go_is_gone_and_no_week_with_it(
    kickoff: Kickoff, language: str, words: str, gone: str
) -> None:
    review = plan_in(language, kickoff)
    weeks = re.findall(r"^\| (\d) · ", review.text, re.MULTILINE)

    after = review.say(words).replace(review.changes, "")

    assert gone not in after
    assert re.findall(r"^\| (\d) · ", after, re.MULTILINE) == weeks


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "make it shorter"),
        ("de", "bitte kürzer"),
        ("es", "más corto"),
        ("id", "lebih singkat"),
    ],
)
def test_shorter_is_shorter_and_keeps_the_calendar(
    kickoff: Kickoff, language: str, words: str
) -> None:
    review = plan_in(language, kickoff)
    before = review.text

    after = review.say(words)

    assert len(after.split()) < 0.85 * len(before.split())
    assert re.findall(r"^\| \d · .*$", after, re.MULTILINE) == re.findall(
        r"^\| \d · .*$", before, re.MULTILINE
    )


def test_what_was_asked_for_survives_a_later_cut(plan: Review) -> None:
    plan.say("mention our free helmet check", "have the lawyer look at the claims")

    after = plan.say("cut it down to 300 words")

    assert "Free helmet check." in after
    assert "have the lawyer look at the claims" in after


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "longer"), ("de", "ausführlicher"), ("es", "más detallado"), ("id", "lebih rinci")],
)
def test_longer_adds_a_paragraph_to_every_section_and_changes_no_other_line(
    kickoff: Kickoff, language: str, words: str
) -> None:
    review = plan_in(language, kickoff)
    before = set(review.text.splitlines())

    after = review.say(words)

    assert before <= set(after.splitlines())
    assert len(after.split()) > 1.2 * len(review.messages[-2]["content"].split())


def test_more_detail_on_one_section_leaves_the_others_alone(plan: Review) -> None:
    themes = plan.section("Themes")
    objectives = plan.section("Objectives")

    plan.say("more detail on the objectives")

    assert plan.section("Themes") == themes
    assert len(plan.section("Objectives")) > len(objectives) + 50


def test_rounds_add_up_and_each_keeps_what_the_ones_before_it_did(plan: Review) -> None:
    text = plan.say(
        "add LinkedIn", "budget $900", "tone more formal", "start a week later", "shorter"
    )

    assert re.findall(r"^(\d)\. “(.*?)”:", plan.changes, re.MULTILINE) == [
        ("1", "add LinkedIn"),
        ("2", "budget $900"),
        ("3", "tone more formal"),
        ("4", "start a week later"),
        ("5", "shorter"),
    ]
    assert "| LinkedIn | 2 posts a week |" in text
    assert "**Budget $900:**" in text
    assert "**Tone:** formal." in text
    assert "| 1 · 8 Jun |" in text


def test_several_asks_in_one_feedback_are_all_followed(plan: Review) -> None:
    text = plan.say("Nice! Shorter please, add a podcast and drop Instagram. Budget: 2k €.")

    assert "| Podcast | 1 episode every 2 weeks |" in text
    assert "| Instagram |" not in text
    assert "**Budget 2,000 €:**" in text
    assert re.search(r"cut from \d+ to \d+ words", plan.changes)


def test_another_language_keeps_all_that_was_asked_before(plan: Review) -> None:
    text = plan.say("add TikTok", "budget 3000 €", "auf Deutsch bitte", "noch kürzer bitte")

    assert "## Strategischer Überblick" in text
    assert "| TikTok | 2 Videos pro Woche |" in text
    assert "**Budget 3.000 €:**" in text
    assert "neu auf Deutsch geschrieben" in plan.changes
    assert "4. „noch kürzer bitte“: von " in plan.changes


def test_a_language_that_cannot_be_written_is_said_and_the_text_stays(plan: Review) -> None:
    before = plan.text.splitlines()[3:]

    text = plan.say("Please translate it into French")

    assert "asked for in French" in text.splitlines()[2]
    assert set(before) <= set(text.splitlines())


def test_what_did_not_occur_is_written_down_as_something_to_keep_out(plan: Review) -> None:
    text = plan.say("no emojis please")

    assert "“emojis” did not occur" in plan.changes
    assert "Emojis: not to be mentioned, on request." in text


def test_less_of_a_channel_leaves_some_of_it(plan: Review) -> None:
    def weeks() -> int:
        return len(re.findall(r"^\| \d · .* \| Instagram \|$", plan.text, re.MULTILINE))

    before = weeks()
    plan.say("less Instagram")

    assert 0 < weeks() < before
    assert "| Instagram | 2 posts" in plan.text


def test_a_start_turns_weeks_into_dates_and_answers_the_question(kickoff: Kickoff) -> None:
    review = plan_in("en", kickoff, request="plan a campaign for a language school")
    assert "Which Monday shall week 1 be?" in review.text

    text = review.say("start on 4 September")

    assert "| 1 · 4 Sep |" in text
    assert "6 weeks, 4 Sep to 16 Oct" in text
    assert "Which Monday" not in text
    assert "week 6" not in text


def test_weeks_can_be_added_and_the_goal_moves_with_them(plan: Review) -> None:
    text = plan.say("add two more weeks")

    assert "8 weeks, 1 Jun to 27 Jul" in text
    assert "by 20 Jul" in plan.section("Objectives")
    assert len(re.findall(r"^\| \d · ", text, re.MULTILINE)) == 8


def test_shares_and_scores_keep_their_rules_through_a_revision(kickoff: Kickoff) -> None:
    sentiment = Review(kickoff.prompts["analyze_sentiment"])
    trends = Review(kickoff.prompts["research_trends"])

    sentiment.say("add a risk about rain", "shorter", "more formal tone")
    trends.say("add cargo bikes", "drop racing", "longer")

    shares = [int(share) for share in re.findall(r"\| (\d+) % \|", sentiment.text)]
    assert sum(shares) == 100
    assert "rain" in sentiment.section("Risks").casefold()
    scores = re.findall(r"^\| ([^|]+) \| (\d+) \|", trends.text, re.MULTILINE)
    assert [int(s) for _, s in scores] == sorted((int(s) for _, s in scores), reverse=True)
    assert "Cargo bikes" in dict(scores)
    assert not any("Racing" in topic for topic in dict(scores))


def test_what_was_revised_in_the_plan_is_carried_into_the_strategy(
    kickoff: Kickoff, plan: Review
) -> None:
    revised = plan.say("replace Instagram with Facebook", "budget $900", "start two weeks later")
    context = f"{revised}\n\n----------\n\n{kickoff.outputs['draft_strategy']}"
    prompt = asked_anew(
        kickoff.prompts["finalize_strategy"], request=REQUESTS["en"], context=context
    )

    final = draft.answer(conversation.read(prompt))

    assert "1. **15 Jun:**" in final
    assert "(Facebook)" in final
    assert "Instagram" not in final.partition("## What we do")[2].partition("\n## ")[0]
    assert "reserve is spent only after asking" in final


def test_a_plan_revised_into_german_is_followed_by_german_texts(
    kickoff: Kickoff, plan: Review
) -> None:
    prompt = asked_anew(
        kickoff.prompts["analyze_sentiment"],
        request=REQUESTS["en"],
        context=plan.say("auf Deutsch bitte"),
    )

    assert "## Risiken" in draft.answer(conversation.read(prompt))


def test_the_earlier_answer_of_another_model_is_changed_and_not_thrown_away() -> None:
    task = "\nCurrent Task: Write a note on bread\n\nProvide your complete response:"
    answer = "# On bread\n\n## Taste\n\nSour is good. Sweet is too.\n\n## Price\n\n- Two euros\n"
    messages: Messages = [
        {"role": "user", "content": task},
        {"role": "assistant", "content": answer},
        feedback("remove the price section, add rye flour"),
    ]

    text = draft.answer(conversation.read(messages))

    assert "Sour is good. Sweet is too." in text
    assert "Two euros" not in text
    assert "**Rye flour.** Taken up on request." in text
    assert LABEL in text


def test_a_crews_own_words_between_answers_are_not_taken_for_feedback(kickoff: Kickoff) -> None:
    prompt = kickoff.prompts["create_content_plan"]
    first = Review(prompt).text
    hint = {"role": "user", "content": "Analyze the tool result. If requirements are met, go on."}
    messages = [*prompt, {"role": "assistant", "content": "Thought: I look it up."}, hint]

    assert draft.answer(conversation.read(messages)) == first


def test_words_without_sense_are_kept_as_a_note_and_break_nothing(plan: Review) -> None:
    for words in ("???", "👍", "x" * 5000, "{name} {0} %s \\1 (?P<", "| a | b |", "<!channel>"):
        text = plan.say(words)
        assert LABEL in text
    assert len(re.findall(r"^\d\. “", plan.changes, re.MULTILINE)) == 6
