"""Answers about starting a crew: what it takes, and why it was not started. Pure.

Each function returns mrkdwn. What was typed is given back, to be pasted again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from difflib import get_close_matches
from typing import Final

from bot.slack import ids
from bot.slack.render import text
from bot.slack.render.start_form import label
from storage.crew_inputs import THE_REQUEST, CrewInputs, is_required, open_inputs, taker_of
from storage.definitions import CrewDefinition, CrewInput, CrewReport, InputType, Json
from storage.errors import BadInputs, InputFault
from storage.input_values import as_text, is_empty

MAX_CREWS: Final = 20
MAX_TYPED: Final = 8000
"""Characters of a command that are given back. More do not fit beside the list of the crews."""

MAX_INPUTS: Final = 20

_CONTENT_PLAN: Final = "crew_runner.crews.content_plan."
_CAMPAIGN: Final = "a summer campaign for a bicycle shop"
_ANY_REQUEST: Final = "your request in your own words"
_NOT_STARTED: Final = "Nothing was started."


def paste(typed: str) -> str:
    """A code block with a command, as it was typed."""
    command = text.sanitize(f"{ids.COMMAND} {typed}").replace("```", "'''")
    return f"```{text.shorten(text.escape(command), MAX_TYPED)}```"


def with_paste(answer: str, typed: str) -> str:
    """The answer, and the command if it has more than a name."""
    if len(typed.split()) < 2:
        return answer
    return f"{answer}\nYou typed:\n{paste(typed)}"


NO_CREWS: Final = (
    "There is no crew that can be started. `/crew list` says why; an operator can fix `crews.yml`."
)
NOT_IN_THIS_CHANNEL: Final = (
    "I cannot open a thread in this channel. Choose another one, or invite me there first."
)


def form_not_opened(words: str) -> str:
    """Slack did not open the form that starts a run; `words` were to be the request."""
    answer = (
        "The form could not be opened. Try again, or type the crew and the request after "
        f"`{ids.COMMAND}`: `{ids.COMMAND} list` shows the crews."
    )
    if not words:
        return answer
    quoted_words = text.escape(text.shorten(text.sanitize(words).replace("```", "'''"), 2000))
    return f"{answer}\nThe request was to be:\n```{quoted_words}```"


# --- what a crew takes --------------------------------------------------------------------------


def example(crew: CrewInputs, now: datetime) -> str:
    """A command that starts the crew, as plain text."""
    start = f"{ids.COMMAND} {crew.definition.name}"
    asked = open_inputs(crew, now)
    if not asked:
        return start
    taker = _request_input(asked)
    missing = [each for each in asked if is_required(each) and each is not taker]
    shown = missing if taker is not None else (missing or list(asked))
    pairs = [f"{each.name}={quoted(_example_value(each))}" for each in shown[:5]]
    words = [] if taker is None else [_example_words(crew.definition, taker)]
    return " ".join([start, *pairs, *words])


def _request_input(asked: Sequence[CrewInput]) -> CrewInput | None:
    """The input that takes the words of the request."""
    return next((each for each in asked if each.name in THE_REQUEST), None) or taker_of(asked)


def _example_words(definition: CrewDefinition, taker: CrewInput) -> str:
    if not is_empty(taker.default) and taker.type is not InputType.JSON:
        return text.shorten(" ".join(as_text(taker.default).split()), 60)
    if (definition.target or "").startswith(_CONTENT_PLAN):
        return _CAMPAIGN
    return _ANY_REQUEST if taker.type is InputType.TEXT else _example_value(taker)


def _example_value(crew_input: CrewInput) -> str:
    if not is_empty(crew_input.default):
        return text.shorten(" ".join(as_text(crew_input.default).split()), 60)
    if crew_input.choices:
        return crew_input.choices[0]
    return _EXAMPLES.get(crew_input.type, "…")


_EXAMPLES: Final = {
    InputType.NUMBER: "3",
    InputType.DATE: "2026-05-31",
    InputType.YES_NO: "yes",
    InputType.JSON: "[]",
}


def quoted(value: str) -> str:
    """The value as it is typed after `name=`."""
    if value and not any(character.isspace() or character in "\"'" for character in value):
        return value
    return f"'{value}'" if '"' in value and "'" not in value else f'"{value.replace(chr(34), "”")}"'


def as_typed(
    crew: str, values: Mapping[str, Json], *, checkpoints: Sequence[str] | None, language: str
) -> str:
    """What a form said, as the text of a command."""
    words = [as_text(values[name]) for name in THE_REQUEST if name in values][:1]
    pairs = [
        f"{name}={quoted(as_text(value))}"
        for name, value in values.items()
        if name not in THE_REQUEST
    ]
    options = [f"--language {quoted(language)}"] if language else []
    if checkpoints is not None:
        options.append(f"--checkpoints {','.join(checkpoints) or 'none'}")
    return " ".join([crew, *pairs, *options, *words])


def inputs_line(crew: CrewInputs, now: datetime) -> str:
    """The inputs that a person may fill, on one line; empty if there are none but the request."""
    asked = open_inputs(crew, now)
    if all(each.name in THE_REQUEST for each in asked):
        return ""
    shown = [_short(each) for each in asked[:MAX_INPUTS]]
    if len(asked) > MAX_INPUTS:
        shown.append(f"{len(asked) - MAX_INPUTS} more")
    return ", ".join(shown)


def _short(crew_input: CrewInput) -> str:
    if crew_input.name in THE_REQUEST:
        return "the request"
    name = f"`{text.line(crew_input.name, 60)}`"
    if not is_empty(crew_input.default):
        return f"{name} (“{text.line(as_text(crew_input.default), 40)}”)"
    return name if is_required(crew_input) else f"{name} (optional)"


def crew_help(crew: CrewInputs, report: CrewReport | None, now: datetime) -> str:
    """What the crew does and takes, for `/crew NAME help`."""
    definition = crew.definition
    lines = [f"*{text.mrkdwn(definition.name)}* {text.line(definition.description, 300)}".rstrip()]
    asked = open_inputs(crew, now)
    if asked:
        lines += ["Inputs:", *(_described(each) for each in asked[:MAX_INPUTS])]
        if len(asked) > MAX_INPUTS:
            lines.append(f"… and {len(asked) - MAX_INPUTS} more")
    elif crew.examined:
        lines.append("It takes no request.")
    names = [c.name for c in definition.checkpoints]
    if names:
        lines.append(f"Checkpoints: {', '.join(f'`{text.mrkdwn(name)}`' for name in names[:20])}")
    lines.append(f"For example: `{text.line(example(crew, now), 300)}`")
    if asked:
        lines.append(f"`{ids.COMMAND} {text.mrkdwn(definition.name)}` alone asks for its inputs.")
    if report is not None and report.problem:
        lines.append(f":warning: It cannot be started: {problem(report)}")
    return "\n".join(lines)


def _described(crew_input: CrewInput) -> str:
    facts = [crew_input.type.value.replace("_", " or ")]
    if crew_input.choices:
        facts.append(f"one of {text.line(', '.join(crew_input.choices), 200)}")
    if not is_empty(crew_input.default):
        facts.append(f"default “{text.line(as_text(crew_input.default), 100)}”")
    elif not is_required(crew_input):
        facts.append("optional")
    name, words = text.line(crew_input.name, 60), text.mrkdwn(label(crew_input))
    return f"• `{name}` {words} ({', '.join(facts)})"


# --- why nothing was started ---------------------------------------------------------------------


def unknown_crew(name: str, crews: Mapping[str, CrewDefinition], typed: str = "") -> str:
    nearest = get_close_matches(name, [each.lower() for each in crews], n=1, cutoff=0.5)
    meant = next((each for each in crews if nearest and each.lower() == nearest[0]), None)
    suggestion = f" Did you mean `{text.mrkdwn(meant)}`?" if meant else ""
    known_crews = [
        f"• `{text.mrkdwn(crew.name)}` {text.line(crew.description, 150)}".rstrip()
        for crew in list(crews.values())[:MAX_CREWS]
    ]
    lines = [
        f"There is no crew `{text.line(name, 60)}`.{suggestion}",
        "These crews exist:",
        *known_crews,
    ]
    return with_paste("\n".join(lines), typed)


def request_missing(crew: CrewInputs, now: datetime, typed: str = "") -> str:
    name = text.mrkdwn(crew.definition.name)
    answer = (
        f"What should *{name}* work on? Type it after the name, for example:\n"
        f"`{text.line(example(crew, now), 300)}`"
    )
    return with_paste(answer, typed)


def problem(report: CrewReport) -> str:
    return text.line(report.problem or "", 300)


def cannot_be_built(crew: CrewDefinition, report: CrewReport, typed: str) -> str:
    answer = (
        f":warning: *{text.mrkdwn(crew.name)}* cannot be started: {problem(report)}\n"
        f"{_NOT_STARTED} An operator can fix the crew or `crews.yml`."
    )
    return with_paste(answer, typed)


def invite_first(bot_name: str, typed: str) -> str:
    return (
        f"I am not in this channel, so I cannot open a thread here. {_NOT_STARTED}\n"
        f"Type `/invite @{text.mrkdwn(bot_name)}`, then paste this again:\n{paste(typed)}"
    )


def not_here(typed: str) -> str:
    return (
        f"A run needs a channel, so that others can see it and sign off. {_NOT_STARTED}\n"
        f"Go to a channel that I am in and paste this there:\n{paste(typed)}"
    )


def no_user_groups(crew: CrewDefinition, typed: str) -> str:
    answer = (
        f"Only members of a user group may decide in *{text.mrkdwn(crew.name)}*, and this "
        f"workspace's Slack plan has no user groups. {_NOT_STARTED}\n"
        "An operator has to name people in `crews.yml`."
    )
    return with_paste(answer, typed)


def archived(typed: str) -> str:
    return (
        f"This channel is archived, so I cannot open a thread here. {_NOT_STARTED}\n"
        f"Paste this in another channel:\n{paste(typed)}"
    )


def inputs_refused(error: BadInputs, crew: CrewInputs, now: datetime, typed: str) -> str:
    """What is wrong with the inputs, and how they are typed."""
    name = text.mrkdwn(crew.definition.name)
    sentences = [f"• {text.line(each.sentence, 300)}" for each in error.problems[:MAX_INPUTS]]
    answer = (
        f"*{name}* cannot start with these inputs. {_NOT_STARTED}\n"
        + "\n".join(sentences)
        + f"\nFor example: `{text.line(example(crew, now), 300)}`"
    )
    return with_paste(answer, typed)


def field_errors(error: BadInputs) -> dict[str, str]:
    """The problems, each beside its field: plain text by `block_id`."""
    return {ids.input_block(p.name): text.plain(p.sentence, 200) for p in error.problems}


def unused(crew: CrewInputs, names: Sequence[str], now: datetime, typed: str) -> str:
    """Something was said that nothing in the crew takes."""
    name = text.mrkdwn(crew.definition.name)
    taken = inputs_line(crew, now)
    how = f"`{text.line(example(crew, now), 300)}` starts it."
    if "request" in names and taken:
        answer = f"*{name}* has no input left for your words: it takes {taken}. {how}"
    elif "request" in names:
        answer = f"*{name}* takes no request, so your words would be lost. {how}"
    else:
        takes = f" It takes {taken}." if taken else ""
        answer = f"*{name}* takes no language.{takes} Leave `--language` out."
    return with_paste(f"{answer} {_NOT_STARTED}", typed)


def unknown_pair(name: str, meant: str, crew: CrewInputs, typed: str) -> str:
    answer = (
        f"*{text.mrkdwn(crew.definition.name)}* has no input `{text.line(name, 60)}`. "
        f"Did you mean `{text.line(meant, 60)}`? {_NOT_STARTED}"
    )
    return with_paste(answer, typed)


def invalid_command(command: str, what: str, typed: str) -> str:
    example_id = f"`/crew {text.line(command, 60)} 1a2b3c4d`"
    if command in ("cancel", "stop", "retry"):
        return (
            f"{what.capitalize()} Give its id, for example {example_id}. `/crew status` shows ids."
        )
    answer = what if what.endswith((".", "?")) else f"{what}."
    return with_paste(answer, typed)


def form_note(error: BadInputs | None, words: str, taker: CrewInput | None) -> str:
    """What stands above the fields of a form that completes a command."""
    notes = []
    if words and taker is not None:
        notes.append(f"Your words are in *{text.mrkdwn(label(taker))}*: move them if need be.")
    wrong = [] if error is None else [p for p in error.problems if p.fault is InputFault.WRONG]
    notes += [text.line(each.sentence, 300) for each in wrong[:5]]
    return "\n".join(notes)
