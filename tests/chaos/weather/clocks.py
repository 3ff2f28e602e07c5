"""The bot's clock jumps, forward and back, by a second to a year, and it goes on.

The bot is the real one, with libfaketime under it: its whole process, and all that it starts, sees
a clock that is moved while it runs; what measures durations goes on as it does on a machine whose
clock is set. Slack, and a server that keeps the database, keep the true time.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

from tests.chaos.weather.ground import Books, seconds
from tests.support.message_snapshot import MessageSnapshot as Shown
from tests.support.people import Answer
from tests.support.processes import ROOT, BotProcess
from tests.support.workspace import ANA, BEN, Workspace

LIBRARY: Final = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")

SECOND, MINUTE, HOUR, DAY, YEAR = 1.0, 60.0, 3600.0, 86400.0, 365 * 86400.0
JUMPS: Final = tuple(sign * size for size in (SECOND, MINUTE, HOUR, DAY, YEAR) for sign in (1, -1))

STARTS_WITHIN: Final = 180.0
PATIENCE: Final = 90.0
SEEN_WITHIN: Final = 1.2
"""libfaketime looks into its file each second."""
TRIES: Final = 5

BRIEF: Final = 4.0
"""How many seconds the checkpoints of one crew wait; those of the other wait for an hour."""

LATE: Final = 6.0
"""How long after its deadline a checkpoint may expire, by the clock of the one who keeps it: the
tick comes each second, and a clock that went back is noticed within one more."""

CREWS: Final = """
crews:
  brief: {{command: {command}, env: {env}, phases: [{{name: draft}}, {{name: end}}],
    approvers: ["@channel"], timeout: {brief:g}s, on_timeout: skip,
    checkpoints: [{{name: look, after: draft, description: Look at it}}]}}
  patient: {{command: {command}, env: {env},
    phases: [{{name: draft}}, {{name: check}}, {{name: end}}],
    approvers: ["@channel"],
    timeout: 1h, on_timeout: skip,
    checkpoints: [{{name: look, after: draft, description: Look at it}}]}}
