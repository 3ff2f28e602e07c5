"""From the approved plan and its analysis to the draft strategy, and from there to the final."""

from __future__ import annotations

from crew_runner.models.drafter.brief import Brief
from crew_runner.models.drafter.facts import Context, Row, bold
from crew_runner.models.drafter.markdown import (
    Block,
    Bullets,
    Document,
    Paragraph,
    sentences,
    table,
)
from crew_runner.models.drafter.plan import label, section

_ANSWERS = ("goal", "list", "saves")


def draft(brief: Brief, context: Context) -> Document:
    speech = brief.speech
    return Document(
        title=speech.text("titles.draft", topic=brief.topic),
        lead=(label(speech),),
        sections=(
            section(speech, "position", Paragraph(_position(brief, context))),
            section(speech, "decisions", Bullets(_decisions(brief, context), numbered=True)),
            section(speech, "priorities", _priorities(brief, context)),
            section(speech, "draft_messages", *_messages(brief, context)),
            section(speech, "guards", Bullets(_guards(brief))),
            section(speech, "measures", Bullets(_measures(brief, context))),
            section(speech, "open", Bullets(_open(brief, context), numbered=True)),
        ),
    )


def final(brief: Brief, context: Context) -> Document:
    speech = brief.speech
    return Document(
        title=speech.text("titles.final", topic=brief.topic),
        lead=(label(speech),),
        sections=(
            section(speech, "brief", Bullets(_in_brief(brief, context))),
            section(speech, "steps", Bullets(_steps(brief, context), numbered=True)),
            section(speech, "say", *_say(brief, context)),
            section(speech, "watch", _watch(brief, context)),
            section(
                speech,
                "avoid",
                Bullets(_avoid(brief, context)),
                Paragraph(_settled(brief, context)),
            ),
            section(speech, "days", Bullets(_days(brief, context))),
        ),
    )


def _position(brief: Brief, context: Context) -> str:
    return brief.speech.text(
        "draft.position",
        last=_rows(context)[-1].when,
        name=brief.name,
        promise=brief.sector.texts["promise"],
    )


def _decisions(brief: Brief, context: Context) -> tuple[str, ...]:
    speech = brief.speech
    verdict = context.verdict
    lines = []
    if context.themes:
        lines.append(speech.text("draft.decision_theme", theme=context.themes[0]))
    if context.topics:
        top = context.topics[0]
        lines.append(
            speech.text(
                "draft.decision_trend",
                topic=top.name,
                score=top.score,
                piece=context.body.piece,
            )
        )
    consequence = speech.text(f"draft.consequence_{verdict.replace('-', '_')}")
    lines.append(speech.text("draft.decision_verdict", verdict=verdict, consequence=consequence))
    risk = next((name for name, _ in map(bold, context.items("risks")) if name), "")
    fix = next(iter(context.items("mitigation")), "")
    if risk and fix:
        lines.append(speech.text("draft.decision_risk", risk=risk, fix=fix))
    lines.append(speech.text("draft.decision_keep", channels=_channels(brief, context)))
    if context.budget:
        lines.append(speech.text("draft.decision_budget", budget=context.budget))
    return tuple(lines)


def _priorities(brief: Brief, context: Context) -> Block:
    speech = brief.speech
    kick_off = _rows(context)[0].piece
    rows = [speech.lines("draft.priority_first", piece=kick_off)]
    if context.topics:
        top = context.topics[0]
        rows.append(speech.lines("draft.priority_trend", topic=top.name, score=top.score))
    rows += [speech.lines("draft.priority_answers"), speech.lines("draft.priority_count")]
    return table(speech.lines("draft.priorities_head"), rows)


def _messages(brief: Brief, context: Context) -> tuple[Block, ...]:
    call = context.call
    tone = Paragraph(brief.speech.text("draft.tone"))
    said: list[Block] = [Bullets(context.messages, numbered=True)]
    return (*said, Paragraph(call), tone) if call else (*said, tone)


