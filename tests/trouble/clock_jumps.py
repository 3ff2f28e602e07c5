"""Scenario: the bot keeps working while its clock jumps back and forth by a second to a year.

The real bot runs under libfaketime: it and every process that it starts see a clock that moves
while they run; the monotonic clock is unaffected, as on a machine whose clock is set. Slack and a
database server keep the true time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Final

from tests.support.message_snapshot import MessageSnapshot
from tests.support.people import Answer
from tests.support.processes import ROOT, BotProcess
from tests.support.workspace import ANA, BEN, Workspace
from tests.trouble.crews.effects import EFFECTS, effects
from tests.trouble.db import Checkpoint, Database
from tests.trouble.load.plans import STEPS, crews_yml

LIBRARY: Final = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")

SECOND, MINUTE, HOUR, DAY, YEAR = 1.0, 60.0, 3600.0, 86400.0, 365 * 86400.0
JUMPS: Final = tuple(sign * size for size in (SECOND, MINUTE, HOUR, DAY, YEAR) for sign in (1, -1))

STARTS_WITHIN: Final = 180.0
PATIENCE: Final = 90.0
NOTICED_WITHIN: Final = 1.2
"""Seconds; libfaketime reads its file once a second."""
RETRIES: Final = 5

BRIEF_TIMEOUT: Final = 4.0
"""The timeout in seconds of one crew's checkpoints; those of the other crew wait for an hour."""

MAX_DELAY: Final = 6.0
"""How many seconds after its deadline a checkpoint may expire, by the clock that counts: the tick
runs every second, and a clock that was set back is noticed within one more."""

_PHASES: Final = {"phases": [{"name": "draft"}, {"name": "end"}]}
_DEADLINE: Final = {"checkpoints": [{"name": "look", "after": "draft"}], "on_timeout": "skip"}
CREWS: Final = (
    replace(
        STEPS,
        name="brief",
        entry={**STEPS.entry, **_PHASES, **_DEADLINE, "timeout": f"{BRIEF_TIMEOUT:g}s"},
    ),
    replace(STEPS, name="patient", entry={**STEPS.entry, **_DEADLINE, "timeout": "1h"}),
)


@dataclass
class Figures:
    jumps: int = 0
    expired: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        late = sorted(self.expired) or [0.0]
        return [
            f"{self.jumps} jumps; {len(self.expired)} deadlines passed, "
            f"{late[0]:.2f} s to {late[-1]:.2f} s after they were due",
        ]


class Skewed(BotProcess):
    """A bot whose clock follows a file."""

    def __init__(self, folder: Path, *, env: Mapping[str, str], crews: Path) -> None:
        self._offset = folder / "offset"
        self.ahead = 0.0
        self._write(0.0)
        skew = {
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(self._offset),
            "FAKETIME_CACHE_DURATION": "1",
            "NO_FAKE_STAT": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "PYTHONPATH": f"{Path(__file__).parent / 'skew'}:{ROOT}",
        }
        super().__init__(folder, env={**env, **skew}, crews_file=crews, start_within=STARTS_WITHIN)

    def set_clock(self, ahead: float) -> None:
        """Set the bot's clock to `ahead` seconds ahead of the true time."""
        self.ahead = ahead
        self._write(ahead)

    def _write(self, ahead: float) -> None:
        new = self._offset.with_suffix(".new")
        new.write_text(f"{ahead:+.0f}\n")
        new.rename(self._offset)


@contextmanager
def skewed_bot(folder: Path, url: str, workspace: Workspace) -> Iterator[Skewed]:
    crews_yml(folder, CREWS, seconds={"check": 3.0})
    env = {**workspace.env(), "DATABASE_URL": url}
    bot = Skewed(folder, env=env, crews=folder / "crews.yml")
    try:
        bot.start()
        workspace.wait_until_connected(PATIENCE)
        yield bot
    finally:
        bot.kill()


def clock_jumps(url: str, folder: Path, *, count: int, seed: int) -> Figures:
    """Run `count` jumps, each undone some seconds later, with executions in all states."""
    assert LIBRARY.exists(), "libfaketime is not installed: apt-get install libfaketime"
    all_jumps = [*JUMPS]
    Random(seed).shuffle(all_jumps)
    figures = Figures()
    with (
        Workspace(manifest=ROOT / "manifest.yml") as workspace,
        skewed_bot(folder, url, workspace) as bot,
    ):
        jumper = _Jumps(workspace, bot, Database(url), figures, shared=not url.startswith("sqlite"))
        for number, jump in enumerate(all_jumps[:count]):
            jumper.jump(number, jump)
    return figures


