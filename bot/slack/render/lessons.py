"""What crews were taught, as one person is shown it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from slack_sdk.models.blocks import (
    Block,
    ButtonElement,
    ConfirmObject,
    MarkdownTextObject,
    PlainTextObject,
    SectionBlock,
)

from bot.slack import ids
from bot.slack.render import people, text
from bot.slack.render.answers import Answer
from bot.slack.render.message import section
from storage.definitions import CrewDefinition
from storage.records import Lesson

MOST_SHOWN: Final = 40
"""A message holds 50 blocks."""

ROOM: Final = 7000
LESSON_LIMIT: Final = 200

NO_CREW_LEARNS: Final = (
    "No crew keeps lessons. One does whose entry in `crews.yml` says `lessons: true`."
)


def keeps_none(crew: CrewDefinition) -> str:
    return (
        f"*{text.mrkdwn(crew.name)}* keeps no lessons: its entry in `crews.yml` does not say "
        "`lessons: true`."
    )


def kept(lesson: Lesson) -> str:
    """Somebody made a revision a lesson."""
    return (
        f"Kept: from now on every run of *{text.mrkdwn(lesson.crew)}* is told this.\n"
        f"{text.quote(lesson.text, 300)}\n"
        "`/crew lessons` lists them and deletes."
    )


def not_here(lesson: Lesson) -> str:
    return (
        f"Lessons of *{text.mrkdwn(lesson.crew)}* are deleted where it works: in a channel in "
        "which a run of it was started. Nothing was changed."
    )


def listed(of_crews: Mapping[str, Sequence[Lesson]], *, lead: str = "") -> Answer:
    """Each lesson with a button that deletes it; what finds no room is counted."""
    blocks: list[Block] = [section(lead)] if lead else []
    words = [lead] if lead else []
    room = ROOM
    for number, (crew, lessons) in enumerate(of_crews.items()):
        if len(blocks) >= MOST_SHOWN:
            left = len(of_crews) - number
            blocks.append(section(f"… and those of {left} more crews: `/crew lessons NAME`"))
            break
        name = text.line(crew, 60)
        head = _head(name, lessons)
        blocks.append(section(head))
        words.append(head)
        fit = 0
        for lesson in lessons:
            line = _line(lesson)
            room -= text.length(line)
            if room < 0 or len(blocks) >= MOST_SHOWN:
                break
            blocks.append(_lesson(lesson, line))
            words.append(line)
            fit += 1
        if fit < len(lessons):
            blocks.append(section(f"… and {len(lessons) - fit} more: `/crew lessons {name}`"))
    return Answer(text.shorten_mrkdwn("\n".join(words), 3000), tuple(blocks))


def deleted(lesson: Lesson) -> str:
    return f"Deleted; later runs are no longer told:\n{text.quote(lesson.text, LESSON_LIMIT)}"


def _head(name: str, lessons: Sequence[Lesson]) -> str:
    if not lessons:
        return (
            f"*{name}* has no lessons yet. After a revision its message offers *Keep as a lesson*."
        )
    return f"*Lessons of {name}*: every run of it is told these."


def _line(lesson: Lesson) -> str:
    return (
        f"{text.quote(lesson.text, LESSON_LIMIT)}\n"
        f"kept by {people.person(lesson.by)}, {people.when(lesson.at)}"
    )


def _lesson(lesson: Lesson, line: str) -> SectionBlock:
    return SectionBlock(
        text=MarkdownTextObject(text=line, verbatim=True),
        accessory=ButtonElement(
            action_id=ids.ActionId.DELETE_LESSON,
            text=PlainTextObject(text="Delete", emoji=False),
            value=lesson.id,
            confirm=ConfirmObject(
                title="Delete this lesson?",
                text=PlainTextObject(text="Runs that start from now on are no longer told it."),
                confirm="Delete",
                deny="Keep it",
                style="danger",
            ),
        ),
    )
