"""The stage that the tests of Slack play on: the real bot, with the test as its only worker."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import Connection, select

from bot.slack.actions.commands import OPEN
from bot.slack.app import SlackConfig, SlackFront
from bot.slack.outbound.delivery import DeliveryTiming
from storage.db.tables import outbox
from storage.definitions import CrewDefinition, Limits, OnTimeout
from storage.outbox.outbox import Outbox
from storage.ports import NoDispatch
from storage.reads import Reads
from storage.records import (
    Actor,
    ActorKind,
    Checkpoint,
    Claim,
    Execution,
    Failure,
    OutboxState,
    PhaseOutput,
    Question,
)
from storage.state_manager import StateManager
from tests.support.factories import crew, output, rule
from tests.support.message_snapshot import MessageSnapshot
from tests.support.schema import upgraded
from tests.support.workspace import ANA, BEN, BOT, REVIEWERS, Mode, Workspace


class MovableClock:
    """The system's time, and what a test adds to it."""

    def __init__(self) -> None:
        self._ahead = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def at(self, _connection: Connection) -> datetime:
        return self.now()

    def question(self, _connection: Connection) -> None:
        return None

    def move(self, by: timedelta) -> None:
        self._ahead += by


class DeferredSignal:
    """Wakes the front, which is made after what it listens to."""

    def __init__(self) -> None:
        self.front: SlackFront | None = None

    def outbox_changed(self) -> None:
        if self.front is not None:
            self.front.outbox_changed()


BRISK = DeliveryTiming(
    posts_per_second=50,
    root_pause=timedelta(milliseconds=50),
    settle=timedelta(milliseconds=300),
    look_again=timedelta(milliseconds=500),
)
"""The practice workspace has no limits unless a test sets them."""

OPERATOR = Actor(ActorKind.SYSTEM, "tests", "tests")


def default_crews() -> dict[str, CrewDefinition]:
    """`plan` is decided by the channel, `guarded` by Ben, `eyes` by all but its requester,
    `group` by the reviewers. `flow` and `hasty` describe themselves, and of the latter
    a deadline continues; `learner` keeps lessons, `bounded` has limits."""
    return {
        "plan": crew(),
        "guarded": crew(name="guarded", decided_by=rule(BEN)),
        "eyes": crew(name="eyes", decided_by=rule("@channel", except_requester=True)),
        "group": crew(name="group", decided_by=rule(REVIEWERS)),
        "flow": crew(name="flow", phases=(), after=()),
        "hasty": crew(
            name="hasty", phases=(), after=(), decided_by=rule(on_timeout=OnTimeout.CONTINUE)
        ),
        "learner": replace(crew(name="learner"), lessons=True),
        "bounded": replace(crew(name="bounded"), limits=Limits(revisions=1, at_once=1)),
    }


