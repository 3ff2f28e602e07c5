"""What people do about lessons: keep a revision as one, list them, delete them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from bot.slack.inbound.parse import Click
from bot.slack.people.actors import People
from bot.slack.render import answers
from bot.slack.render import lessons as shown
from bot.slack.render.answers import Answer
from storage.definitions import CrewDefinition
from storage.errors import UnknownLesson
from storage.reads import Reads
from storage.records import Lesson
from storage.state_manager import StateManager

RUNS_LOOKED_AT: Final = 200


class Lessons:
    """Errors are those of the use cases."""

    def __init__(
        self,
        *,
        state: StateManager,
        reads: Reads,
        people: People,
        crews: Mapping[str, CrewDefinition],
    ) -> None:
        self._state = state
        self._reads = reads
        self._people = people
        self._crews = crews

    def keep(self, click: Click) -> str:
        """A revision's words hold from now on."""
        checkpoint = self._reads.checkpoint(click.value)
        actor = self._people.judging(click.by, checkpoint=checkpoint)
        return shown.kept(self._state.add_lesson(checkpoint.id, actor=actor))

    def listed(self, name: str | None) -> Answer | str:
        """Those of one crew, or of all that learn."""
        if name is None:
            learning = self._of(tuple(self._crews))
            return shown.listed(learning) if learning else shown.NO_CREW_LEARNS
        crew = self._crews.get(name)
        if crew is None:
            return answers.unknown_crew(name, self._crews)
        of_crew = self._of((name,))
        return shown.listed(of_crew) if of_crew else shown.keeps_none(crew)

    def delete(self, click: Click) -> Answer:
        """By somebody who may decide, as a member of a channel in which the crew works."""
        lesson = self._lesson(click.value)
        if not self._works_in(lesson.crew, click.channel):
            return shown.listed(self._of((lesson.crew,)), lead=shown.not_here(lesson))
        actor = self._people.starting(click.by, channel=click.channel)
        gone = self._state.delete_lesson(lesson.id, actor=actor)
        return shown.listed(self._of((lesson.crew,)), lead=shown.deleted(gone))

    def _of(self, names: Sequence[str]) -> dict[str, tuple[Lesson, ...]]:
        """Of these crews, those that learn; and those that did, while something is left."""
        found = {name: self._reads.lessons(name) for name in names}
        return {name: lessons for name, lessons in found.items() if lessons or self._learns(name)}

    def _learns(self, name: str) -> bool:
        return name in self._crews and self._crews[name].lessons

    def _lesson(self, lesson_id: str) -> Lesson:
        for crew in self._crews:
            for lesson in self._reads.lessons(crew):
                if lesson.id == lesson_id:
                    return lesson
        raise UnknownLesson(lesson_id)

    def _works_in(self, crew: str, channel: str) -> bool:
        """Who may decide is a question of a channel's people; this is one that the crew has."""
        runs = self._reads.executions(channel=channel, limit=RUNS_LOOKED_AT)
        return any(execution.crew == crew for execution in runs)
