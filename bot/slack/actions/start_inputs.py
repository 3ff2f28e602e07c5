"""Which inputs of a crew a command or a form fills. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from bot.slack.inbound import grammar
from bot.slack.render import start_form
from storage.crew_inputs import THE_REQUEST, CrewInputs, is_required, known_inputs, taker_of
from storage.definitions import CrewDefinition, CrewInput, CrewReport, InputType, Json
from storage.records import Request


def shown_default(crew_input: CrewInput) -> str:
    """The default as the form's field holds it."""
    return start_form.shown(crew_input, crew_input.default).strip()


def known_of(crew: CrewDefinition, report: CrewReport | None) -> CrewInputs:
    """What is known about the inputs of a crew, with the report of its last check."""
    return known_inputs(crew, None if report is None else report.examination)


def input_pairs(command: grammar.Start, known: CrewInputs) -> dict[grammar.Pair, str]:
    """The pairs that name inputs of the crew, with the input's name in its own spelling.

    If the crew may take any input, a command that consists of pairs alone is taken at its word.
    """
    by_name = {each.name.lower(): each.name for each in known.inputs}
    by_name |= {each.name: each.name for each in known.inputs}
    found = {
        pair: by_name.get(pair.name) or by_name[pair.name.lower()]
        for pair in command.pairs
        if pair.name in by_name or pair.name.lower() in by_name
    }
    if known.takes_any and not command.without(command.pairs):
        return {pair: found.get(pair, pair.name) for pair in command.pairs}
    return found


def mistyped_pair(
    command: grammar.Start, pairs: Mapping[grammar.Pair, str], known: CrewInputs
) -> tuple[str, str] | None:
    """A pair whose name is close to that of an input, and that input's name."""
    names = [each.name for each in known.inputs]
    for pair in command.pairs:
        meant = [] if pair in pairs else get_close_matches(pair.name, names, n=1, cutoff=0.75)
        if meant:
            return pair.name, meant[0]
    return None


def prefill(
    asked: tuple[CrewInput, ...], request: Request
) -> tuple[dict[str, Json], CrewInput | None]:
    """What the form's fields hold at first, and the one in which the words of the request are."""
    filled = dict(request.named)
    if request.language:
        filled.setdefault("language", request.language)
    unfilled = [each for each in asked if each.name not in filled]
    texts = sorted(
        (each for each in unfilled if each.type is InputType.TEXT),
        key=lambda each: not is_required(each),
    )
    taker = (
        next((each for each in asked if each.name in THE_REQUEST), None)
        or taker_of(unfilled)
        or next(iter(texts), None)
    )
    if request.text and taker is not None:
        filled[taker.name] = request.text
    return filled, taker if request.text else None
