"""Starting a crew, by a command or by the form that asks for its inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from slack_sdk.models.views import View

from bot.slack import ids
from bot.slack.actions.crew_names import find_crew
from bot.slack.actions.forms import FieldErrors
from bot.slack.actions.start_forms import StartForms
from bot.slack.actions.start_inputs import (
    input_pairs,
    known_of,
    mistyped_pair,
    prefill,
    shown_default,
)
from bot.slack.inbound import grammar
from bot.slack.inbound.parse import CommandCall, Person, Place
from bot.slack.inbound.place_payloads import Shortcut
from bot.slack.inbound.start_payloads import CrewChoice, StartSubmission
from bot.slack.people.actors import People, names_only_groups
from bot.slack.render import start_form, starting
from bot.slack.render.answers import Answer
from storage.crew_inputs import REQUEST, CrewInputs, open_inputs
from storage.definitions import CrewDefinition
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


@dataclass(frozen=True, slots=True)
class ReplacedForm:
    """The form that takes the place of the one that was submitted."""

    form: View


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
        self._forms = StartForms(reads=reads, people=people, crews=crews, clock=clock)

    def help(self, command: grammar.CrewHelp) -> str:
        crew = find_crew(self._crews, command.crew)
        if crew is None:
            return starting.unknown_crew(command.crew, self._crews, command.typed)
        report = self._reads.crew_reports().get(crew.name)
        words = starting.crew_help(known_of(crew, report), report, self._clock.now())
        return starting.with_paste(words, command.typed) if command.has_request else words

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
        if call.place.is_direct:
            return starting.not_here(command.typed)
        known = known_of(crew, report)
        pairs = input_pairs(command, known)
        mistyped = mistyped_pair(command, pairs, known)
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
        filled, taker = prefill(asked, request)
        if not start_form.fits(filled, about) or (request.text and taker is None):
            return refusal
        note = starting.form_note(error, request.text, taker)
        form = start_form.form(known.definition, asked, filled, about=about, note=note)
        return OpenForm(form, Answer(refusal))

    # --- by the form ----------------------------------------------------------------------------

    def open_form(self, place: Place, by: Person, *, words: str = "") -> str | OpenForm:
        """The form for any crew, with `words` as the request, or why there is none."""
        form = self._forms.open(place, by, words=words)
        if form is None:
            return starting.NO_CREWS
        return OpenForm(form, Answer(starting.form_not_opened(words)))

    def open_form_on(self, used: Shortcut) -> str | OpenForm:
        """The form with the words of the message on which the shortcut was used."""
        return self.open_form(used.place, used.by, words=self._people.words_alone(used.written))

    def choose_crew(self, choice: CrewChoice) -> View | None:
        """The form for another crew, with what was entered so far; None for an unknown crew."""
        return self._forms.change(choice.sent)

    def submit(  # noqa: PLR0911 one for each problem
        self, sent: StartSubmission
    ) -> str | FieldErrors | ReplacedForm | None:
        """Start the crew with what the form says, or return what is wrong."""
        about, typed = sent.view, as_typed(sent)
        if sent.shown_crew != about.crew:
            # The form was sent before it showed the fields of the crew that was chosen.
            form = self._forms.change(sent)
            return starting.NO_CREWS if form is None else ReplacedForm(form)
        crew = self._crews.get(about.crew)
        if crew is None:
            return starting.unknown_crew(about.crew, self._crews, typed)
        report = self._reads.crew_reports().get(crew.name)
        if report is not None and report.problem:
            return starting.cannot_be_built(crew, report, typed)
        if sent.left_out:
            stops = [c.name for n, c in enumerate(crew.checkpoints) if n not in sent.left_out]
            about = replace(about, checkpoints=tuple(stops))
        known, now = known_of(crew, report), self._clock.now()
        asked = {each.name: each for each in open_inputs(known, now)}
        named = {
            name: value
            for name, value in sent.values.items()
            if name not in asked or value != shown_default(asked[name])
        }
        language = "" if {"language", "output_language"} & {*asked} else about.language
        try:
            request = resolve(known, Request("", language=language, named=named), now)
        except BadInputs as error:
            if all(each.fault in _FIELD_FAULTS and each.name in asked for each in error.problems):
                return FieldErrors(starting.field_errors(error))
            return starting.inputs_refused(error, known, now, typed)
        if sent.asks_place:
            problem = self._channel_problem(about.channel, typed)
            if problem is not None:
                return FieldErrors({ids.PLACE_BLOCK: starting.NOT_IN_THIS_CHANNEL})
        return self._execute(request, about, typed, by=sent.by, delivery=sent.delivery)

    # --- both -----------------------------------------------------------------------------------

    def _execute(
        self, request: Request, about: ids.StartView, typed: str, *, by: Person, delivery: str
    ) -> str | None:
        """Start the crew, or return why that is not possible in this channel."""
        problem = self._channel_problem(about.channel, typed) or self._groups_problem(about, typed)
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
        if not channel.joined and not (channel.public and self._people.join(channel_id)):
            bot = self._people.bot()
            return starting.invite_first(bot.name if bot is not None else "Countersign", typed)
        return None

    def _groups_problem(self, about: ids.StartView, typed: str) -> str | None:
        """Why nobody could decide: only user groups may, and the workspace has none."""
        if self._people.has_groups():
            return None
        crew = self._crews[about.crew]
        stops = [
            checkpoint
            for checkpoint in crew.checkpoints
            if about.checkpoints is None or checkpoint.name in about.checkpoints
        ]
        own = [] if crew.rule is None else [crew.rule]
        if any(map(names_only_groups, [checkpoint.rule for checkpoint in stops] or own)):
            return starting.no_user_groups(crew, typed)
        return None


def as_typed(sent: StartSubmission) -> str:
    """The text of a command that says what the form said."""
    about = sent.view
    language = "" if "language" in sent.values else about.language
    return starting.as_typed(
        about.crew, sent.values, checkpoints=about.checkpoints, language=language
    )
