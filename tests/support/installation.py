"""An installation that was used: executions in every state, and their rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

from sqlalchemy import Engine

from storage.decisions import Decision, Reply
from storage.definitions import CrewDefinition, CrewReport
from storage.kept_files import KeptFile
from storage.outbox.outbox import Outbox
from storage.ports import NoDispatch, NoSignal
from storage.reads import Reads
from storage.records import Action, Checkpoint, Execution, Failure
from storage.state_manager import StateManager
from storage.states import ExecutionState
from tests.support.factories import ANA, BEN, NOON, SettableClock, asking, crew, output

PLAN = replace(crew(), lessons=True)
PROJECT = "/srv/plan"
FILES = (KeptFile("pläne/plan.md", b"# Plan"), KeptFile("plan.bin", bytes(range(256)), 0o755))
UMLAUTS = "Für Zoë: 5 € – “ja”, 日本語 🚲 \\u0000 \\n"


class Installation:
    """Acts as people and a worker, all of it in the past."""

    def __init__(self, engine: Engine, definition: CrewDefinition = PLAN) -> None:
        self._definition = definition
        self.clock = SettableClock()
        self.state = StateManager(
            engine, clock=self.clock, dispatch=NoDispatch(), signal=NoSignal()
        )
        self.reads = Reads(engine)
        self.outbox = Outbox(engine, self.clock)
        self._posts = 0

    def live(self, *, times: int = 1) -> dict[ExecutionState, Execution]:
        """Create executions in all states; return the last one of each."""
        executions = {}
        for _ in range(times):
            executions = {
                ExecutionState.COMPLETED: self._completed(),
                ExecutionState.STOPPED: self._stopped(),
                ExecutionState.ERROR: self._failed(),
                ExecutionState.CANCELLED: self._cancelled(),
                ExecutionState.WAITING_FEEDBACK: self._waiting(),
                ExecutionState.RUNNING: self._running(),
                ExecutionState.PENDING: self._start(),
            }
            self.clock.move(timedelta(minutes=7, microseconds=1))
        report = CrewReport("plan", None, ("planning", "analysis"), NOON)
        self.state.report_crew(report)
        now = {state: self.reads.execution(one.id) for state, one in executions.items()}
        assert all(one.state is state for state, one in now.items())
        return now

    def begin(self) -> Execution:
        """Start an execution and run it to its first checkpoint."""
        run = self._start()
        return self.work(run)

    def waiting(self, execution: Execution) -> Checkpoint:
        checkpoint = self.reads.waiting_checkpoint(execution.id)
        assert checkpoint is not None
        return checkpoint

    def work(
        self, execution: Execution, text: str = UMLAUTS, *, files: Sequence[KeptFile] = ()
    ) -> Execution:
        claim = self.state.claim("host/1/1.00", self.reads.phase_runs(execution.id)[-1].id)
        assert claim is not None, "no phase run was due"
        done = self.state.phase_done(
            claim, output(text, tasks=[f"{claim.run.phase}_task"]), files=files
        )
        self.deliver()
        return done

    def decide(self, execution: Execution, action: Action, text: str = "") -> None:
        self.state.decide(Decision(self.waiting(execution).id, action, BEN, text))

    def deliver(self) -> None:
        for row in self.outbox.take(owner="host/1/1.00#0"):
            self._posts += 1
            posted = row
            if row.ts is None:
                posted = self.outbox.posted(
                    self.outbox.sending(row),
                    channel=row.channel,
                    ts=f"{self._posts}.000200",
                    shown=row.version,
                )
            self.outbox.shown(posted, row.version)

    def _start(self, *, project: str | None = None) -> Execution:
        self._posts += 1
        started = self.state.start_execution(
            definition=replace(self._definition, project=project),
            request=asking(UMLAUTS),
            requester=ANA,
            channel="CCAMPAIGNS",
            delivery=f"start-{uuid4()}",
        )
        self.deliver()
        return started

    def _completed(self) -> Execution:
        run = self._start(project=PROJECT)
        self.work(run)
        revised = self.waiting(run)
        self.decide(run, Action.REVISE, "name the prices")
        self.state.add_lesson(revised.id, actor=BEN)
        for action in (Action.CONTINUE, Action.SKIP):
            self.work(run, files=FILES)
            self.decide(run, action)
        done = self.work(run)
        for publication in self.reads.publications_due(PROJECT):
            self.state.record_published(publication, files=len(FILES))
        return done

    def _stopped(self) -> Execution:
        run = self._start()
        self.work(run)
        self.decide(run, Action.STOP)
        return run

    def _failed(self) -> Execution:
        run = self._start()
        claim = self.state.claim("host/1/1.00", self.reads.phase_runs(run.id)[-1].id)
        assert claim is not None
        return self.state.fail(claim, Failure("the model has gone away", retryable=False))

    def _cancelled(self) -> Execution:
        run = self._start()
        return self.state.cancel(run.id, actor=ANA)

    def _waiting(self) -> Execution:
        run = self._start()
        self.work(run)
        checkpoint = self.waiting(run)
        self.state.intend_revise(checkpoint.id, actor=BEN)
        thread = self.reads.execution(run.id).thread_ts
        assert thread is not None
        talk = Reply("CCAMPAIGNS", thread, f"{self._posts}.5", "hm", ANA, mentions_bot=False)
        self.state.reply(talk)
        return run

    def _running(self) -> Execution:
        """Its worker was killed: the lease expired long ago."""
        run = self._start()
        claim = self.state.claim("host/1/1.00", self.reads.phase_runs(run.id)[-1].id)
        assert claim is not None
        self.state.progress(claim, {"task": "planning_task", "said": UMLAUTS})
        return run
