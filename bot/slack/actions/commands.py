"""What `/crew …` does. Each command returns an answer to the person who typed it, or None if the
channel itself shows the result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import assert_never

from bot.slack.actions.board import BoardLinks
from bot.slack.actions.checkpoints import CheckpointActions
from bot.slack.actions.home import Homes
from bot.slack.actions.lessons import Lessons
from bot.slack.actions.starts import START_WORDS, OpenForm, Starts
from bot.slack.inbound import grammar
from bot.slack.inbound.mrkdwn import as_typed
from bot.slack.inbound.parse import CommandCall
from bot.slack.people.actors import People
from bot.slack.render import answers, starting
from bot.slack.render.answers import Answer
from bot.slack.render.root import Progress
from storage.crew_inputs import known_inputs
from storage.definitions import RESERVED_NAMES, CrewDefinition
from storage.errors import UnknownExecution
from storage.ports import Clock
from storage.reads import Reads
from storage.records import Execution
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
        reads: Reads,
        people: People,
        actions: CheckpointActions,
        lessons: Lessons,
        starts: Starts,
        crews: Mapping[str, CrewDefinition],
        clock: Clock,
        board: BoardLinks | None = None,
    ) -> None:
        self._reads = reads
        self._people = people
        self._actions = actions
        self._lessons = lessons
        self._starts = starts
        self._homes = Homes(reads=reads, people=people)
        self._crews = crews
        self._clock = clock
        self._board = board

    def run(self, call: CommandCall) -> str | Answer | OpenForm | None:  # noqa: PLR0911, PLR0912 an arm for each
        """Run the command; returns the answer to the person who typed it, if there is one."""
        call = replace(call, text=self._without_start_word(call.text))
        command = grammar.parse(call.text)
        match command:
            case grammar.Help():
                return self.help()
            case grammar.CrewHelp():
                return self._starts.help(command)
            case grammar.StartForm():
                return self._starts.open_form(call.place, call.by)
            case grammar.Inbox():
                return self._homes.inbox(call.by)
            case grammar.Board():
                return answers.NO_BOARD if self._board is None else self._board.answer(call.by)
            case grammar.ListCrews():
                reports = self._reads.crew_reports()
                return answers.crew_list(self._crews, reports, self._clock.now())
            case grammar.Status():
                return self._status(command.execution, call)
            case grammar.Cancel(execution=execution_id):
                return answers.cancelled(self._actions.cancel(execution_id, call.by))
            case grammar.Retry(execution=execution_id):
                return answers.retried(self._actions.retry(execution_id, call.by))
            case grammar.Lessons(crew=crew):
                return self._lessons.list_lessons(crew, as_typed(call.text))
            case grammar.InvalidCommand():
                return self._invalid(command)
            case grammar.Start():
                return self._starts.start(command, call)
            case _:
                assert_never(command)

    def help(self) -> str:
        reports = self._reads.crew_reports()
        crew = next(iter(self._crews.values()), None)
        if crew is None:
            return answers.help_text("/crew NAME your request")
        report = reports.get(crew.name)
        known = known_inputs(crew, None if report is None else report.examination)
        return answers.help_text(starting.example(known, self._clock.now()))

    def _without_start_word(self, text: str) -> str:
        """`start NAME …` as `NAME …`, unless a crew is named so; `start` alone is no text."""
        word, rest = grammar.split(text)
        is_word = word in START_WORDS and not self._starts.is_crew(word)
        return rest if is_word else text

    def _invalid(self, invalid: grammar.InvalidCommand) -> str:
        is_known = self._starts.is_crew(invalid.command) or invalid.command in RESERVED_NAMES
        if not is_known:
            return starting.unknown_crew(invalid.command, self._crews, invalid.typed)
        return starting.invalid_command(invalid.command, invalid.problem, invalid.typed)

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
