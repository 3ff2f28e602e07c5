"""Seeds one bug and checks whether the tests catch it.

A bug is caught by a test that fails with it, fails again when it runs alone, and passes without it.
A test that also fails without the bug is ignored and reported; one that only hangs does not count.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

import pytest

from tests.seeded.bugs import BadPatch, Bug
from tests.seeded.pytest_events import BEGAN, ENDED, FAILED, TELL, UNREADABLE
from tests.seeded.trees import seeded

LOOK_SECONDS: Final = 900.0
WHOLE_SECONDS: Final = 2400.0
END_SECONDS: Final = 20.0
"""How long interrupted tests may take to clean up."""

MOST_LEFT_OUT: Final = 5
_PARALLEL: Final = ("-n", "auto", "--dist", "loadfile", "--no-loadscope-reorder")
_ITSELF: Final = "--ignore=tests/seeded"


class Verdict(StrEnum):
    CAUGHT = "caught"
    NOT_CAUGHT = "NOT CAUGHT"
    HUNG = "HUNG"  # no assertion failed
    UNSURE = "NOT ALWAYS"  # failed once, passed when run again
    UNREADABLE = "NO IMPORT"  # the tests could not even be imported
    NO_FIT = "NO FIT"  # the code has changed since the patch was made


@dataclass(frozen=True, slots=True)
class Trial:
    """`by`: the test that caught it, or hung. `red_anyway`: tests that fail without the bug."""

    bug: Bug
    verdict: Verdict
    by: str = ""
    seconds: float = 0.0
    red_anyway: tuple[str, ...] = ()
    log: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Course:
    """The result of a run of pytest. `failed`: in order; `hung`: the test that did not end."""

    code: int | None
    failed: tuple[str, ...]
    unreadable: bool
    hung: str | None
    log: str

    @property
    def green(self) -> bool:
        return self.code in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)


class Trials:
    """`clean` is a copy of the tree without a bug, alone in its folder. Safe to share."""

    def __init__(self, clean: Path) -> None:
        self._clean = clean
        self._folder = clean.parent
        self._green: dict[str, bool] = {}
        self._lock = threading.Lock()
        self._processes: set[subprocess.Popen[bytes]] = set()
        self._ending = False

    def of(self, bug: Bug, *, look_further: bool = True, look: bool = True) -> Trial:
        """`look`: run the tests that the bug names first; `look_further`: then all others."""
        began = time.monotonic()
        try:
            with seeded(bug, self._clean) as tree:
                trial = self._look(bug, tree, look=look, look_further=look_further)
        except BadPatch as bad:
            trial = Trial(bug, Verdict.NO_FIT, log=str(bad))
        return replace(trial, seconds=time.monotonic() - began)

    def _look(self, bug: Bug, tree: Path, *, look: bool, look_further: bool) -> Trial:
        """Run one set of tests after the other until one catches the bug."""
        places = [([where], LOOK_SECONDS) for where in bug.look] if look else []
        if look_further:
            excluded = [f"{_exclusion(where)}={where}" for where in bug.look] if look else []
            places.append((["tests", *excluded, *_PARALLEL], WHOLE_SECONDS))
        red_anyway: tuple[str, ...] = ()
        for where, seconds in places:
            trial = self._search(bug, tree, where, seconds)
            red_anyway += trial.red_anyway
            if trial.verdict not in (Verdict.NOT_CAUGHT, Verdict.UNSURE):
                break
        return replace(trial, red_anyway=red_anyway)

    def _search(self, bug: Bug, tree: Path, where: Sequence[str], seconds: float) -> Trial:
        """Run tests until one fails with the bug, fails again alone, and passes without it."""
        left_out: dict[str, Verdict] = {}
        while True:
            others = [f"--deselect={test}" for test in left_out]
            course = self._run(tree, [*where, *others], seconds)
            if not course.green and not course.failed:
                verdict = Verdict.UNREADABLE if course.unreadable else Verdict.HUNG
                return Trial(bug, verdict, course.hung or "", log=course.log)
            if course.green or len(left_out) == MOST_LEFT_OUT:
                return _without_a_catch(bug, left_out, course)
            test = course.failed[0]
            if not self._is_green_without(test):
                left_out[test] = Verdict.NOT_CAUGHT
            elif test not in self._run(tree, [test], seconds).failed:
                left_out[test] = Verdict.UNSURE
            else:
                trial = _without_a_catch(bug, left_out, course)
                return replace(trial, verdict=Verdict.CAUGHT, by=test)

    def _is_green_without(self, test: str) -> bool:
        """Whether a test passes in the tree without a bug. The result is cached."""
        with self._lock:
            is_green = self._green.get(test)
        if is_green is None:
            is_green = self._run(self._clean, [test], LOOK_SECONDS).green
            with self._lock:
                self._green[test] = is_green
        return is_green

    def _run(self, tree: Path, arguments: Sequence[str], seconds: float) -> Course:
        scratch = Path(mkdtemp(prefix="run-", dir=self._folder))
        scratch.chmod(0o755)
        events, log = scratch / "told", scratch / "said"
        events.write_text("")
        fixed = ["-x", "-q", "-p", "no:cacheprovider", "-p", "tests.seeded.pytest_events", _ITSELF]
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "pytest", *fixed, *arguments],
                cwd=tree,
                env={
                    **os.environ,
                    "PYTHONPATH": str(tree),
                    "TMPDIR": str(scratch),
                    TELL: str(events),
                },
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        with self._lock:
            self._processes.add(process)
            ending = self._ending
        try:
            if ending:
                _end(process)
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            _end(process)
        finally:
            with self._lock:
                self._processes.discard(process)
        course = _course(process.returncode, events.read_text(), log.read_text(errors="replace"))
        shutil.rmtree(scratch, ignore_errors=True)
        return course

    def end(self) -> None:
        """Interrupt the running tests, and let them clean up."""
        with self._lock:
            self._ending = True
            processes = [*self._processes]
        for process in processes:
            _end(process)


def _exclusion(where: str) -> str:
    return "--deselect" if "::" in where else "--ignore"


def _without_a_catch(bug: Bug, left_out: Mapping[str, Verdict], course: Course) -> Trial:
    """The result without a catch: UNSURE if a test failed only sometimes."""
    unsure = [test for test, why in left_out.items() if why is Verdict.UNSURE]
    red_anyway = tuple(test for test in left_out if test not in unsure)
    verdict = Verdict.UNSURE if unsure else Verdict.NOT_CAUGHT
    return Trial(bug, verdict, " ".join(unsure), red_anyway=red_anyway, log=course.log)


def _end(process: subprocess.Popen[bytes]) -> None:
    for how in (signal.SIGINT, signal.SIGKILL):
        if process.poll() is None:
            os.killpg(process.pid, how)
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                continue


def _course(code: int, events: str, log: str) -> Course:
    lines = [line.partition(" ")[::2] for line in events.splitlines()]
    started = [test for what, test in lines if what == BEGAN]
    ended = {test for what, test in lines if what == ENDED}
    return Course(
        code=code,
        failed=tuple(dict.fromkeys(test for what, test in lines if what == FAILED)),
        unreadable=any(what == UNREADABLE for what, _ in lines),
        hung=next((test for test in started if test not in ended), None),
        log=log,
    )
