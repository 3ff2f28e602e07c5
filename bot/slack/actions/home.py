"""What waits for one person over all channels, for the Home tab and `/crew inbox`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from slack_sdk.models.views import View

from bot.slack.inbound.parse import Person
from bot.slack.people.actors import People
from bot.slack.render import home
from bot.slack.render.answers import Answer
from bot.slack.render.root import Progress
from storage.policy import may_decide, same_person
from storage.reads import Reads
from storage.records import Actor, ActorKind, Execution
from storage.states import ENDED
from storage.waiting_reads import Candidate, Entry

CANDIDATES: Final = 2000
"""The checkpoints, by deadline, among which those of a person are looked for."""

RECENT: Final = 200
"""The decisions, newest first, among which those of a person are looked for."""


RECENT_RUNS: Final = 50
"""The runs of a person, newest first, among which those that have not ended are looked for."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for somebody: the first entries, and how many there are beyond."""

    entries: tuple[Entry, ...]
    beyond: int


class Homes:
    """Reads and renders. Raises nothing but what reading the database raises."""

    def __init__(self, *, reads: Reads, people: People) -> None:
        self._reads = reads
        self._people = people

    def inbox(self, person: Person) -> Answer:
        waiting = self._waiting_for(person, first=home.INBOX_LINES)
        return home.inbox(waiting.entries, beyond=waiting.beyond)

    def view(self, person: Person) -> View:
        waiting = self._waiting_for(person, first=home.ENTRIES)
        requester = Actor(ActorKind.SLACK, person.id)
        runs = [
            home.ShownRun(
                execution,
                Progress(
                    runs=self._reads.phase_runs(execution.id),
                    checkpoints=self._reads.checkpoints(execution.id),
                ),
                permalink,
            )
            for execution, permalink in self._runs_of(requester)
        ]
        return home.home(
            waiting.entries, beyond=waiting.beyond, runs=runs, decided=self._decided_for(person)
        )

    def _runs_of(self, requester: Actor) -> list[tuple[Execution, str | None]]:
        """The runs that have not ended, then the others, the newest first."""
        runs = self._reads.runs_of(requester, limit=RECENT_RUNS)
        return sorted(runs, key=lambda run: run[0].state in ENDED)[: home.RUNS]

    def _waiting_for(self, person: Person, *, first: int) -> Waiting:
        own = self._decidable(person, self._reads.waiting(limit=CANDIDATES))
        shown = self._reads.entries([each.checkpoint_id for each in own[:first]])
        return Waiting(shown, beyond=max(0, len(own) - first))

    def _decided_for(self, person: Person) -> tuple[Entry, ...]:
        """What this person decided, or asked for, or might have decided."""
        candidates = self._reads.decided(limit=RECENT)
        somebody = Actor(ActorKind.SLACK, person.id)
        decidable = {each.checkpoint_id for each in self._decidable(person, candidates)}
        own = [
            each.checkpoint_id
            for each in candidates
            if each.checkpoint_id in decidable
            or same_person(each.requester, somebody)
            or (each.decided_by is not None and same_person(each.decided_by, somebody))
        ]
        return self._reads.entries(own[: home.DECIDED])

    def _decidable(self, person: Person, candidates: tuple[Candidate, ...]) -> list[Candidate]:
        actors = self._people.for_candidates(person, candidates)
        return [
            each
            for each, actor in zip(candidates, actors, strict=True)
            if may_decide(each.rule, actor=actor, requester=each.requester).allowed
        ]
