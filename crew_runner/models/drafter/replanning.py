"""Changes to what is planned: subjects, channels, dates, money, audience."""

from __future__ import annotations

import re
import zlib
from dataclasses import replace

from crew_runner.models.drafter import amounts, edits, markdown
from crew_runner.models.drafter.asks import Add, Audience, Budget, Remove, Shift, Span, Start
from crew_runner.models.drafter.facts import bold
from crew_runner.models.drafter.markdown import Bullets, Document, Paragraph, Section, Table
from crew_runner.models.drafter.plan import (
    budget_line,
    calendar,
    channel_row,
    format_line,
    span,
    week,
)
from crew_runner.models.drafter.scene import (
    Cells,
    Changed,
    Scene,
    capital,
    each_row,
    first_table,
    with_table,
    without_items,
)
from crew_runner.models.drafter.words import LANGUAGES, fold, heading_anywhere, words


def added(scene: Scene, document: Document, ask: Add) -> Changed:
    if ask.channels and edits.section_of(document, "distribution"):
        for channel in ask.channels:
            document = _with_channel(scene, document, channel)
        names = ", ".join(map(scene.channel, ask.channels))
        return Changed(document, scene.say("channel", what=names))
    what = capital(ask.what)
    section = scene.target(document, ask.section)
    calendar = edits.section_of(document, "calendar")
    document = _with_piece(scene, document, what)
    document = _with_topic(scene, document, what)
    if section is not calendar:
        kind = "more_line" if ask.more else "add_line"
        if heading_anywhere(section.heading) in {"messages", "draft_messages", "say"}:
            kind = "message"
        document = edits.append(document, section, scene.say(kind, what=what))
    places = dict.fromkeys(s.heading for s in (section, calendar) if s)
    effect = "emphasised" if ask.more else "added"
    return Changed(
        document,
        scene.say(effect, what=scene.quote(ask.what), section=", ".join(places)),
    )


def removed(scene: Scene, document: Document, ask: Remove) -> Changed:
    what = scene.quote(ask.what)
    rest = tuple(s for s in document.sections if not _is_section(s, ask))
    if ask.section or len(rest) < len(document.sections):
        gone = "removed_one" if len(rest) < len(document.sections) else "not_found"
        return Changed(replace(document, sections=rest), scene.say(gone, what=what))
    places = 0
    for channel in ask.channels:
        document, moved = _without_channel(scene, document, channel, partly=ask.partly)
        places += moved
    names = [] if ask.partly and places else [scene.channel(c) for c in ask.channels]
    for word in names if ask.channels else _listed(ask.what):
        every = 2 if ask.partly else 1
        document, taken = edits.without(document, word, spare=scene.heading, every=every)
        places += taken
    if not places:
        line = scene.say("keep_out", what=capital(ask.what))
        new = edits.append(document, scene.target(document, "guards"), line)
        return Changed(new, scene.say("not_found", what=what))
    count = "removed_one" if places == 1 else "removed"
    return Changed(document, scene.say(count, what=what, n=places))


def _is_section(section: Section, ask: Remove) -> bool:
    """Whether a whole section is to go: it is named by its heading or the heading's first words."""
    heading, said = fold(section.heading), fold(ask.what)
    return heading == said or (
        ask.section is not None and heading_anywhere(section.heading) == ask.section
    )


def budgeted(scene: Scene, document: Document, ask: Budget) -> Changed:
    """The money in its place: under distribution, else among the decisions, else where it fits."""
    speech = scene.speech
    line = budget_line(replace(scene.brief(), budget=ask.money))
    effect = scene.say("budget", what=ask.money.say(speech))
    document = _without_question(scene, document, "question_budget")
    distribution = edits.section_of(document, "distribution")
    if distribution:
        opening = bold(line)[0].split()[0]
        kept = tuple(
            b
            for b in distribution.blocks
            if not (isinstance(b, Paragraph) and b.text.startswith(f"**{opening}"))
        )
        new = replace(distribution, blocks=(*kept, Paragraph(line)))
        return Changed(document.with_section(new), effect)
    decided = speech.text("draft.decision_budget", budget=line.replace("**", ""))
    section = scene.target(document, "decisions")
    cleared = without_items(section, lambda item: bold(item)[0] == bold(decided)[0])
    document = document.with_section(cleared)
    return Changed(edits.append(document, cleared, decided), effect)


