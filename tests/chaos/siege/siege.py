"""A siege: several runs going on at once, people and clients acting, and something that goes wrong.

with Siege(launchpad, folder, database=…, commands=…, seed=7) as siege:
    report = siege.endure(Kills(100))
"""

from __future__ import annotations

import math
import secrets
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Final, Protocol, Self

from tests.chaos.lane import RETRIES
from tests.chaos.siege.crowd import Crowd
from tests.chaos.siege.fleet import Fleet
from tests.chaos.siege.journal import Journal
from tests.chaos.siege.logs import secrets_in, unforeseen_in
from tests.chaos.siege.oracles import GONE_AFTER, Scene, violations
from tests.chaos.siege.plans import crews_yml
from tests.chaos.siege.rest import RestClient
from tests.chaos.siege.tables import ENDED, Tables
from tests.chaos.siege.watch import Watch
from tests.chaos.sql import AWAY
from tests.support.prefork_server import PreforkServer as Launchpad
from tests.support.processes import ROOT
from tests.support.workspace import Workspace

LEASE: Final = 2.0
AT_ONCE: Final = 6
"""How many runs may be on their way while another is started."""

LOOK: Final = 0.1
OVER_WITHIN: Final = 150.0
ONE_BOT: Final = (("serve", "--workers", "2"), ("worker", "--workers", "2"))


class SlackFailure(Protocol):
    """What goes wrong. `strike` returns when it is through, or `over` is set."""

    def strike(self, siege: Siege, over: threading.Event) -> None: ...


@dataclass
class Report:
    """What was done, and what was wrong. `counts` are figures by name."""

    scene: Scene
    seconds: float
    counts: Counter[str]
    stood_still: float
    logged: Counter[str]
    wrong: list[str] = field(default_factory=list)

    def words(self) -> str:
        counted = ", ".join(f"{name} {count}" for name, count in self.counts.items())
        lines = [f"{self.seconds:.0f} s: {counted}"]
        lines.append(f"longest that a phase stood still undisturbed: {self.stood_still:.1f} s")
        lines += [f"    in the logs, {count} times: {what}" for what, count in self.logged.items()]
        lines.append(f"{len(self.wrong)} violations")
        return "\n".join([*lines, *(f"    ✗ {wrong}" for wrong in self.wrong[:40])])


