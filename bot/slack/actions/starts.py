"""Starting a crew, by a command or by the form that asks for its inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from slack_sdk.models.views import View

from bot.slack import ids
from bot.slack.actions.crew_names import find_crew
from bot.slack.actions.forms import FieldErrors
from bot.slack.inbound import grammar
from bot.slack.inbound.parse import CommandCall, Person, StartSubmission
from bot.slack.people.actors import People
from bot.slack.render import start_form, starting
from bot.slack.render.answers import Answer
from storage.crew_inputs import (
    REQUEST,
    THE_REQUEST,
    CrewInputs,
    is_required,
    known_inputs,
    open_inputs,
    taker_of,
)
from storage.definitions import CrewDefinition, CrewInput, CrewReport, InputType, Json
from storage.errors import BadInputs, InputFault
from storage.inputs import resolve
from storage.ports import Clock
from storage.reads import Reads
from storage.records import Request
from storage.state_manager import StateManager

START_WORDS: Final = ("start", "run")
"""`/crew start NAME …` is `/crew NAME …`, unless a crew has this name."""

_FIELD_FAULTS: Final = frozenset({InputFault.MISSING, InputFault.UNCLEAR, InputFault.WRONG})
"""Problems that a person can solve in the form."""


@dataclass(frozen=True, slots=True)
class OpenForm:
    """A form to open; `fallback` is the answer if Slack does not open it."""

    form: View
    fallback: Answer


class Starts:
    """Raises the errors of `StateManager.start_execution`."""

    def __init__(
        self,
        *,
        state: StateManager,
        reads: Reads,
        people: People,
        crews: Mapping[str, CrewDefinition],
        clock: Clock,
    ) -> None:
        self._state = state
        self._reads = reads
        self._people = people
        self._crews = crews
        self._clock = clock

    def help(self, name: str) -> str:
        crew = find_crew(self._crews, name)
        if crew is None:
            return starting.unknown_crew(name, self._crews)
        report = self._reads.crew_reports().get(crew.name)
        return starting.crew_help(_known(crew, report), report, self._clock.now())

    def is_crew(self, name: str) -> bool:
        return find_crew(self._crews, name) is not None

    # --- by command ---------------------------------------------------------------------------

    def start(self, command: grammar.Start, call: CommandCall) -> str | OpenForm | None:
        """Start the crew, or return the answer or the form that is needed first."""
        crew = find_crew(self._crews, command.crew)
        if crew is None:
            return starting.unknown_crew(command.crew, self._crews, command.typed)
        report = self._reads.crew_reports().get(crew.name)
        if report is not None and report.problem:
            return starting.cannot_be_built(crew, report, command.typed)
        if call.channel.startswith("D"):
            return starting.not_here(command.typed)
        known = _known(crew, report)
        pairs = _input_pairs(command, known)
        mistyped = _mistyped_pair(command, pairs, known)
        if mistyped is not None:
            return starting.unknown_pair(*mistyped, known, command.typed)
        words = command.without([*pairs])
        request = Request(
            user_input=words,
            message=words,
            language=command.language,
            named={name: pair.value for pair, name in pairs.items()},
        )
        return self._start_or_ask(known, request, command, call)

    def _start_or_ask(
        self, known: CrewInputs, request: Request, command: grammar.Start, call: CommandCall
    ) -> str | OpenForm | None:
        now, typed = self._clock.now(), command.typed
        try:
            resolved = resolve(known, request, now)
        except BadInputs as error:
            return self._ask(known, request, command, call, error)
        if resolved.unused:
            return starting.unused(known, resolved.unused, now, typed)
        says_nothing = not (request.text or request.named)
        if says_nothing and open_inputs(known, now):
            return self._ask(known, request, command, call, None)
        about = ids.StartView(
            known.definition.name, call.channel, request.language, command.checkpoints
        )
        return self._execute(resolved, about, typed, by=call.by, delivery=call.delivery)

    def _ask(
        self,
        known: CrewInputs,
        request: Request,
        command: grammar.Start,
        call: CommandCall,
        error: BadInputs | None,
    ) -> str | OpenForm | None:
        """The form, or a refusal in words if no form can help."""
        now, typed = self._clock.now(), command.typed
        asked = open_inputs(known, now)
        if asked == (REQUEST,) or (error is None and not asked):
            return starting.request_missing(known, now, typed)
        refusal = (
            starting.request_missing(known, now, typed)
            if error is None
            else starting.inputs_refused(error, known, now, typed)
        )
        if error is not None and any(p.fault not in _FIELD_FAULTS for p in error.problems):
            return refusal
        about = ids.StartView(
            known.definition.name, call.channel, request.language, command.checkpoints
        )
        filled, taker = _filled(asked, request)
        if not start_form.fits(filled, about) or (request.text and taker is None):
            return refusal
        note = starting.form_note(error, request.text, taker)
        form = start_form.form(known.definition, asked, filled, about=about, note=note)
        return OpenForm(form, Answer(refusal))

    # --- by the form ----------------------------------------------------------------------------

    def submit(self, sent: StartSubmission) -> str | FieldErrors | None:
        """Start the crew with what the form says, or return what is wrong."""
        about, typed = sent.view, as_typed(sent)
        crew = self._crews.get(about.crew)
        if crew is None:
            return starting.unknown_crew(about.crew, self._crews, typed)
        report = self._reads.crew_reports().get(crew.name)
        if report is not None and report.problem:
            return starting.cannot_be_built(crew, report, typed)
        known, now = _known(crew, report), self._clock.now()
        asked = {each.name: each for each in open_inputs(known, now)}
        named = {
            name: value
            for name, value in sent.values.items()
            if name not in asked or value != _shown_default(asked[name])
        }
        language = "" if {"language", "output_language"} & {*asked} else about.language
        try:
            request = resolve(known, Request("", language=language, named=named), now)
        except BadInputs as error:
            if all(each.fault in _FIELD_FAULTS and each.name in asked for each in error.problems):
                return FieldErrors(starting.field_errors(error))
            return starting.inputs_refused(error, known, now, typed)
        return self._execute(request, about, typed, by=sent.by, delivery=sent.delivery)

    # --- both -----------------------------------------------------------------------------------

    def _execute(
        self, request: Request, about: ids.StartView, typed: str, *, by: Person, delivery: str
    ) -> str | None:
        """Start the crew, or return why that is not possible in this channel."""
        problem = self._channel_problem(about.channel, typed)
        if problem is None:
            self._state.start_execution(
                definition=self._crews[about.crew],
                request=request,
                requester=self._people.for_start(by, channel=about.channel),
                channel=about.channel,
                checkpoints=about.checkpoints,
                delivery=delivery,
            )
        return problem

    def _channel_problem(self, channel_id: str, typed: str) -> str | None:
        """Why no thread can be opened here; None if it can, or if Slack does not answer."""
        channel = self._people.channel_info(channel_id)
        if channel is None:
            return None
        if channel.direct:
            return starting.not_here(typed)
        if channel.archived:
            return starting.archived(typed)
        if not channel.joined:
            bot = self._people.bot()
            return starting.invite_first(bot.name if bot is not None else "Countersign", typed)
        return None


def as_typed(sent: StartSubmission) -> str:
    """The text of a command that says what the form said."""
    about = sent.view
    language = "" if "language" in sent.values else about.language
    return starting.as_typed(
        about.crew, sent.values, checkpoints=about.checkpoints, language=language
    )


def _shown_default(crew_input: CrewInput) -> str:
    return start_form.shown(crew_input, crew_input.default).strip()


def _known(crew: CrewDefinition, report: CrewReport | None) -> CrewInputs:
    return known_inputs(crew, None if report is None else report.examination)


def _input_pairs(command: grammar.Start, known: CrewInputs) -> dict[grammar.Pair, str]:
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


def _mistyped_pair(
    command: grammar.Start, pairs: Mapping[grammar.Pair, str], known: CrewInputs
) -> tuple[str, str] | None:
    """A pair whose name is close to that of an input, and that input's name."""
    names = [each.name for each in known.inputs]
    for pair in command.pairs:
        meant = [] if pair in pairs else get_close_matches(pair.name, names, n=1, cutoff=0.75)
        if meant:
            return pair.name, meant[0]
    return None


def _filled(
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