def shifted(scene: Scene, document: Document, ask: Shift) -> Changed:
    count = abs(ask.weeks)
    weeks = scene.speech.text("language.one_week" if count == 1 else "language.weeks", n=count)
    effect = scene.say("earlier" if ask.weeks < 0 else "later", weeks=weeks)
    if edits.dates_in(document, scene.speech):
        days = 7 * ask.weeks
        return Changed(edits.move(document, scene.speech, days=days, spare=scene.heading), effect)
    section = scene.target(document, "calendar")
    return Changed(edits.append(document, section, capital(effect)), effect)


def started(scene: Scene, document: Document, ask: Start) -> Changed:
    """The first week moved to a day, and every other date with it."""
    for question in ("question_start_open", "question_start"):
        document = _without_question(scene, document, question)
    dates = edits.dates_in(document, scene.speech)
    if dates:
        days = (ask.on - dates[0]).days
        document = edits.move(document, scene.speech, days=days, spare=scene.heading)
    else:
        document = _dated(scene, document, ask)
    return Changed(document, scene.say("start", what=amounts.say_day(ask.on, scene.speech)))


def spanned(scene: Scene, document: Document, ask: Span) -> Changed:
    """The calendar made longer or shorter; its first day and requested pieces stay."""
    speech = scene.speech
    found = first_table(document, "calendar")
    rows = found[1].rows if found else ()
    now = len({row[0] for row in rows}) or scene.brief().weeks
    weeks = min(12, max(2, ask.weeks or now + ask.by))
    dates = edits.dates_in(Document("", found[1:], ()), speech) if found else []
    before, after = (
        replace(scene.brief(), weeks=n, start=dates[0] if dates else None) for n in (now, weeks)
    )
    if found:
        document = with_table(document, *found, _with_requested(scene, calendar(after), rows))
    document = edits.substitute_in(document, "overview", span(before), span(after))
    document = edits.substitute_in(document, "objectives", week(before, now), week(after, weeks))
    said = speech.text("language.weeks", n=weeks)
    return Changed(document, scene.say("span", weeks=said))


def _with_requested(scene: Scene, table: Table, rows: tuple[Cells, ...]) -> tuple[Cells, ...]:
    """The rows of a new calendar with the requested pieces of the old one, week by week."""
    requested = scene.say("piece_theme")
    kept = [row for row in rows if len(row) > 1 and row[1] == requested]
    labels = [row[0] for row in table.rows]
    late = [(labels[-1], *row[1:]) for row in kept if row[0] not in labels]
    grown = [r for row in table.rows for r in (row, *(k for k in kept if k[0] == row[0]))]
    return (*grown, *late)


def addressed(scene: Scene, document: Document, ask: Audience) -> Changed:
    """The new audience wherever the old one stood."""
    speech = scene.speech
    lead = bold(speech.text("plan.audience", audience=""))[0]
    overview = edits.section_of(document, "overview")
    said = [
        text
        for block in (overview.blocks if overview else ())
        if isinstance(block, Bullets)
        for name, text in map(bold, block.items)
        if name == lead
    ]
    document = _without_question(scene, document, "question_audience")
    old = said[0] if said else scene.brief().audience
    new, times = edits.substitute(document, old, ask.who, spare=scene.heading)
    if not times:
        line = speech.text("plan.audience", audience=ask.who)
        new = edits.append(document, scene.target(document, "overview"), line)
    return Changed(new, scene.say("audience", what=scene.quote(ask.who)))


def _with_channel(scene: Scene, document: Document, channel: str) -> Document:
    """The channel in distribution, formats, and every fourth week of the calendar from week 2."""
    row = channel_row(scene.speech, channel)
    found = first_table(document, "distribution")
    if found and row[0] not in {cells[0] for cells in found[1].rows}:
        document = with_table(document, *found, (*found[1].rows, row))
    formats = edits.section_of(document, "formats")
    line = format_line(scene.speech, channel)
    if formats and line not in markdown.render(document):
        document = edits.append(document, formats, line)
    return each_row(
        document,
        lambda n, cells: (*cells[:3], row[0]) if n % 4 == 1 and len(cells) > 3 else cells,
    )


