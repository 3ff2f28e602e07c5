"""A load: open executions, people and clients who act on them, and a fault.

with Load(prefork_server, folder, url=…, seed=7) as load:
    report = load.run(Kills(100))
"""

from __future__ import annotations

import math
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Final, Self
from uuid import uuid4

from tests.support.prefork_server import Bot, PreforkServer
from tests.support.processes import ROOT
from tests.support.workspace import Mode, Workspace
from tests.trouble.crews.effects import EFFECTS, PARTS
from tests.trouble.crews.model import Model
from tests.trouble.db import PASSWORD, UNAVAILABLE, Database
from tests.trouble.load.crowd import Crowd, add_people
from tests.trouble.load.journal import Journal
from tests.trouble.load.plans import BRITTLE, STEPS, Kind, Plan, crews_yml, random_plans
from tests.trouble.load.processes import Processes
from tests.trouble.load.rest import RestClient
from tests.trouble.load.reviewer import review
from tests.trouble.oracles.executions import Scene, violations
from tests.trouble.oracles.logs import secrets_in, unexpected_in
from tests.trouble.oracles.standstill import MARGIN, Standstill

LEASE: Final = 2.0
RETRIES: Final = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""Seconds between redeliveries; with Slack's own, a reply to a dead bot would take minutes."""

AT_ONCE: Final = 6
POLL: Final = 0.05
STUCK_AFTER: Final = 150.0
GONE_AFTER: Final = 6.0
ONE_BOT: Final = (("serve", "--workers", "2"), ("worker", "--workers", "2"))
PHASE_SECONDS: Final = {**dict.fromkeys(PARTS, 1.6), "otherwise": 0.25}


class Fault:
    """What goes wrong. `strike` returns when the fault has ended or `over` is set.

    `may_fail_tries`: whether each kill may make a phase fail.
    """

    may_fail_tries = False

    def strike(self, load: Load, over: threading.Event) -> None:
        raise NotImplementedError

    def deaths(self) -> int | None:
        """The number of extra phase starts that this run may cause, or None if it is unknown."""
        return None

    def strikes_again(self, load: Load) -> bool:  # noqa: ARG002  # for subclasses
        """Whether the fault still has an effect when all executions have ended."""
        return False


@dataclass(frozen=True)
class Report:
    """What a load did, and what was wrong. `counts` are figures by name."""

    scene: Scene
    seconds: float
    counts: Counter[str]
    longest_standstill: float
    logged: Counter[str]
    wrong: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        counts = ", ".join(f"{name} {count}" for name, count in self.counts.items())
        lines = [f"{self.seconds:.0f} s: {counts}"]
        lines.append(f"longest undisturbed standstill of a phase: {self.longest_standstill:.1f} s")
        return lines + [
            f"in the logs, {count} times: {what}" for what, count in self.logged.items()
        ]

    def text(self) -> str:
        return "\n".join([*self.lines(), *(f"  ✗ {wrong}" for wrong in self.wrong)])


