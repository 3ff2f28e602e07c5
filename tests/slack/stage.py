"""The bot as the Slack tests run it: the real front, with the test as its only worker."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from sqlalchemy import Connection, select

from bot.slack.actions.commands import OPEN
from bot.slack.app import SlackConfig, SlackFront
from bot.slack.ids import ActionId
from bot.slack.outbound.delivery import DeliveryTiming
from storage.db.tables import outbox
from storage.definitions import CrewDefinition, FormField, InputType, Limits, OnTimeout
from storage.messages import OutboxState
from storage.outbox.outbox import Outbox
from storage.outbox.rate_limits import RateLimit
from storage.ports import NoDispatch
from storage.reads import Reads
from storage.records import (
    Actor,
    ActorKind,
    Checkpoint,
    Claim,
    Execution,
    Failure,
    PhaseOutput,
    Question,
)
from storage.state_manager import StateManager
from storage.use_cases.decisions import MORE_WORDS_WITHIN
from tests.support.factories import crew, output, rule
from tests.support.message_snapshot import MessageSnapshot
from tests.support.schema import upgraded
from tests.support.workspace import ANA, BEN, BOT, REVIEWERS, Mode, Workspace


class MovableClock:
    """The system's time, plus what a test adds."""

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
    """Wakes the front, which is built later than the StateManager that signals it."""

    def __init__(self) -> None:
        self.front: SlackFront | None = None

    def events_committed(self) -> None:
        pass

    def outbox_changed(self) -> None:
        if self.front is not None:
            self.front.outbox_changed()


BRISK = DeliveryTiming(
    posts_per_second=50,
    updates=RateLimit(per_second=50, burst=10),
    root_pause=timedelta(milliseconds=50),
    settle=timedelta(milliseconds=300),
    look_again=timedelta(milliseconds=500),
)
"""Fast: the practice workspace has no rate limits unless a test sets them."""

OPERATOR = Actor(ActorKind.SYSTEM, "tests", "tests")


def default_crews() -> dict[str, CrewDefinition]:
    """`plan` is decided by the channel, `guarded` by Ben, `eyes` by all but its requester, `group`
    by the reviewers. `flow` and `hasty` are flows; a deadline of `hasty` continues. `learner`
    keeps lessons, `bounded` has limits, and `formed` asks for FORM to continue."""
    return {
        "plan": crew(),
        "guarded": crew(name="guarded", decided_by=rule(BEN)),
        "eyes": crew(name="eyes", decided_by=rule("@channel", except_requester=True)),
        "group": crew(name="group", decided_by=rule(REVIEWERS)),
        "flow": crew(name="flow", phases=(), after=()),
        "hasty": crew(
            name="hasty", phases=(), after=(), decided_by=rule(on_timeout=OnTimeout.CONTINUE)
        ),
        "formed": _with_form(crew(name="formed")),
        "learner": replace(crew(name="learner"), lessons=True),
        "bounded": replace(crew(name="bounded"), limits=Limits(revisions=1, at_once=1)),
    }


FORM: Final = (
    FormField("budget", "Budget in euros", InputType.NUMBER, min=10, max=900),
    FormField("place", "Place", InputType.CHOICE, choices=("Lyon", "Porto")),
    FormField("note", "Note", InputType.TEXT, required=False),
)


def _with_form(plain: CrewDefinition) -> CrewDefinition:
    first, *rest = plain.checkpoints
    return replace(plain, checkpoints=(replace(first, form=FORM), *rest))


