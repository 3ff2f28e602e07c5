"""The content plan: eight sections and the questions, from a brief."""

from __future__ import annotations

import re
from datetime import date

from crew_runner.models.drafter.amounts import later, say_day
from crew_runner.models.drafter.brief import Brief
from crew_runner.models.drafter.markdown import (
    Block,
    Bullets,
    Document,
    Paragraph,
    Section,
    Table,
    table,
)
from crew_runner.models.drafter.words import LABEL, Words


def plan(brief: Brief) -> Document:
    speech = brief.speech
    return Document(
        title=speech.text("titles.plan", topic=brief.topic),
        lead=(label(speech),),
        sections=(
            section(speech, "overview", Bullets(_overview(brief))),
            section(speech, "objectives", Bullets(_objectives(brief), numbered=True)),
            section(speech, "talent", *_talent(brief)),
            section(speech, "themes", Bullets(_themes(brief), numbered=True)),
            section(speech, "calendar", calendar(brief)),
            section(speech, "messages", *_messages(brief)),
            section(speech, "formats", Bullets(_formats(brief))),
            section(speech, "distribution", *_distribution(brief)),
            section(speech, "questions", Bullets(_questions(brief), numbered=True)),
        ),
    )


def label(speech: Words, note: str = "") -> Paragraph:
    """The line that says what this text is: always in English, and in the text's language."""
    parts = [LABEL, speech.text("language.label"), note]
    return Paragraph(f"*{' · '.join(part for part in parts if part)}*")


def section(speech: Words, key: str, *blocks: Block) -> Section:
    return Section(speech.text(f"headings.{key}"), blocks)


def week(brief: Brief, number: int) -> str:
    """A week as it is spoken of in a sentence: by its date, or else by its number."""
    if brief.start is None:
        return brief.speech.text("language.when_week", n=number)
    return brief.speech.text("language.when_date", date=_monday(brief.start, number, brief.speech))


def _monday(start: date, number: int, speech: Words) -> str:
    return say_day(later(start, weeks=number - 1), speech)


def last_day(brief: Brief) -> date | None:
    return later(brief.start, weeks=brief.weeks) if brief.start else None


def span(brief: Brief) -> str:
    weeks = brief.speech.text("language.weeks", n=brief.weeks)
    if brief.start is None:
        return brief.speech.text("plan.span_weeks", weeks=weeks)
    return brief.speech.text(
        "plan.span_dates", weeks=weeks, first=week(brief, 1), last=week(brief, brief.weeks + 1)
    )


def calendar(brief: Brief) -> Table:
    speech, themes = brief.speech, brief.sector.themes
    spare = iter(speech.lines("plan.extra_pieces"))
    rows = []
    for number in range(1, brief.weeks + 1):
        theme = themes[(number - 1) % len(themes)]
        round_ = (number - 1) // len(themes)
        piece = theme.pieces[round_] if round_ < len(theme.pieces) else next(spare, theme.why)
        if number == 1:
            piece = speech.text("plan.kick_off", piece=piece)
        if number == brief.weeks:
            piece = speech.text("plan.wrap_up")
        channel = brief.channels[(number - 1) % len(brief.channels)]
        label_ = str(number)
        if brief.start:
            label_ += f" · {_monday(brief.start, number, speech)}"
        rows.append((label_, theme.name, piece, speech.subject("channels", channel)))
    return table(speech.lines("plan.calendar_head"), rows)


def _overview(brief: Brief) -> tuple[str, ...]:
    speech = brief.speech
    lines = [
        speech.text("plan.idea", idea=_capital(brief.sector.texts["idea"].format(name=brief.name))),
        speech.text("plan.why", why=speech.subject("occasions", brief.occasion, "why")),
        speech.text("plan.audience", audience=brief.audience),
        speech.text("plan.span", span=span(brief)),
        speech.text("plan.act", act=brief.sector.texts["act"]),
    ]
    if brief.background:
        heard = " ".join(brief.background.split())
        if len(heard) > 220:
            heard = heard[:220].rsplit(" ", 1)[0] + " …"
        lines.append(speech.text("plan.background", background=heard))
    return tuple(lines)