"""


@dataclass
class Figures:
    jumps: int = 0
    expired: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def lines(self) -> list[str]:
        late = sorted(self.expired) or [0.0]
        return [
            f"{self.jumps} jumps in {self.seconds:.0f} s; {len(self.expired)} deadlines passed, "
            f"{late[0]:.2f} s to {late[-1]:.2f} s after they were due",
        ]


class Skewed(BotProcess):
    """A bot whose clock is set by a file."""

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
        """So many seconds ahead of the true time, from now on."""
        self.ahead = ahead
        self._write(ahead)

    def _write(self, ahead: float) -> None:
        new = self._offset.with_suffix(".new")
        new.write_text(f"{ahead:+.0f}\n")
        new.rename(self._offset)


@contextmanager
def skewed_bot(folder: Path, url: str, workspace: Workspace) -> Iterator[Skewed]:
    program = json.dumps(str(ROOT / "tests" / "support" / "steps.py"))
    effects = {"EFFECTS": str(folder / "effects"), "SECONDS": json.dumps({"check": 3.0})}
    crews = folder / "crews.yml"
    crews.write_text(
        CREWS.format(command=f"[python, {program}]", env=json.dumps(effects), brief=BRIEF)
    )
    env = {**workspace.env(), "DATABASE_URL": url}
    bot = Skewed(folder, env=env, crews=crews)
    try:
        bot.start()
        workspace.wait_until_connected(PATIENCE)
        yield bot
    finally:
        bot.kill()


def clocks(url: str, folder: Path, *, jumps: tuple[float, ...], seed: int) -> Figures:
    """A jump and, some seconds later, its reverse, for each; with runs in all states."""
    chosen = [*jumps]
    Random(seed).shuffle(chosen)
    figures, began = Figures(), time.monotonic()
    with (
        Workspace(manifest=ROOT / "manifest.yml") as workspace,
        skewed_bot(folder, url, workspace) as bot,
    ):
        play = _Play(workspace, bot, Books(url), figures, shared=not url.startswith("sqlite"))
        for number, jump in enumerate(chosen):
            play.jump(number, jump)
    figures.seconds = time.monotonic() - began
    return figures


@dataclass
class _Play:
    """`shared`: the database's server keeps the time, and its clock does not jump."""

    workspace: Workspace
    bot: Skewed
    books: Books
    figures: Figures
    shared: bool

    def jump(self, number: int, by: float) -> None:
        """Before it a run waits for an hour and another works; after it one of each begins."""
        tag = f"of jump {number}"
        self._ask("patient", f"slowly waits {tag}")
        waiting = self._armed(f"waits {tag}")
        self._ask("patient", f"slowly works {tag}")
        self._click(self._armed(f"works {tag}"))
        self._until(f"works {tag}", "the check to begin", lambda s: "check" in self._begun(s))
        self.bot.set_clock(by)
        time.sleep(SEEN_WITHIN)
        self.figures.jumps += 1
        try:
            self._after(f"works {tag}", f"after {tag}")
            self._of_the_one_that_waits(f"waits {tag}", waiting, by)
            self.bot.set_clock(0)
            time.sleep(SEEN_WITHIN)
            self._expires(f"back {tag}")
        except AssertionError as error:
            self.figures.wrong.append(f"a jump by {by:+.0f} s: {str(error).splitlines()[0]}")
            self.bot.set_clock(0)

    def _after(self, works: str, words: str) -> None:
        """What was at work ends, once; and a new run comes to its deadline and its end."""
        self._until(works, "its end", lambda w: self._state(w) == "completed")
        begun = self._begun(works).count("check")
        assert begun <= 2, f"the check was begun {begun} times"
        done = self._done(works)
        assert done == ["draft", "check", "end"], f"done were {done}"
        self._expires(words)

    def _expires(self, words: str) -> None:
        self._ask("brief", words)
        self._until(words, "its end", lambda w: self._state(w) == "completed")
        (deadline, decided, actor) = self._decision(words)
        assert "timeout" in actor, f"it was decided by {actor}"
        self.figures.expired.append(decided - deadline)
        assert 0 <= decided - deadline <= LATE, f"it expired {decided - deadline:.1f} s after"

    def _of_the_one_that_waits(self, words: str, shown: Shown, by: float) -> None:
        """It expires if the clock that counts has passed its hour, and else can be decided."""
        if by > HOUR - 1 and not self.shared:
            self._until(words, "its deadline", lambda w: self._decision(w)[1] > 0)
            (deadline, decided, _) = self._decision(words)
            assert decided >= deadline, f"it expired {deadline - decided:.1f} s too early"
            return
        (deadline, decided, _) = self._decision(words)
        assert decided == 0, f"it was decided {deadline - decided:.0f} s before its deadline"
        self._click(shown)

    # --- what people do and see -----------------------------------------------------------------

    def _ask(self, crew: str, words: str) -> None:
        self._tried(lambda: self.workspace.command(f"/crew {crew} {words}", by=ANA), words)

    def _tried(self, act: Callable[[], Answer], what: str) -> None:
        """Try again when Slack says that the bot did not answer, as people do."""
        answer = act()
        for _ in range(TRIES):
            if answer.ok:
                return
            answer = act()
        raise AssertionError(f"{what}: answered with “{answer.notice}”")

    def _armed(self, words: str) -> Shown:
        def found() -> Shown | None:
            roots = [m for m in self.workspace.threads() if words in m.everything]
            thread = self.workspace.thread(roots[0]) if roots else []
            return next((m for m in thread if m.button("Continue")), None)

        return self.workspace.wait_for(found, PATIENCE, what=f"buttons of “{words}”")

    def _click(self, shown: Shown) -> None:
        self._tried(lambda: self.workspace.click("Continue", by=BEN, message=shown), "a click")

    # --- what stands in the tables and in the crew's own log -----------------------------------

    def _until(self, words: str, what: str, condition: Callable[[str], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition(words):
            in_time = time.monotonic() < deadline
            assert in_time, f"“{words}” did not come to {what} in {PATIENCE:g} s"
            time.sleep(0.05)

    def _one(self, columns: str, words: str, joined: str = "") -> list[tuple[object, ...]]:
        return self.books.rows(
            f"SELECT {columns} FROM executions e {joined} WHERE e.request LIKE '%{words}%'"
        )

    def _state(self, words: str) -> str:
        found = self._one("e.state", words)
        return str(found[0][0]) if found else ""

    def _done(self, words: str) -> list[str]:
        joined = "JOIN phase_runs p ON p.execution_id = e.id AND p.state = 'done'"
        found = sorted(self._one("p.phase, p.seq", words, joined), key=_seq)
        return [str(phase) for phase, _ in found]

    def _decision(self, words: str) -> tuple[float, float, str]:
        joined = "JOIN checkpoints c ON c.execution_id = e.id"
        found = self._one("c.deadline, c.decided_at, c.actor", words, joined)
        (deadline, decided, actor) = found[0]
        return seconds(deadline), seconds(decided), str(actor)  # type: ignore[arg-type] # of SQL

    def _begun(self, words: str) -> list[str]:
        file = self.bot.folder / "effects"
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        return [e["phase"] for e in lines if words in e["words"] and e["event"] == "begin"]


def _seq(row: tuple[object, ...]) -> int:
    return int(str(row[1]))
