"""The card: what it is about, whose words it answers, and where the whole text is."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from bot.slack.ids import ActionId, ChosenMore, MoreChoice, ShownCheckpoint
from bot.slack.render import output, root, screen
from bot.slack.render.card import card, overview
from bot.slack.render.message import Rendered, WholeText
from bot.slack.render.root import Progress
from storage.output_hash import output_hash
from storage.records import Action, Feedback, PhaseOutput, RevisionMeans, TaskResult
from storage.states import CheckpointState
from tests.support.factories import BEN, NOON
from tests.support.sample_outputs import LANGUAGES, sample_output
from tests.support.sample_records import a_checkpoint, an_execution

LONG = sample_output("English", 3000)


def shown(rendered: Rendered) -> str:
    return json.dumps(rendered.to_blocks(armed=True), ensure_ascii=False)


def test_a_long_output_is_summed_up_with_a_button_to_read_it_all() -> None:
    checkpoint = a_checkpoint(LONG)
    rendered = card.render(checkpoint, an_execution(), whole=WholeText.IN_FILE)
    (about,) = [b for b in rendered.to_blocks(armed=False) if "accessory" in b]

    assert about["accessory"]["text"]["text"] == "Read it all"
    assert about["accessory"]["action_id"] == ActionId.READ
    assert ShownCheckpoint.decode(about["accessory"]["value"]) == ShownCheckpoint(
        checkpoint.id, output_hash(checkpoint.output)
    )
    assert "ten guided evening rides" in about["text"]["text"]
    assert "Talent" in about["text"]["text"]
    assert "min to read, in the file above" in about["text"]["text"]


def test_a_short_output_stands_on_the_card_and_in_no_other_message() -> None:
    checkpoint = a_checkpoint("Ride more. Drive less.")
    assert output.render(checkpoint, an_execution()) is None
    waiting = shown(card.render(checkpoint, an_execution()))
    assert "Ride more. Drive less." in waiting
    assert "Read it all" not in waiting
    feedback = Feedback(Action.CONTINUE, "", BEN, NOON)
    decided = replace(checkpoint, state=CheckpointState.APPROVED, feedback=feedback)
    assert "Ride more. Drive less." in shown(card.render(decided, an_execution()))


@pytest.mark.parametrize("blank", ["", "  \n\t", "\u200b\u200b", "\ufeff \u2060", "\u00a0\u3000"])
def test_a_blank_output_is_called_so(blank: str) -> None:
    assert output.render(a_checkpoint(blank), an_execution()) is None
    assert "The phase wrote no text." in shown(card.render(a_checkpoint(blank), an_execution()))


@pytest.mark.parametrize("approvers", [("@channel",), ("UBEN",), ("@requester",)])
def test_a_waiting_card_is_always_shown_in_the_channel(approvers: tuple[str, ...]) -> None:
    assert card.render(a_checkpoint(approvers=approvers), an_execution()).broadcast


def test_a_revision_shows_whose_words_it_answers_and_what_changed() -> None:
    feedback = Feedback(Action.REVISE, "shorter", BEN, NOON)
    before = a_checkpoint(LONG, state=CheckpointState.REVISED, feedback=feedback)
    after = a_checkpoint(LONG.replace("ten guided", "five short"), revision=2, asked="shorter")
    message = shown(card.render(after, an_execution(), whole=WholeText.IN_MESSAGE, previous=before))
    assert "Revised because <@UBEN> asked:\\n> shorter" in message
    assert "words added" in message
    assert '"style": {"strike": true}' in message
    assert '"style": {"bold": true}' in message


@pytest.mark.parametrize(
    ("means", "sentence"),
    [
        (RevisionMeans.EDIT, "<@UBEN> edited the text."),
        (RevisionMeans.EARLIER, "<@UBEN> took up an earlier revision."),
    ],
)
def test_an_edit_and_an_earlier_revision_are_called_so(means: RevisionMeans, sentence: str) -> None:
    feedback = Feedback(Action.REVISE, "", BEN, NOON, means=means)
    before = a_checkpoint("Old.", state=CheckpointState.REVISED, feedback=feedback)
    after = replace(a_checkpoint("New.", revision=2), asked_by=BEN)
    assert sentence in shown(card.render(after, an_execution(), previous=before))
    assert "Revision requested" not in shown(card.render(before, an_execution()))


def test_more_offers_earlier_revisions_and_changes_from_the_second_revision_on() -> None:
    checkpoint = a_checkpoint(LONG, revision=2)
    menu = card.render(checkpoint, an_execution()).buttons[-1].to_dict()
    choices = [ChosenMore.decode(option["value"]) for option in menu["options"]]
    assert [each.choice for each in choices] == list(MoreChoice)
    assert {each.about.checkpoint_id for each in choices} == {checkpoint.id}


@pytest.mark.parametrize(
    ("summary", "expected"),
    [
        ("total", "900"),
        ("offer.name", "Evening rides"),
        ("days.1", "Tuesday"),
        ("days", "• Monday\n• Tuesday"),
        ("offer.price", ""),
        ("writing", "The task says this."),
    ],
)
def test_the_author_names_the_task_or_field_that_sums_up(summary: str, expected: str) -> None:
    structure = {"total": 900, "offer": {"name": "Evening rides"}, "days": ["Monday", "Tuesday"]}
    tasks = (
        TaskResult("writing", "Writer", "The task says this."),
        TaskResult("planning", "Planner", "Text", structured=json.dumps(structure)),
    )
    checkpoint = replace(a_checkpoint(), output=PhaseOutput("Text", tasks), summary=summary)
    assert overview.summary_of(checkpoint) == expected


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_are_shortened_to_lines_of_a_phone(language: str) -> None:
    fitted = screen.fit(sample_output(language, 3000), most=4)
    assert screen.lines(fitted) <= 4
    assert fitted.endswith("…")


def revised_card(question: str, words: str, now: str) -> str:
    """A second revision of LONG, as its card shows it."""
    feedback = Feedback(Action.REVISE, words, BEN, NOON)
    before = replace(a_checkpoint(LONG, state=CheckpointState.REVISED), feedback=feedback)
    second = replace(a_checkpoint(now, description=question), revision=2, asked=words, asked_by=BEN)
    blocks = card.render(
        second, an_execution(), whole=WholeText.IN_MESSAGE, previous=before
    ).to_blocks(armed=False)
    return json.dumps(blocks, ensure_ascii=False)


def excerpt_of(rendered: str) -> list[str]:
    """The texts after the number of changes."""
    (block,) = [each for each in json.loads(rendered) if each["type"] == "rich_text"]
    return [each["text"] for each in block["elements"][0]["elements"][2:]]


def test_a_revised_card_says_how_long_the_text_is_and_where() -> None:
    rendered = revised_card("Is it good?", "shorter", LONG.replace("ten", "six"))
    assert "2 min to read, in the message above" in rendered


def test_a_short_question_and_short_words_leave_more_room_for_what_changed() -> None:
    now = LONG.replace("ten guided", "six guided")
    little = excerpt_of(revised_card("Is it good, and will it work? " * 3, "shorter " * 20, now))
    much = excerpt_of(revised_card("Is it good?", "shorter", now))
    assert len("".join(little)) < len("".join(much)) <= 4 * card.CHANGES_LIMIT


def test_what_changed_is_shown_on_the_card_without_markdowns_marks() -> None:
    now = "# A new title\n\n**Bold** beginning.\n\n" + LONG
    shown_there = "".join(excerpt_of(revised_card("Is it good?", "a title", now)))
    assert "A new title" in shown_there
    assert not set("#*") & set(shown_there)


def test_the_first_message_links_to_the_card_that_waits() -> None:
    progress = Progress((), (a_checkpoint(),), card_link="https://practice.example/archives/C1/p1")
    message = shown(root.render(an_execution(), progress))
    assert "<https://practice.example/archives/C1/p1|" in message


def test_a_plan_keeps_its_id_so_that_slack_leaves_it_open() -> None:
    ids = {
        block["block_id"]
        for progress in (Progress(), Progress((), (a_checkpoint(),)))
        for block in root.render(an_execution(), progress).to_blocks(armed=True)
        if block["type"] == "plan"
    }
    assert ids == {f"plan_{an_execution().id}"}