def _objectives(brief: Brief) -> tuple[str, ...]:
    speech, sector = brief.speech, brief.sector
    goal = brief.pick(*sector.goal, "goal") // 5 * 5
    deadline = week(brief, brief.weeks)
    return (
        speech.text(
            "plan.objective_main",
            n=goal,
            goal=sector.texts["goal"],
            deadline=deadline,
            measure=sector.texts["measure"],
        ),
        speech.text(
            "plan.objective_list", n=brief.pick(60, 180, "list") // 10 * 10, deadline=deadline
        ),
        speech.text(
            "plan.objective_saves",
            n=brief.pick(25, 60, "saves") // 5 * 5,
            channel=speech.subject("channels", brief.channels[0]),
            second=week(brief, 2),
        ),
    )


def _talent(brief: Brief) -> tuple[Block, ...]:
    speech = brief.speech
    roles = list(speech.rows("plan.talent", face=brief.sector.texts["face"]))
    rows: list[tuple[str, ...]] = []
    for person in brief.people:
        fitting = next((r for r in roles if _alike(person.job, r[0])), None)
        role = fitting or (roles[0] if roles and not person.job else None)
        if role:
            roles.remove(role)
        makes = role[1] if role else person.job
        said = person.job or (role[0].partition(" (")[0] if role else "")
        rows.append(
            (f"{person.name} ({said})" if said else person.name, makes, role[2] if role else "3")
        )
    rows += roles
    blocks: list[Block] = [table(speech.lines("plan.talent_head"), rows)]
    if brief.people:
        blocks.append(Paragraph(speech.text("plan.talent_named")))
    return tuple(blocks)


def _alike(job: str, role: str) -> bool:
    """Whether a job and a role share the beginning of a word, as `Photos` and `Photo and cut`."""
    starts = {word[:4].casefold() for word in re.findall(r"\w{4,}", role)}
    return any(word[:4].casefold() in starts for word in re.findall(r"\w{4,}", job))


def _themes(brief: Brief) -> tuple[str, ...]:
    speech = brief.speech
    return tuple(
        speech.text(
            "plan.theme",
            name=theme.name,
            why=theme.why,
            piece=speech.text("language.quote", text=theme.pieces[0]),
        )
        for theme in brief.sector.themes[: max(3, brief.weeks)]
    )


def _messages(brief: Brief) -> tuple[Block, ...]:
    call = brief.speech.text("plan.call", cta=brief.sector.texts["cta"])
    return Bullets(brief.sector.messages, numbered=True), Paragraph(call)


def _formats(brief: Brief) -> tuple[str, ...]:
    speech = brief.speech
    return tuple(format_line(speech, channel) for channel in brief.channels)


def format_line(speech: Words, channel: str) -> str:
    return speech.text(
        "plan.format",
        name=speech.subject("channels", channel, "format"),
        what=speech.subject("channels", channel, "what"),
    )


def channel_row(speech: Words, channel: str) -> tuple[str, str, str]:
    return (
        speech.subject("channels", channel),
        speech.subject("channels", channel, "rhythm"),
        speech.subject("channels", channel, "counts"),
    )


def budget_line(brief: Brief) -> str:
    speech, budget = brief.speech, brief.budget
    if budget is None:
        return speech.text("plan.no_budget")
    return speech.text(
        "plan.budget",
        total=budget.say(speech),
        paid=budget.share(50).say(speech),
        making=budget.share(30).say(speech),
        reserve=budget.share(20).say(speech),
    )


def _distribution(brief: Brief) -> tuple[Block, ...]:
    speech = brief.speech
    rows = (channel_row(speech, channel) for channel in brief.channels)
    head = speech.lines("plan.distribution_head")
    return table(head, rows), Paragraph(budget_line(brief))


def _questions(brief: Brief) -> tuple[str, ...]:
    speech = brief.speech
    asked = []
    if brief.start is None:
        asked.append(speech.text("plan.question_start_open"))
    elif not brief.start_given:
        asked.append(speech.text("plan.question_start", first=week(brief, 1)))
    if not brief.audience_given:
        asked.append(speech.text("plan.question_audience", audience=brief.audience))
    if brief.budget is None:
        asked.append(speech.text("plan.question_budget"))
    if not brief.people:
        asked.append(speech.text("plan.question_people"))
    return tuple(asked[:3]) or (speech.text("draft.open_first"),)


def _capital(text: str) -> str:
    end = text if text.endswith((".", "!", "?")) else f"{text}."
    return end[0].upper() + end[1:]