@dataclass
class _Jumps:
    """`shared`: the database server's clock is used, and it does not jump."""

    workspace: Workspace
    bot: Skewed
    database: Database
    figures: Figures
    shared: bool

    def jump(self, number: int, by: float) -> None:
        """Jump while one run waits and another works, then check both and a new one."""
        tag = f"of jump {number}"
        self._ask("patient", f"slowly waits {tag}")
        waiting = self._wait_for_buttons(f"waits {tag}")
        self._ask("patient", f"slowly works {tag}")
        self._click(self._wait_for_buttons(f"works {tag}"))
        self._until(f"works {tag}", "the start of the check", lambda s: "check" in self._started(s))
        self.bot.set_clock(by)
        time.sleep(NOTICED_WITHIN)
        self.figures.jumps += 1
        try:
            self._check_working(f"works {tag}", f"after {tag}")
            self._check_waiting(f"waits {tag}", waiting, by)
            self.bot.set_clock(0)
            time.sleep(NOTICED_WITHIN)
            self._check_expiry(f"back {tag}")
        except AssertionError as error:
            self.figures.wrong.append(f"a jump by {by:+.0f} s: {str(error).splitlines()[0]}")
            self.bot.set_clock(0)

    def _check_working(self, works: str, words: str) -> None:
        """The working run completes once; a new run meets its deadline and completes."""
        self._until(works, "its end", lambda w: self._state(w) == "completed")
        starts = self._started(works).count("check")
        assert starts <= 2, f"the check was started {starts} times"
        done = self._done(works)
        assert done == ["draft", "check", "finish"], f"the completed phases are {done}"
        self._check_expiry(words)

    def _check_expiry(self, words: str) -> None:
        self._ask("brief", words)
        self._until(words, "its end", lambda w: self._state(w) == "completed")
        row = self._checkpoint(words)
        assert row.actor == "timeout", f"it was decided by {row.actor}"
        late = row.decided_at - row.deadline
        self.figures.expired.append(late)
        assert 0 <= late <= MAX_DELAY, f"it expired {late:.1f} s after its deadline"

    def _check_waiting(self, words: str, message: MessageSnapshot, by: float) -> None:
        """It expires if the clock that counts has passed its hour; otherwise it can be decided."""
        if by > HOUR - 1 and not self.shared:
            self._until(words, "its deadline", lambda w: self._checkpoint(w).decided_at > 0)
            row = self._checkpoint(words)
            early = row.deadline - row.decided_at
            assert early <= 0, f"it expired {early:.1f} s too early"
            return
        row = self._checkpoint(words)
        early = row.deadline - row.decided_at
        assert not row.decided_at, f"it was decided {early:.0f} s before its deadline"
        self._click(message)

    # --- what people do and see -----------------------------------------------------------------

    def _ask(self, crew: str, words: str) -> None:
        self._retry(lambda: self.workspace.command(f"/crew {crew} {words}", by=ANA), words)

    def _retry(self, act: Callable[[], Answer], what: str) -> None:
        """Try again, as people do, if Slack shows that the bot did not answer."""
        answer = act()
        for _ in range(RETRIES):
            if answer.ok:
                return
            answer = act()
        raise AssertionError(f"{what}: answered with “{answer.notice}”")

    def _wait_for_buttons(self, words: str) -> MessageSnapshot:
        def find() -> MessageSnapshot | None:
            roots = [m for m in self.workspace.threads() if words in m.everything]
            thread = self.workspace.thread(roots[0]) if roots else []
            return next((m for m in thread if m.button("Continue")), None)

        return self.workspace.wait_for(find, PATIENCE, what=f"buttons of “{words}”")

    def _click(self, message: MessageSnapshot) -> None:
        self._retry(lambda: self.workspace.click("Continue", by=BEN, message=message), "a click")

    # --- what the tables and the crew's own log contain ---------------------------------------

    def _until(self, words: str, what: str, condition: Callable[[str], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition(words):
            in_time = time.monotonic() < deadline
            assert in_time, f"“{words}” did not reach {what} in {PATIENCE:g} s"
            time.sleep(0.05)

    def _state(self, words: str) -> str:
        """The state of the first execution: a command that Slack called failed may have counted."""
        executions = self.database.executions(words)
        return executions[0].state if executions else ""

    def _done(self, words: str) -> list[str]:
        runs = self.database.executions(words)[0].runs
        return [run.phase for run in runs if run.state == "done"]

    def _checkpoint(self, words: str) -> Checkpoint:
        return self.database.executions(words)[0].checkpoints[0]

    def _started(self, words: str) -> list[str]:
        log = effects(self.bot.folder / EFFECTS)
        return [e.part for e in log if words in e.token and e.event == "begin"]
