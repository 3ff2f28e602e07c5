"""What `/crew …` does. Each command ends in words for the one who typed it, or in silence
where the channel shows the answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from bot.slack.actions.checkpoints import CheckpointActions
from bot.slack.actions.lessons import Lessons
from bot.slack.inbound import grammar
from bot.slack.inbound.parse import CommandCall
from bot.slack.people.actors import People
from bot.slack.render import answers
from bot.slack.render.answers import Answer
from bot.slack.render.root import Progress
from storage.definitions import RESERVED_NAMES, CrewDefinition
from storage.errors import UnknownExecution
from storage.reads import Reads
from storage.records import Execution, Request
from storage.state_manager import StateManager
from storage.states import ExecutionState

OPEN = frozenset(
    {
        ExecutionState.PENDING,
        ExecutionState.RUNNING,
        ExecutionState.WAITING_FEEDBACK,
        ExecutionState.ERROR,
    }
)
"""What `/crew status` lists: all that somebody can still do something about."""


class Commands:
    """The slash command. Errors are those of the use cases."""

    def __init__(
        self,
        *,
        state: StateManager,
        reads: Reads,
        people: People,
        desk: CheckpointActions,
        lessons: Lessons,
        crews: Mapping[str, CrewDefinition],
    ) -> None:
        self._state = state
        self._reads = reads
        self._people = people
        self._desk = desk
        self._lessons = lessons
        self._crews = crews

    def run(self, call: CommandCall) -> str | Answer | None:  # noqa: PLR0911 an arm for each
        """Carry the command out; the answer for the one who typed it."""
        command = grammar.read(call.text)
        match command:
            case grammar.Help():
                return answers.usage(self._crews)
            case grammar.ListCrews():
                return answers.crews_listed(self._crews, self._reads.crew_reports())
            case grammar.Status():
                return self._status(command.execution, call)
            case grammar.Cancel(execution=execution_id):
                return answers.cancelled(self._desk.cancel(execution_id, call.by))
            case grammar.Retry(execution=execution_id):
                return answers.retried(self._desk.retry(execution_id, call.by))
            case grammar.Lessons(crew=crew):
                return self._lessons.listed(crew)
            case grammar.Misused():
                return self._misused(command)
            case grammar.Start():
                return self._start(command, call)
            case _:
                assert_never(command)

    def _start(self, start: grammar.Start, call: CommandCall) -> str | None:
        crew = self._crews.get(start.crew)
        if crew is None:
            return answers.unknown_crew(start.crew, self._crews)
        if not start.request:
            return answers.request_missing(crew)
        report = self._reads.crew_reports().get(crew.name)
        if report is not None and report.problem:
            return answers.cannot_be_built(crew, report)
        refused = self._place_refused(start, call)
        if refused is not None:
            return refused
        self._state.start_execution(
            definition=crew,
            request=Request(
                user_input=start.request, message=start.request, language=start.language
            ),
            requester=self._people.starting(call.by, channel=call.channel),
            channel=call.channel,
            checkpoints=start.checkpoints,
            delivery=call.delivery,
        )
        return None

    def _place_refused(self, start: grammar.Start, call: CommandCall) -> str | None:
        """Words where the thread could not be opened; a place that Slack does not tell passes."""
        if call.channel.startswith("D"):
            return answers.not_here(start.typed)
        place = self._people.place(call.channel)
        if place is None:
            return None
        if place.direct:
            return answers.not_here(start.typed)
        if place.archived:
            return answers.archived(start.typed)
        if not place.joined:
            bot = self._people.bot()
            return answers.invite_first(bot.name if bot is not None else "Countersign", start.typed)
        return None

    def _misused(self, misused: grammar.Misused) -> str:
        known = misused.command in self._crews or misused.command in RESERVED_NAMES
        if not known:
            return answers.unknown_crew(misused.command, self._crews)
        return answers.misused(misused.command, misused.problem)

    def _status(self, execution_id: str | None, call: CommandCall) -> str:
        if execution_id is not None:
            return self._status_of(execution_id, call)
        executions = self._reads.executions(channel=call.channel, states=OPEN, limit=10)
        return answers.runs(executions, {e.id: self._progress(e) for e in executions})

    def _status_of(self, execution_id: str, call: CommandCall) -> str:
        """Runs of other channels are shown only to their people."""
        execution = self._reads.execution(execution_id)
        if execution.channel != call.channel and execution.requester.id != call.by.id:
            actor = self._people.managing(call.by, execution=execution)
            if not actor.channel_member:
                raise UnknownExecution(execution_id)
        return answers.run(execution, self._progress(execution))

    def _progress(self, execution: Execution) -> Progress:
        return Progress(
            runs=self._reads.phase_runs(execution.id),
            checkpoints=self._reads.checkpoints(execution.id),
        )