@dataclass
class Load:
    """Opens a workspace and the bot's processes; `run` may be called several times.

    `lag`: how long a crew may continue after its worker has lost the phase. `recorded_within`: how
    long a command that Slack calls failed may take to be recorded. `stop`: stop the processes after
    a run, which is then the last, and expect a clean exit. `standstill_allowed`: how long a phase
    may stand still undisturbed. `before_start`, `may_die` and `points` are those of `Processes`.
    Times are in seconds.
    """

    prefork_server: PreforkServer
    folder: Path
    _: KW_ONLY
    url: str
    seed: int
    commands: Sequence[Sequence[str]] = ONE_BOT
    kinds: Sequence[Kind] = (STEPS, BRITTLE)
    channels: Sequence[str] = ()
    mode: Mode = "socket"
    env: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=lambda: PHASE_SECONDS)
    lease: float = LEASE
    lag: float = GONE_AFTER
    recorded_within: float = 2.0
    model: bool = False
    stop: bool = False
    standstill_allowed: float = LEASE + MARGIN
    before_start: Callable[[Bot], None] | None = None
    may_die: bool = True
    points: bool = False
    counts: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    _moments: list[float] = field(default_factory=list)
    _earlier: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.effects = self.folder / EFFECTS
        self.database = Database(self.url)
        self.workspace = Workspace(manifest=ROOT / "manifest.yml")
        self.standstill = Standstill(self.database)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._open()
        except BaseException:
            self._stack.close()
            raise
        return self

    def _open(self) -> None:
        app = self.workspace.practice.workspace.app
        app.bot_token = f"xoxb-{secrets.token_hex(8)}"
        app.app_token = f"xapp-{secrets.token_hex(8)}"
        app.signing_secret = secrets.token_hex(8)
        self.secrets = [app.bot_token, app.app_token, app.signing_secret, PASSWORD]
        self._stack.enter_context(self.workspace)
        self.workspace.retry_events_after(*RETRIES)
        add_people(self.workspace, self.channels)
        mark = uuid4().hex
        crews_yml(self.folder, self.kinds, mark=mark, seconds=self.seconds)
        model = self._stack.enter_context(Model(self.effects)).env() if self.model else {}
        env = {
            **self.workspace.env(self.mode),
            "DATABASE_URL": self.url,
            "COUNTERSIGN_LEASE_SECONDS": f"{self.lease:g}",
            EFFECTS: str(self.effects),
            **model,
            **self.env,
        }
        self.processes = Processes(
            self.prefork_server,
            self.folder,
            self.commands,
            env=env,
            mark=mark,
            before_start=self.before_start,
            may_die=self.may_die,
            points=self.points,
        )
        if self.mode == "http":
            self.workspace.reach_by_http(f"{self.processes.address}/slack/events")
        self._stack.enter_context(self.processes)
        rest = RestClient(self.processes.address, Journal())
        try:
            self.workspace.wait_for(rest.healthy, 60, what="the bot to be healthy")
            self.workspace.wait_until_connected(30)
        except AssertionError as error:
            error.add_note(self.processes.logs()[-4000:])
            raise
        finally:
            rest.close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    # --- for faults -----------------------------------------------------------------------------

    def disturbed(self, *, excuses: bool = True) -> None:
        """Note that something has just gone wrong, so that delays are allowed.

        `excuses`: a message to a person may have been lost with a process.
        """
        if excuses:
            self._moments.append(time.time())
        self.standstill.disturbed()

    @contextmanager
    def troubled(self) -> Iterator[None]:
        """Allow delays during the block."""
        self.standstill.disturbed(until=math.inf)
        try:
            yield
        finally:
            self.disturbed()

    # --- the run --------------------------------------------------------------------------------

    def run(
        self, fault: Fault, plans: Sequence[Plan] | None = None, *, at_once: int = AT_ONCE
    ) -> Report:
        """Run all plans during the fault or, without plans, random ones until the fault has ended.

        Then wait until all executions end, and check them. `at_once`: the number of executions that
        are open at a time.
        """
        started, over = time.monotonic(), threading.Event()
        self.journal = Journal()
        self.rest = RestClient(self.processes.address, self.journal)
        self.crowd = Crowd(
            self.workspace,
            self.rest,
            self.journal,
            database=self.database,
            recorded_within=self.recorded_within,
        )
        strike_thread = threading.Thread(target=self._strike, args=(fault, over))
        self.crowd.open(review)
        try:
            with self.standstill.watching():
                strike_thread.start()
                self._start_all(plans, strike_thread, at_once)
                if plans is None:
                    self.disturbed()
                self._wait_for_end(fault)
                over.set()
                strike_thread.join()
                self._wait_for_end(fault)
        finally:
            over.set()
            strike_thread.join()
            self.rest.stop()
            self.crowd.close()
        if self.stop:
            self.processes.stop()
        return self._report(fault, time.monotonic() - started)

    def _strike(self, fault: Fault, over: threading.Event) -> None:
        try:
            fault.strike(self, over)
        except Exception as error:  # noqa: BLE001  # it is part of the report
            self.broken.append(f"the fault itself broke: {type(error).__name__} {error}")

    def _start_all(
        self, plans: Sequence[Plan] | None, strike_thread: threading.Thread, at_once: int
    ) -> None:
        remaining = iter(random_plans(self.random) if plans is None else plans)
        stuck = _Stuck(STUCK_AFTER)
        while plans is not None or strike_thread.is_alive():
            unfinished = self._unfinished()
            if unfinished is not None and len(unfinished) < at_once:
                if (plan := next(remaining, None)) is None:
                    return
                self.crowd.start(plan)
            elif stuck.is_stuck(unfinished):
                self.broken.append(f"no progress for {STUCK_AFTER:g} s: {unfinished}")
                return
            else:
                time.sleep(POLL)

    def _wait_for_end(self, fault: Fault) -> None:
        stuck = _Stuck(STUCK_AFTER)
        while not stuck.is_stuck(self._unfinished()):
            with suppress(*UNAVAILABLE):
                if self._is_over() and not fault.strikes_again(self):
                    return
            time.sleep(POLL)
        log = self.processes.logs()[-8000:]
        self.broken.append(f"after {STUCK_AFTER:g} s there are still {self._unfinished()}\n{log}")

    def _is_over(self) -> bool:
        return (
            not self.crowd.is_busy
            and self.processes.all_run()
            and self._unfinished() == {}
            and not self.database.unshown()
        )

    def _unfinished(self) -> dict[str, str] | None:
        """The states of the executions that must continue; None while the database fails."""
        with suppress(*UNAVAILABLE):
            return self.crowd.unfinished(self.database.states())
        return None

    def _report(self, fault: Fault, seconds: float) -> Report:
        scene = Scene(
            effects=self.effects,
            workspace=self.workspace,
            crowd=self.crowd,
            database=self.database,
            ignored=self._earlier,
            failures=self.counts["kills"] if fault.may_fail_tries else 0,
            deaths=fault.deaths(),
            moments=self._moments,
            lag=self.lag,
        )
        logs = self.processes.logs()
        wrong = [*self.broken, *self.processes.broken, *self.journal.broken, *violations(scene)]
        wrong += [*self.journal.undeclared, *secrets_in(logs, self.secrets)]
        wrong += self.standstill.violations(self.standstill_allowed)
        if self.mode == "http":
            wrong += self._undeclared_to_slack()
        self.counts["starts"] = self.processes.starts
        self.counts["executions"] = len(self.crowd.plans)
        self.counts["acts"] = len(self.journal.acts)
        self.counts["acknowledged"] = self.journal.acknowledged()
        self.counts["decisions"] = sum(len(c.log) for c in self.database.checkpoints())
        self.counts["503s"] = self.journal.statuses[503]
        self.counts["words lost with a process"] = self.journal.words_lost
        self.rest.close()
        self._earlier |= {*self.crowd.plans}
        report = Report(
            scene,
            seconds,
            self.counts.copy(),
            self.standstill.longest,
            unexpected_in(logs),
            wrong,
        )
        self.broken.clear()
        return report

    def _undeclared_to_slack(self) -> list[str]:
        return [
            f"the bot answered Slack's {delivery.kind} with {attempt.status}"
            for delivery in self.workspace.deliveries()
            for attempt in delivery.attempts
            if attempt.status >= 500 and attempt.status != 503
        ]


class _Stuck:
    """Detects that nothing has changed for `after` seconds."""

    def __init__(self, after: float) -> None:
        self._after = after
        self._last: object = None
        self._since = time.monotonic()

    def is_stuck(self, now: object) -> bool:
        if now != self._last:
            self._last, self._since = now, time.monotonic()
        return time.monotonic() - self._since > self._after
