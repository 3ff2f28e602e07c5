"""The answers about lessons. Pure."""

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

MAX_BLOCKS: Final = 40
"""Slack allows 50 blocks in a message."""

TEXT_LIMIT: Final = 7000
LESSON_LIMIT: Final = 200

NO_CREW_LEARNS: Final = (
    "No crew keeps lessons. A crew does if its entry in `crews.yml` says `lessons: true`."
)


def keeps_none(crew: CrewDefinition) -> str:
    return (
        f"*{text.mrkdwn(crew.name)}* keeps no lessons: its entry in `crews.yml` does not say "
        "`lessons: true`."
    )


def kept(lesson: Lesson) -> str:
    """The answer to Keep as a lesson."""
    return (
        f"Kept: from now on every run of *{text.mrkdwn(lesson.crew)}* gets this lesson.\n"
        f"{text.quote(lesson.text, 300)}\n"
        "`/crew lessons` lists and deletes them."
    )


def not_here(lesson: Lesson) -> str:
    return (
        f"Lessons of *{text.mrkdwn(lesson.crew)}* can only be deleted in a channel in which it has "
        "runs. Nothing was changed."
    )


def listed(by_crew: Mapping[str, Sequence[Lesson]], *, lead: str = "") -> Answer:
    """Each lesson with a button that deletes it; those that do not fit are counted."""
    blocks: list[Block] = [section(lead)] if lead else []
    lines = [lead] if lead else []
    room = TEXT_LIMIT
    for number, (crew, lessons) in enumerate(by_crew.items()):
        if len(blocks) >= MAX_BLOCKS:
            rest = len(by_crew) - number
            blocks.append(section(f"… and those of {rest} more crews: `/crew lessons NAME`"))
            break
        name = text.line(crew, 60)
        head = _head(name, lessons)
        blocks.append(section(head))
        lines.append(head)
        count = 0
        for lesson in lessons:
            line = _line(lesson)
            room -= text.length(line)
            if room < 0 or len(blocks) >= MAX_BLOCKS:
                break
            blocks.append(_lesson(lesson, line))
            lines.append(line)
            count += 1
        if count < len(lessons):
            blocks.append(section(f"… and {len(lessons) - count} more: `/crew lessons {name}`"))
    return Answer(text.shorten_mrkdwn("\n".join(lines), 3000), tuple(blocks))


def deleted(lesson: Lesson) -> str:
    return f"Deleted; later runs no longer get it:\n{text.quote(lesson.text, LESSON_LIMIT)}"


def _head(name: str, lessons: Sequence[Lesson]) -> str:
    if not lessons:
        return (
            f"*{name}* has no lessons yet. After a revision its message offers *Keep as a lesson*."
        )
    return f"*Lessons of {name}*: every run of it gets these."


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
                text=PlainTextObject(text="Runs that start from now on no longer get it."),
                confirm="Delete",
                deny="Keep it",
                style="danger",
            ),
        ),
    )
