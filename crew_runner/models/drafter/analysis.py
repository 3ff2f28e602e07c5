"""The analysis of a plan: how it will be taken, and what carries it."""

from __future__ import annotations

from crew_runner.models.drafter.brief import Brief
from crew_runner.models.drafter.facts import Context, Row, Topic
from crew_runner.models.drafter.markdown import Bullets, Document, Paragraph, table
from crew_runner.models.drafter.plan import label, section
from crew_runner.models.drafter.words import Trend, occasion_facts

CAUTION_FROM = 16
NO_GO_FROM = 26


def shares(brief: Brief) -> tuple[int, int, int]:
    """Positive, neutral and negative shares in percent; they sum to 100."""
    negative = brief.pick(6, 12, "negative")
    if brief.disputed:
        negative += 22 if brief.strongly else 8
    positive = min(brief.pick(56, 70, "positive"), 92 - negative)
    return positive, 100 - positive - negative, negative


def verdict(brief: Brief) -> str:
    negative = shares(brief)[2]
    if negative >= NO_GO_FROM:
        return "no_go"
    return "caution" if negative >= CAUTION_FROM or brief.disputed else "go"


def sentiment(brief: Brief, context: Context) -> Document:
    speech = brief.speech
    positive, neutral, negative = shares(brief)
    row = _row_of(context, 1)
    texts = brief.sector.texts
    word = brief.disputed or ""
    worst = speech.text("sentiment.word_risk", word=word) if word else texts["risk"]
    rows = (
        (
            speech.text("sentiment.positive"),
            f"{positive} %",
            speech.text("sentiment.positive_why", theme=next(iter(context.themes), row.theme)),
        ),
        (
            speech.text("sentiment.neutral"),
            f"{neutral} %",
            speech.text("sentiment.neutral_why"),
        ),
        (
            speech.text("sentiment.negative"),
            f"{negative} %",
            speech.text("sentiment.negative_why", worst=worst),
        ),
    )
    return Document(
        title=speech.text("titles.sentiment", topic=brief.topic),
        lead=(label(speech),),
        sections=(
            section(
                speech,
                "response",
                table(speech.lines("sentiment.head"), rows),
                Paragraph(speech.text("sentiment.basis")),
            ),
            section(speech, "risks", Bullets(_risks(brief, context), numbered=True)),
            section(speech, "mitigation", Bullets(_mitigation(brief, context), numbered=True)),
            section(
                speech,
                "verdict",
                Paragraph(speech.text(f"sentiment.{verdict(brief)}", positive=positive, word=word)),
            ),
        ),
    )


def _risks(brief: Brief, context: Context) -> tuple[str, ...]:
    speech, texts = brief.speech, brief.sector.texts
    piece = context.body.piece
    risks = [
        (texts["risk"], brief.sector.risk_level, texts["risk_how"]),
        (
            speech.text("sentiment.risk_theme", piece=piece),
            "low",
            speech.text("sentiment.risk_theme_how"),
        ),
        (
            speech.text("sentiment.risk_silence"),
            "medium",
            speech.text("sentiment.risk_silence_how"),
        ),
    ]
    if brief.disputed:
        what = speech.text("sentiment.word_risk", word=brief.disputed)
        level = "high" if brief.strongly else "medium"
        risks.insert(0, (what, level, speech.text("sentiment.word_risk_how")))
    return tuple(
        speech.text("sentiment.risk", what=what, level=speech.text(f"sentiment.{level}"), how=how)
        for what, level, how in risks
    )


def _mitigation(brief: Brief, context: Context) -> tuple[str, ...]:
    speech = brief.speech
    first, third = _row_of(context, 0), context.body
    steps = [
        speech.text("sentiment.mitigate_sector", fix=brief.sector.texts["fix"]),
        speech.text("sentiment.mitigate_theme", piece=third.piece),
        speech.text("sentiment.mitigate_silence"),
    ]
    if brief.disputed:
        steps.insert(
            0,
            speech.text("sentiment.mitigate_word", word=brief.disputed, first=first.when),
        )
    return tuple(steps)


def trends(brief: Brief, context: Context) -> Document:
    speech = brief.speech
    rated = _rated(brief)
    topics = [Topic(trend.topic, trend.score) for trend in rated]
    directions = {1: "rising", 0: "steady", -1: "fading"}
    rows = (
        (
            trend.topic,
            str(trend.score),
            speech.text(f"trends.{directions[trend.direction]}"),
            speech.text(f"trends.sure_{_sureness(trend)}"),
        )
        for trend in rated
    )
    first, third = _row_of(context, 0), context.body
    last = _row_of(context, -1)
    channel = next(iter(context.channels), first.channel)
    message = next(iter(context.messages), brief.sector.texts["promise"])
    return Document(
        title=speech.text("titles.trends", topic=brief.topic),
        lead=(label(speech),),
        sections=(
            section(
                speech,
                "scores",
                table(speech.lines("trends.head"), rows),
                Paragraph(speech.text("trends.basis")),
            ),
            section(
                speech,
                "lean",
                Bullets(
                    (
                        _lean(brief, "first", topics[0], piece=third.piece),
                        _lean(brief, "second", topics[1], piece=first.piece),
                        _lean(brief, "third", topics[2], channel=channel),
                    )
                ),
            ),
            section(
                speech,
                "leave",
                Bullets(
                    (
                        speech.text(
                            "trends.leave_low", topic=topics[-1].name, score=topics[-1].score
                        ),
                        speech.text("trends.leave_fashion", message=message),
                    )
                ),
            ),
            section(speech, "timing", Bullets(_timing(brief, first, third, last))),
        ),
    )


def _sureness(trend: Trend) -> str:
    if trend.direction < 0:
        return "low"
    return "high" if trend.score > 70 else "medium"


def _timing(brief: Brief, first: Row, middle: Row, last: Row) -> tuple[str, ...]:
    speech = brief.speech
    moment = speech.subject("occasions", brief.occasion, "moment")
    return (
        speech.text("trends.timing_first", first=_capital(first.when)),
        speech.text("trends.timing_moment", moment=_capital(moment), piece=middle.piece),
        speech.text("trends.timing_last", last=_capital(last.when)),
    )


def _lean(brief: Brief, which: str, topic: Topic, **facts: str) -> str:
    return brief.speech.text(f"trends.lean_{which}", topic=topic.name, score=topic.score, **facts)


def _rated(brief: Brief) -> list[Trend]:
    """The sector's topics, the season and the main channel's format, best first."""
    speech = brief.speech
    found = [
        Trend(t.topic, _within(t.score + brief.pick(-6, 6, t.topic)), t.direction)
        for t in brief.sector.trends
    ]
    season = occasion_facts(brief.occasion).get("score")
    if season is not None:
        name = speech.subject("occasions", brief.occasion)
        topic = speech.text("trends.topic_season", occasion=name)
        found.append(Trend(topic, _within(season + brief.pick(-5, 5, "season")), 1))
    kind = speech.subject("channels", brief.channels[0], "format")
    found.append(
        Trend(
            speech.text("trends.topic_channel", format=kind),
            _within(62 + brief.pick(-6, 6, "channel")),
            0,
        )
    )
    return sorted(found, key=lambda trend: (-trend.score, trend.topic))


def _within(score: int) -> int:
    return max(0, min(100, score))


def _row_of(context: Context, number: int) -> Row:
    rows = context.calendar
    return rows[number] if -len(rows) <= number < len(rows) else rows[-1]


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
