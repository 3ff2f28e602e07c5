"""What people do about lessons: keep a revision as one, list them, delete them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from bot.slack.actions.crew_names import find_crew
from bot.slack.inbound.parse import Click
from bot.slack.people.actors import People
from bot.slack.render import lessons as render
from bot.slack.render import starting
from bot.slack.render.answers import Answer
from storage.definitions import CrewDefinition
from storage.errors import UnknownLesson
from storage.reads import Reads
from storage.records import Lesson
from storage.state_manager import StateManager

RUNS_CHECKED: Final = 200


class Lessons:
    """The buttons and the command of lessons. Raises the errors of the use cases."""

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
        """Keep a revision's words as a lesson for later runs."""
        checkpoint = self._reads.checkpoint(click.value)
        actor = self._people.for_checkpoint(click.by, checkpoint=checkpoint)
        return render.kept(self._state.add_lesson(checkpoint.id, actor=actor))

    def list_lessons(self, name: str | None, typed: str) -> Answer | str:
        """The lessons of one crew, or of all crews that keep lessons."""
        if name is None:
            lessons = self._of(tuple(self._crews))
            return render.listed(lessons) if lessons else render.NO_CREW_LEARNS
        crew = find_crew(self._crews, name)
        if crew is None:
            return starting.unknown_crew(name, self._crews, typed)
        of_crew = self._of((crew.name,))
        return render.listed(of_crew) if of_crew else render.keeps_none(crew)

    def delete(self, click: Click) -> Answer:
        """Allowed to people who may decide, in a channel in which the crew has runs."""
        lesson = self._lesson(click.value)
        if not self._works_in(lesson.crew, click.channel):
            return render.listed(self._of((lesson.crew,)), lead=render.not_here(lesson))
        actor = self._people.for_start(click.by, channel=click.channel)
        deleted = self._state.delete_lesson(lesson.id, actor=actor)
        return render.listed(self._of((lesson.crew,)), lead=render.deleted(deleted))

    def _of(self, names: Sequence[str]) -> dict[str, tuple[Lesson, ...]]:
        """Lessons by crew: of crews that keep lessons, and of those that still have some."""
        by_crew = {name: self._reads.lessons(name) for name in names}
        return {
            name: lessons
            for name, lessons in by_crew.items()
            if lessons or self._keeps_lessons(name)
        }

    def _keeps_lessons(self, name: str) -> bool:
        return name in self._crews and self._crews[name].lessons

    def _lesson(self, lesson_id: str) -> Lesson:
        for crew in self._crews:
            for lesson in self._reads.lessons(crew):
                if lesson.id == lesson_id:
                    return lesson
        raise UnknownLesson(lesson_id)

    def _works_in(self, crew: str, channel: str) -> bool:
        """Whether the crew has runs in this channel, whose members may then decide."""
        runs = self._reads.executions(channel=channel, limit=RUNS_CHECKED)
        return any(execution.crew == crew for execution in runs)
