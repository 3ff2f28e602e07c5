"""What `/crew …` does. Each command returns an answer to the person who typed it, or None if the
channel itself shows the result."""

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
"""What `/crew status` lists: runs that people can still act on."""


class Commands:
    """The slash command. Raises the errors of the use cases."""

    def __init__(
        self,
        *,
        state: StateManager,
        reads: Reads,
        people: People,
        actions: CheckpointActions,
        lessons: Lessons,
        crews: Mapping[str, CrewDefinition],
    ) -> None:
        self._state = state
        self._reads = reads
        self._people = people
        self._actions = actions
        self._lessons = lessons
        self._crews = crews

    def run(self, call: CommandCall) -> str | Answer | None:  # noqa: PLR0911 an arm for each
        """Run the command; returns the answer to the person who typed it, if there is one."""
        command = grammar.parse(call.text)
        match command:
            case grammar.Help():
                return answers.help_text(self._crews)
            case grammar.ListCrews():
                return answers.crew_list(self._crews, self._reads.crew_reports())
            case grammar.Status():
                return self._status(command.execution, call)
            case grammar.Cancel(execution=execution_id):
                return answers.cancelled(self._actions.cancel(execution_id, call.by))
            case grammar.Retry(execution=execution_id):
                return answers.retried(self._actions.retry(execution_id, call.by))
            case grammar.Lessons(crew=crew):
                return self._lessons.list_lessons(crew)
            case grammar.InvalidCommand():
                return self._invalid(command)
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
        problem = self._channel_problem(start, call)
        if problem is not None:
            return problem
        self._state.start_execution(
            definition=crew,
            request=Request(
                user_input=start.request, message=start.request, language=start.language
            ),
            requester=self._people.for_start(call.by, channel=call.channel),
            channel=call.channel,
            checkpoints=start.checkpoints,
            delivery=call.delivery,
        )
        return None

    def _channel_problem(self, start: grammar.Start, call: CommandCall) -> str | None:
        """Why no thread can be opened here; None if it can, or if Slack does not answer."""
        if call.channel.startswith("D"):
            return answers.not_here(start.typed)
        channel = self._people.channel_info(call.channel)
        if channel is None:
            return None
        if channel.direct:
            return answers.not_here(start.typed)
        if channel.archived:
            return answers.archived(start.typed)
        if not channel.joined:
            bot = self._people.bot()
            return answers.invite_first(bot.name if bot is not None else "Countersign", start.typed)
        return None

    def _invalid(self, invalid: grammar.InvalidCommand) -> str:
        is_known = invalid.command in self._crews or invalid.command in RESERVED_NAMES
        if not is_known:
            return answers.unknown_crew(invalid.command, self._crews)
        return answers.invalid_command(invalid.command, invalid.problem)

    def _status(self, execution_id: str | None, call: CommandCall) -> str:
        if execution_id is not None:
            return self._status_of(execution_id, call)
        executions = self._reads.executions(channel=call.channel, states=OPEN, limit=10)
        return answers.run_list(executions, {e.id: self._progress(e) for e in executions})

    def _status_of(self, execution_id: str, call: CommandCall) -> str:
        """Runs of another channel are shown only to its members and to their requester."""
        execution = self._reads.execution(execution_id)
        if execution.channel != call.channel and execution.requester.id != call.by.id:
            actor = self._people.for_execution(call.by, execution=execution)
            if not actor.channel_member:
                raise UnknownExecution(execution_id)
        return answers.run_status(execution, self._progress(execution))

    def _progress(self, execution: Execution) -> Progress:
        return Progress(
            runs=self._reads.phase_runs(execution.id),
            checkpoints=self._reads.checkpoints(execution.id),
        )