class Stage:
    """Opens the database and the front; `restart` is a crash and a new start."""

    def __init__(
        self,
        workspace: Workspace,
        database: Path | str,
        *,
        crews: Mapping[str, CrewDefinition] | None = None,
        tempo: DeliveryTiming = BRISK,
        mode: Mode = "socket",
    ) -> None:
        self.workspace = workspace
        self.crews = crews if crews is not None else default_crews()
        self.clock = MovableClock()
        url = database if isinstance(database, str) else f"sqlite:///{database}"
        self.engine = upgraded(url)
        self._signal = DeferredSignal()
        self.reads = Reads(self.engine)
        self.outbox = Outbox(self.engine, self.clock)
        self.state = StateManager(
            self.engine, clock=self.clock, dispatch=NoDispatch(), signal=self._signal
        )
        self.tempo = tempo
        self._mode: Mode = mode
        self._stack = ExitStack()
        self.front = self._front()

    def _front(self) -> SlackFront:
        env = self.workspace.env(self._mode)
        front = SlackFront(
            config=SlackConfig(
                bot_token=env["SLACK_BOT_TOKEN"],
                signing_secret=env["SLACK_SIGNING_SECRET"],
                app_token=env.get("SLACK_APP_TOKEN"),
                api_url=env["SLACK_API_URL"],
            ),
            state=self.state,
            reads=self.reads,
            outbox=self.outbox,
            crews=self.crews,
            clock=self.clock,
            tempo=self.tempo,
        )
        self._signal.front = front
        return front

    def __enter__(self) -> Self:
        self.front.start()
        if self._mode == "socket":
            self.workspace.wait_until_connected()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.front.stop(timedelta(seconds=3))
        self._stack.close()
        self.engine.dispose()

    def restart(self, *, before_start: Callable[[], None] | None = None) -> None:
        """Another process takes over: nothing that this one remembered is known to it."""
        self.front.stop(timedelta(seconds=3))
        transport = self.workspace.practice.deliveries.transport
        self.workspace.wait_for(lambda: not transport.connected, what="the old one to be gone")
        if before_start is not None:
            before_start()
        self.front = self._front()
        self.front.start()
        self.workspace.wait_until_connected()

    def tidy(self) -> None:
        """End what earlier tests left: runs, forms, and what single people were told."""
        for execution in self.reads.executions(states=OPEN, limit=100):
            self.state.cancel(execution.id, actor=OPERATOR)
        self.workspace.wait_for(lambda: not self.outbox.next_due(), what="delivery to end")
        self.workspace.call(self._forget_what_was_said)

    def _forget_what_was_said(self) -> None:
        practice = self.workspace.practice
        practice.workspace.ephemerals.clear()
        for user in practice.workspace.users:
            practice.views.close_all(user)

    # -- the run -------------------------------------------------------------------------

    def start(
        self, text: str = "plan a summer campaign", *, by: str = ANA, in_: str = "campaigns"
    ) -> Execution:
        """Type the command, and wait until the thread is there."""
        before = {execution.id for execution in self.reads.executions()}
        answer = self.workspace.command(text, by=by, in_=in_)
        assert answer.ok, answer
        started = [e for e in self.reads.executions() if e.id not in before]
        assert len(started) == 1, self.workspace.ephemeral(by)
        execution_id = started[0].id
        self.workspace.wait_for(
            lambda: self.reads.execution(execution_id).thread_ts is not None, what="the thread"
        )
        return self.reads.execution(execution_id)

    def root(self, execution: Execution) -> MessageSnapshot:
        execution = self.reads.execution(execution.id)
        roots = [m for m in self.workspace.threads() if m.ts == execution.thread_ts]
        assert roots, self.workspace.transcript()
        return roots[0]

    def is_sending(self, execution: Execution) -> bool:
        """Whether a post of this run was begun and has not ended."""
        with self.engine.connect() as connection:
            sending = connection.execute(
                select(outbox.c.seq).where(
                    outbox.c.execution_id == execution.id, outbox.c.state == OutboxState.SENDING
                )
            )
            return sending.first() is not None

    def claim(self) -> Claim:
        claim = self.state.claim("test worker")
        assert claim is not None, "nothing to claim"
        return claim

    def work(
        self, text: str | PhaseOutput = "# A plan\n\nRide more.", *, tasks: Sequence[str] = ()
    ) -> Execution:
        """Run the next phase: it gives `text`."""
        given = output(text, tasks=tasks) if isinstance(text, str) else text
        return self.state.phase_done(self.claim(), given)

    def pause(self, output: PhaseOutput) -> Execution:
        """Run a flow until its next gate, where `output.pause` says how it stands still."""
        claim = self.claim()
        if not claim.execution.phases:
            claim = self.state.record_phases(claim, ["start"])
        return self.state.phase_done(claim, output)

    def ask(self, question: Question) -> Claim:
        """Run the next phase until its crew asks; the phase goes on once it is answered."""
        claim = self.claim()
        self.state.ask(claim, question)
        return claim

    def break_down(self, message: str) -> Execution:
        """Run the next phase: it fails for good."""
        return self.state.fail(self.claim(), Failure(message, retryable=False))

    # -- what is shown --------------------------------------------------------------------

    def waiting(self, execution: Execution) -> Checkpoint:
        checkpoint = self.reads.waiting_checkpoint(execution.id)
        assert checkpoint is not None, "no checkpoint waits"
        return checkpoint

    def armed(self, execution: Execution, *, timeout: float = 10.0) -> MessageSnapshot:
        """The message of the waiting checkpoint, once it can be acted on."""
        checkpoint = self.waiting(execution)

        def found() -> MessageSnapshot | None:
            for message in self.everywhere():
                if any(b.value == checkpoint.id for b in message.buttons):
                    return message
            return None

        return self.workspace.wait_for(found, timeout, what="a checkpoint with buttons")

    def about(self, execution: Execution) -> list[MessageSnapshot]:
        """Messages that show the checkpoint at which this run waits."""
        checkpoint = self.waiting(execution)
        return [m for m in self.everywhere() if checkpoint.id in str(m.metadata)]

    def everywhere(self) -> list[MessageSnapshot]:
        """Every message that the bot posted and that still stands, oldest first."""
        state = self.workspace.practice.workspace
        return self.workspace.call(
            lambda: [
                MessageSnapshot.of(message)
                for channel in state.messages.values()
                for message in channel.values()
                if message.user == BOT and message.subtype is None
            ]
        )

    def wait_until_read(
        self, message: MessageSnapshot, words: str, *, timeout: float = 10.0
    ) -> MessageSnapshot:
        """Wait until this message says so."""
        self.workspace.wait_for(
            lambda: words in self.workspace.again(message).everything,
            timeout,
            what=f"“{words}” in the message",
        )
        return self.workspace.again(message)

    def told(self, user: str, words: str, *, timeout: float = 5.0) -> str:
        """Wait until this person alone is told so; all of what they were told then."""

        def found() -> str | None:
            for message in reversed(self.workspace.ephemerals(user)):
                if words in message.everything:
                    return message.everything
            return None

        return self.workspace.wait_for(found, timeout, what=f"{user} to be told “{words}”")

    def decided_by(self, execution: Execution) -> list[Actor]:
        checkpoints = self.reads.checkpoints(execution.id)
        return [c.feedback.actor for c in checkpoints if c.feedback is not None]
