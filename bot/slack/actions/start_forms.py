"""The form that starts any crew: opened without a command, and changed by choosing a crew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from slack_sdk.models.views import View

from bot.slack import ids
from bot.slack.actions.start_inputs import known_of, prefill
from bot.slack.inbound.parse import Person, Place
from bot.slack.inbound.start_payloads import StartSubmission
from bot.slack.people.actors import People
from bot.slack.render import start_form, text
from storage.crew_inputs import THE_LANGUAGE, open_inputs
from storage.definitions import CheckpointDefinition, CrewDefinition, CrewInput
from storage.policy import may_decide
from storage.ports import Clock
from storage.reads import Reads
from storage.records import Request

_CLIPPED = "The message is longer than a field: this is its beginning."


class StartForms:
    def __init__(
        self,
        *,
        reads: Reads,
        people: People,
        crews: Mapping[str, CrewDefinition],
        clock: Clock,
    ) -> None:
        self._reads = reads
        self._people = people
        self._crews = crews
        self._clock = clock

    def open(self, place: Place, by: Person, *, words: str) -> View | None:
        """The form for the first crew that can be started; None if there is none."""
        crews = self._startable()
        if not crews:
            return None
        channel = "" if place.is_direct else place.channel
        about = ids.StartView(crews[0].name, channel, "", None)
        return self._form(crews[0], about, by, {}, words=words, asks_place=not channel)

    def change(self, sent: StartSubmission) -> View | None:
        """The form for what was chosen in it, with what was entered; None for an unknown crew."""
        crew, before = self._crews.get(sent.view.crew), self._crews.get(sent.shown_crew)
        if crew is None:
            return None
        values, words = dict(sent.values), ""
        if before is not None:
            _filled, taker = prefill(self._asked(before), Request("request"))
            words = "" if taker is None else values.pop(taker.name, "")
        about = replace(sent.view, checkpoints=None)
        same = crew.name == sent.shown_crew
        return self._form(
            crew,
            about,
            sent.by,
            values,
            words=words,
            asks_place=sent.asks_place,
            left_out=(sent.left_out or ()) if same else (),
        )

    def _startable(self) -> list[CrewDefinition]:
        reports = self._reads.crew_reports()
        return [
            crew
            for crew in self._crews.values()
            if start_form.choosable(crew)
            and (crew.name not in reports or not reports[crew.name].problem)
        ]

    def _asked(self, crew: CrewDefinition) -> tuple[CrewInput, ...]:
        report = self._reads.crew_reports().get(crew.name)
        return open_inputs(known_of(crew, report), self._clock.now())

    def _form(
        self,
        crew: CrewDefinition,
        about: ids.StartView,
        by: Person,
        values: Mapping[str, str],
        *,
        words: str,
        asks_place: bool,
        left_out: Sequence[int] = (),
    ) -> View:
        known = known_of(crew, self._reads.crew_reports().get(crew.name))
        asked = open_inputs(known, self._clock.now())
        request = text.shorten(words, start_form.TEXT_LIMIT)
        names = {each.name for each in asked}
        kept = {name: value for name, value in values.items() if name in names}
        filled, _taker = prefill(asked, Request(request, named=kept))
        return start_form.form(
            crew,
            asked,
            filled,
            about=about,
            note=_CLIPPED if request != words else "",
            choices=start_form.Choices(
                crews=self._startable(),
                place=asks_place,
                language=known.takes_any and not names & {*THE_LANGUAGE},
                left_out=self._may_leave_out(crew, about, by),
                chosen=left_out,
            ),
        )

    def _may_leave_out(
        self, crew: CrewDefinition, about: ids.StartView, by: Person
    ) -> Sequence[tuple[int, CheckpointDefinition]]:
        """Leaving a checkpoint out is a skip in advance: for those who may decide it."""
        if not crew.checkpoints:
            return ()
        actor = self._people.for_start(by, channel=about.channel or None)
        return [
            (number, checkpoint)
            for number, checkpoint in enumerate(crew.checkpoints)
            if may_decide(checkpoint.rule, actor=actor, requester=actor).allowed
        ]
