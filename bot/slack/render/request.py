"""What a run was asked for, and what its crew made of it. Pure."""

from __future__ import annotations

from bot.slack.render import text
from bot.slack.render.message import listed
from storage.crew_inputs import THE_REQUEST
from storage.input_values import as_text
from storage.records import Request

_VALUE_LIMIT = 600
_UNUSED = {"request": "the request", "campaign_context": "the campaign context"}


def asked_for(request: Request) -> str:
    """The words of the request, and a line for each input that was named; may be empty."""
    named = [
        f"{name}: {text.shorten(as_text(value), _VALUE_LIMIT)}"
        for name, value in request.named.items()
        if name not in THE_REQUEST
    ]
    return "\n".join(part for part in (request.text, *named) if part)


def how_it_was_read(request: Request) -> list[str]:
    """Small print, as mrkdwn: which input took the words, and what nothing took."""
    parts = []
    takers = [
        name
        for name, value in request.values.items()
        if request.text and value == request.text and name not in (*THE_REQUEST, *request.named)
    ]
    if takers and not set(THE_REQUEST) & {*request.values}:
        parts.append(
            f"the request is the input {listed([f'`{text.line(n, 60)}`' for n in takers])}"
        )
    if request.language:
        parts.append(f"language: {text.mrkdwn(text.plain(request.language, 60))}")
    if request.unused:
        names = listed([_UNUSED.get(name, f"the {name}") for name in request.unused])
        parts.append(f"this crew has no use for {names}")
    return parts