def _guards(brief: Brief) -> tuple[str, ...]:
    speech = brief.speech
    keys = ("guard_claims", "guard_people", "guard_jokes", "guard_ask")
    fix = brief.sector.texts["fix"]
    return (f"{fix}.", *(speech.text(f"draft.{key}") for key in keys))


def _measures(brief: Brief, context: Context) -> tuple[str, ...]:
    look = context.first_look.week
    return tuple(
        brief.speech.text(
            "draft.measure_line",
            objective=objective,
            first=look,
            answer=brief.speech.text(f"draft.answer_{answer}"),
        )
        for objective, answer in zip(context.items("objectives"), _ANSWERS, strict=False)
    )


def _open(brief: Brief, context: Context) -> tuple[str, ...]:
    speech = brief.speech
    lines = [speech.text("draft.open_first")]
    if _has_money(context):
        lines.append(speech.text("draft.open_money"))
    lines.append(speech.text("draft.open_dates", first=_rows(context)[0].when))
    return tuple(lines)


def _in_brief(brief: Brief, context: Context) -> tuple[str, ...]:
    speech = brief.speech
    objective = next(iter(context.items("measures") or context.items("objectives")), "")
    return (
        speech.text("final.for_whom", audience=context.audience),
        speech.text("final.what", promise=brief.sector.texts["promise"]),
        speech.text("final.when", span=context.span),
        speech.text("final.with_what", channels=_channels(brief, context)),
        speech.text("final.know", objective=next(iter(sentences(objective)), "")),
    )


def _steps(brief: Brief, context: Context) -> tuple[str, ...]:
    speech = brief.speech
    rows = _rows(context)
    owners = [row[0] for row in context.rows("talent")] or ["–"]
    steps = []
    for number, row in enumerate(rows):
        done = "first" if number == 0 else "last" if number == len(rows) - 1 else "next"
        steps.append(
            speech.text(
                "final.step",
                week=row.when[0].upper() + row.when[1:],
                piece=speech.text("language.quote", text=row.piece),
                channel=row.channel,
                done=speech.text(f"final.done_{done}"),
                owner=owners[number % min(2, len(owners))],
            )
        )
    return tuple(steps)


def _say(brief: Brief, context: Context) -> tuple[Block, ...]:
    message = next(iter(context.messages), brief.sector.texts["promise"])
    example = Paragraph(brief.speech.text("final.example", message=message))
    said: list[Block] = [Bullets(context.messages, numbered=True)]
    return (*said, Paragraph(context.call), example) if context.call else (*said, example)


def _watch(brief: Brief, context: Context) -> Block:
    speech = brief.speech
    rows = _rows(context)
    look = context.first_look.week
    last = rows[-1].week
    goals = context.items("measures") or context.items("objectives")
    found = [
        (bold(goal)[0] or goal, last, look, speech.text(f"final.watch_{answer}"))
        for goal, answer in zip(goals, _ANSWERS, strict=False)
    ]
    return table(speech.lines("final.watch_head"), found)


def _avoid(brief: Brief, context: Context) -> tuple[str, ...]:
    return context.items("guards") or _guards(brief)


def _settled(brief: Brief, context: Context) -> str:
    keys = ("settled", "settled_money") if _has_money(context) else ("settled",)
    return " ".join(brief.speech.text(f"final.{key}") for key in keys)


def _has_money(context: Context) -> bool:
    return any(map(str.isdigit, context.budget))


def _days(brief: Brief, context: Context) -> tuple[str, ...]:
    piece = _rows(context)[0].piece
    return tuple(brief.speech.text(f"final.day_{n}", piece=piece) for n in range(1, 6))


def _channels(brief: Brief, context: Context) -> str:
    names = context.channels or tuple(
        brief.speech.subject("channels", channel) for channel in brief.channels
    )
    return ", ".join(names)


def _rows(context: Context) -> tuple[Row, ...]:
    return context.calendar