def _with_piece(scene: Scene, document: Document, what: str) -> Document:
    """A second piece in a week in the middle of the calendar, if there is one."""
    found = first_table(document, "calendar")
    if not found:
        return document
    rows = list(found[1].rows)
    place = max(1, len(rows) // 2)
    model = rows[place - 1]
    piece = scene.say("piece", what=what) if len(what.split()) <= 3 else what
    new = (model[0], scene.say("piece_theme"), piece, *model[3:])[: len(model)]
    return with_table(document, *found, (*rows[:place], new, *rows[place:]))


def _with_topic(scene: Scene, document: Document, what: str) -> Document:
    """A row of its own among the scores, at its place, if there are any."""
    found = first_table(document, "scores")
    if not found:
        return document
    score = str(45 + zlib.crc32(what.casefold().encode()) % 30)
    speech = scene.speech
    row = (what, score, speech.text("trends.steady"), speech.text("trends.sure_low"))
    rows = sorted((*found[1].rows, row), key=lambda r: -int(r[1]) if r[1].isdigit() else 0)
    return with_table(document, *found, tuple(rows))


def _without_channel(
    scene: Scene, document: Document, channel: str, *, partly: bool
) -> tuple[Document, int]:
    """The weeks of a channel, or every second of them, go to the others: none is lost with it."""
    name = scene.channel(channel)
    found = first_table(document, "distribution")
    others = [row[0] for row in found[1].rows if row[0] != name] if found else []
    seen = moved = 0

    def another(number: int, cells: Cells) -> Cells:
        nonlocal seen, moved
        if not others or len(cells) < 4 or cells[3] != name:
            return cells
        seen += 1
        if partly and seen % 2 == 0:
            return cells
        moved += 1
        return (*cells[:3], others[number % len(others)])

    document = each_row(document, another)
    formats = edits.section_of(document, "formats")
    line = format_line(scene.speech, channel)
    if formats and not partly:
        cleared = without_items(formats, lambda item: item == line)
        moved += cleared != formats
        document = document.with_section(cleared)
    return document, moved


def _dated(scene: Scene, document: Document, ask: Start) -> Document:
    """Weeks that had numbers only get their dates, in the calendar and in the text."""
    speech, weeks = scene.speech, scene.brief().weeks

    def day(number: int) -> str:
        return amounts.say_day(amounts.later(ask.on, weeks=number - 1), speech)

    def labelled(_: int, cells: Cells) -> Cells:
        said = cells[0]
        return (f"{said} · {day(int(said))}", *cells[1:]) if said.isdigit() else cells

    said = speech.text("language.weeks", n=weeks)
    first, last = (speech.text("language.when_date", date=day(n)) for n in (1, weeks + 1))
    span = speech.text("plan.span_dates", weeks=said, first=first, last=last)
    open_ = speech.text("plan.span_weeks", weeks=said)
    document, _ = edits.substitute(document, open_, span, spare=scene.heading)
    for number in range(weeks, 0, -1):
        when = speech.text("language.when_date", date=day(number))
        for form in ("when_week", "week"):
            known = speech.text(f"language.{form}", n=number)
            document, _ = edits.substitute(document, known, when, spare=scene.heading)
    return each_row(document, labelled)


def _without_question(scene: Scene, document: Document, key: str) -> Document:
    """The document without a question to the reviewer that has been answered."""
    opening = scene.speech.text(f"plan.{key}", first="\0", audience="\0").partition("\0")[0]
    questions = edits.section_of(document, "questions")
    if questions is None:
        return document
    cleared: Section = without_items(questions, lambda item: item.startswith(opening))
    if cleared.blocks:
        return document.with_section(cleared)
    return replace(document, sections=tuple(s for s in document.sections if s is not questions))


def _listed(what: str) -> list[str]:
    """`prices and discounts` are two things to look for."""
    ands = "|".join(words(code).text("language.and") for code in LANGUAGES)
    return [part for part in re.split(rf"\s*,\s*|\s+(?:{ands}|&)\s+", what) if part]