class Siege:
    """Opens a workspace, the processes and their clients.

    `at_once`: how many runs are on their way. `lag`: how long the program of a process that was
    stopped may go on after its phase was taken from it.
    """

    def __init__(
        self,
        launchpad: Launchpad,
        folder: Path,
        *,
        database: str,
        commands: Sequence[Sequence[str]] = ONE_BOT,
        seed: int,
        at_once: int = AT_ONCE,
        mode: str = "socket",
        env: dict[str, str] | None = None,
        lag: float = GONE_AFTER,
    ) -> None:
        self.random = Random(seed)
        self.folder = folder
        self.database = database
        self.counts: Counter[str] = Counter()
        self.broken: list[str] = []
        self.moments: list[float] = []
        self._at_once = at_once
        self._lag = lag
        self._launchpad = launchpad
        self._commands = commands
        self._mode = mode
        self._more = env or {}
        self._stack = ExitStack()
        self._over = threading.Event()
        self.workspace = Workspace(manifest=ROOT / "manifest.yml")
        self.tables = Tables(database)

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
        self.secrets = [app.bot_token, app.app_token, app.signing_secret]
        self._stack.enter_context(self.workspace)
        self.workspace.retry_events_after(*RETRIES)
        (self.folder / "crews.yml").write_text(crews_yml(self.folder))
        env = {
            **self.workspace.env("http" if self._mode == "http" else "socket"),
            "DATABASE_URL": self.database,
            "COUNTERSIGN_LEASE_SECONDS": f"{LEASE:g}",
            **self._more,
        }
        self.fleet = Fleet(self._launchpad, self.folder, self._commands, env=env)
        if self._mode == "http":
            self.workspace.reach_by_http(f"{self.fleet.address}/slack/events")
        self.journal = Journal()
        self.rest = RestClient(self.fleet.address, self.journal, self._over)
        self._stack.callback(self.rest.close)
        self.crowd = Crowd(self.workspace, self.rest, self.journal, self.random, self._over)
        self._stack.enter_context(self.fleet)
        try:
            self.workspace.wait_for(self.rest.healthy, 60, what="the bot to be healthy")
            self.workspace.wait_until_connected(30)
        except AssertionError as error:
            error.add_note(self.fleet.logs()[-4000:])
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._stack.close()

    def disturbed(self) -> None:
        """Something has just gone wrong: nobody need be quick."""
        self.moments.append(time.time())
        self.watch.disturbed()

    @contextmanager
    def troubled(self) -> Iterator[None]:
        """Something is wrong as long as this lasts."""
        self.watch.disturbed(until=math.inf)
        try:
            yield
        finally:
            self.disturbed()

    def endure(self, trouble: SlackFailure) -> Report:
        """Keep up the load until the trouble is through, let all end, and judge."""
        began = time.monotonic()
        self.watch = Watch(self.tables)
        striking = threading.Thread(target=self._strike, args=(trouble,))
        self.crowd.open()
        try:
            with self.watch:
                striking.start()
                while striking.is_alive():
                    if self._on_their_way() < self._at_once:
                        self.crowd.ask()
                    time.sleep(LOOK)
                self.disturbed()
                self._let_end()
        finally:
            self._over.set()
            striking.join()
            self.crowd.close()
        return self._judged(time.monotonic() - began)

    def _strike(self, trouble: SlackFailure) -> None:
        try:
            trouble.strike(self, self._over)
        except Exception as error:  # noqa: BLE001  # said in the report
            self.broken.append(f"the trouble itself broke: {type(error).__name__} {error}")

    def _on_their_way(self) -> int:
        """As many as may be, while nobody can tell."""
        with suppress(*AWAY):
            states = self.tables.states()
            over = sum(states[state] for state in (*ENDED, "error"))
            return states.total() - over - len(self.crowd.left)
        return self._at_once

    def _let_end(self) -> None:
        deadline = time.monotonic() + OVER_WITHIN
        while time.monotonic() < deadline:
            with suppress(*AWAY):
                busy = self.crowd.is_busy
                if not busy and not self._unfinished() and not self.tables.unshown():
                    return
            time.sleep(LOOK)
        self.broken.append(f"after {OVER_WITHIN:g} s there are still {self.tables.states()}")

    def _unfinished(self) -> list[str]:
        """What has to go on yet. REST has no retry, and some runs are left to wait."""
        may_stay = {
            "waiting_feedback": self.crowd.left,
            "error": self.crowd.by_rest,
        }
        return [
            token
            for token, state in self.tables.going_on().items()
            if token not in may_stay.get(state, ())
        ]

    def _judged(self, seconds: float) -> Report:
        scene = Scene(
            folder=self.folder,
            workspace=self.workspace,
            crowd=self.crowd,
            tables=self.tables,
            kills=self.counts["kills"],
            moments=self.moments,
            lag=self._lag,
        )
        logs = self.fleet.logs()
        wrong = [*self.broken, *self.fleet.broken, *self.journal.broken, *violations(scene)]
        wrong += [*self.journal.undeclared, *secrets_in(logs, self.secrets)]
        wrong += self.watch.violations(LEASE)
        if self._mode == "http":
            wrong += self._undeclared_to_slack()
        states = self.tables.states()
        self.counts["starts"] = self.fleet.starts
        self.counts["runs"] = states.total()
        self.counts["acts"] = len(self.journal.acts)
        self.counts["acknowledged"] = self.journal.taken()
        self.counts["decisions"] = sum(
            sum(execution.decided.values()) for execution in self.tables.executions()
        )
        self.counts["503s"] = self.journal.statuses[503]
        self.counts["words lost with a process"] = self.journal.words_lost
        return Report(scene, seconds, self.counts, self.watch.longest, unforeseen_in(logs), wrong)

    def _undeclared_to_slack(self) -> list[str]:
        return [
            f"Slack's {delivery.kind} was answered {attempt.status}"
            for delivery in self.workspace.deliveries()
            for attempt in delivery.attempts
            if attempt.status >= 500 and attempt.status != 503
        ]