class Stage:
    """A database with a bot on it. `restart` replaces the bot by a new one."""

    def __init__(
        self,
        workspace: Workspace,
        database: Path | str,
        *,
        crews: Mapping[str, CrewDefinition] | None = None,
        timing: DeliveryTiming = BRISK,
        mode: Mode = "socket",
        clock: MovableClock | None = None,
    ) -> None:
        self.workspace = workspace
        self.crews = crews if crews is not None else default_crews()
        self.clock = clock or MovableClock()
        url = database if isinstance(database, str) else f"sqlite:///{database}"
        self.engine = upgraded(url)
        self._signal = DeferredSignal()
        self.reads = Reads(self.engine)
        self.outbox = Outbox(self.engine, self.clock)
        self.state = StateManager(
            self.engine, clock=self.clock, dispatch=NoDispatch(), signal=self._signal
        )
        self.timing = timing
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
            timing=self.timing,
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
        """Start a new bot, which knows nothing that the old one kept in memory."""
        self.front.stop(timedelta(seconds=3))
        transport = self.workspace.practice.deliveries.transport
        self.workspace.wait_for(lambda: not transport.connected, what="the old bot to disconnect")
        if before_start is not None:
            before_start()
        self.front = self._front()
        self.front.start()
        self.workspace.wait_until_connected()

    def tidy(self) -> None:
        """Remove what earlier tests left: open runs, forms and ephemeral messages."""
        for execution in self.reads.executions(states=OPEN, limit=100):
            self.state.cancel(execution.id, actor=OPERATOR)
        self.workspace.wait_for(lambda: not self.outbox.has_pending(), what="delivery to end")
        self.workspace.call(self._clear_ephemerals_and_forms)

    def _clear_ephemerals_and_forms(self) -> None:
        practice = self.workspace.practice
        practice.workspace.ephemerals.clear()
        for user in practice.workspace.users:
            practice.views.close_all(user)

    # -- the run -------------------------------------------------------------------------

    def start(
        self, text: str = "plan a summer campaign", *, by: str = ANA, in_: str = "campaigns"
    ) -> Execution:
        """Type the command, and wait until the thread exists."""
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
        """Whether a post of this run is in progress."""
        with self.engine.connect() as connection:
            sending = connection.execute(
                select(outbox.c.seq).where(
                    outbox.c.execution_id == execution.id, outbox.c.state == OutboxState.SENDING
                )
            )
            return sending.first() is not None

    def claim(self) -> Claim:
        """Claim the next phase run; the time passes that one may wait for further words."""
        claim = self.state.claim("test worker")
        if claim is None:
            self.clock.move(MORE_WORDS_WITHIN)
            claim = self.state.claim("test worker")
        assert claim is not None, "nothing to claim"
        return claim

    def work(
        self, text: str | PhaseOutput = "# A plan\n\nRide more.", *, tasks: Sequence[str] = ()
    ) -> Execution:
        """Run the next phase, with `text` as its output."""
        result = output(text, tasks=tasks) if isinstance(text, str) else text
        return self.state.phase_done(self.claim(), result)

    def pause(self, output: PhaseOutput) -> Execution:
        """Run a flow until its next gate, which `output.pause` describes."""
        claim = self.claim()
        if not claim.execution.phases:
            claim = self.state.record_phases(claim, ["start"])
        return self.state.phase_done(claim, output)

    def ask(self, question: Question) -> Claim:
        """Run the next phase until its crew asks; the answer lets the claim go on."""
        claim = self.claim()
        self.state.ask(claim, question)
        return claim

    def fail_phase(self, message: str) -> Execution:
        """Run the next phase, which fails without a retry."""
        return self.state.fail(self.claim(), Failure(message, retryable=False))

    # -- what people see ------------------------------------------------------------------

    def waiting(self, execution: Execution) -> Checkpoint:
        checkpoint = self.reads.waiting_checkpoint(execution.id)
        assert checkpoint is not None, "no checkpoint waits"
        return checkpoint

    def armed(self, execution: Execution, *, timeout: float = 10.0) -> MessageSnapshot:
        """The message of the waiting checkpoint, once it has buttons."""
        checkpoint = self.waiting(execution)

        def with_buttons() -> MessageSnapshot | None:
            for message in self.everywhere():
                deciding = [b for b in message.buttons if b.action_id != ActionId.READ]
                if any((b.value or "").startswith(checkpoint.id) for b in deciding):
                    return message
            return None

        return self.workspace.wait_for(with_buttons, timeout, what="a checkpoint with buttons")

    def about(self, execution: Execution) -> list[MessageSnapshot]:
        """Messages that show the checkpoint at which this run waits."""
        checkpoint = self.waiting(execution)
        return [m for m in self.everywhere() if checkpoint.id in str(m.metadata)]

    def everywhere(self) -> list[MessageSnapshot]:
        """Every message of the bot that still exists, oldest first."""
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
        self, message: MessageSnapshot, text: str, *, timeout: float = 10.0
    ) -> MessageSnapshot:
        """Wait until this message contains `text`; returns the message as it is then."""
        self.workspace.wait_for(
            lambda: text in self.workspace.again(message).everything,
            timeout,
            what=f"“{text}” in the message",
        )
        return self.workspace.again(message)

    def answer_to(self, user: str, text: str, *, timeout: float = 5.0) -> str:
        """Wait for an ephemeral message to this person that contains `text`; returns all of it."""

        def newest() -> str | None:
            for message in reversed(self.workspace.ephemerals(user)):
                if text in message.everything:
                    return message.everything
            return None

        return self.workspace.wait_for(newest, timeout, what=f"an answer to {user}: “{text}”")

    def decided_by(self, execution: Execution) -> list[Actor]:
        checkpoints = self.reads.checkpoints(execution.id)
        return [c.feedback.actor for c in checkpoints if c.feedback is not None]
