"""The test of the tests: bugs are seeded one by one, and the suite has to notice each.

    python -m tests.seeded                  # all of them, and a table
    python -m tests.seeded --only decide    # those whose name has this in it
    python -m tests.seeded --check          # only whether every patch still fits, and one place

Each bug is applied to a copy of the tree in a temporary folder. The places that it names are tried
first, then all other tests. A catch is a test that is red with the bug, again when it runs alone,
and green without it. The exit code is 1 if any bug was not caught.

Where the code has changed and a patch fits no more: break the code again in the same way, and put
`git diff -U1` (more context where that is found twice) below the patch's two lines of words.
"""

from __future__ import annotations

import argparse
import ctypes
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from types import FrameType
from typing import Final

import psutil

from tests.seeded.bugs import ROOT, BadPatch, Bug, all_bugs, check
from tests.seeded.trees import copy_checkout, copy_commit, workshop
from tests.seeded.trials import Trial, Trials, Verdict

_SUBREAPER: Final = 36  # PR_SET_CHILD_SUBREAPER
_TAIL: Final = 25


def main(arguments: Sequence[str]) -> int:
    wanted = _parser().parse_args(arguments)
    bugs = [bug for bug in all_bugs() if any(part in bug.name for part in wanted.only or [""])]
    if not bugs:
        _say(f"No bug has {' or '.join(wanted.only)} in its name.")
        return 2
    if wanted.check:
        return _check(bugs)
    began = time.monotonic()
    with _nothing_left(), workshop() as folder:
        clean = folder / "clean"
        clean.mkdir()
        if wanted.at is None:
            copy_checkout(clean)
        else:
            copy_commit(wanted.at, clean)
        trials = Trials(clean)
        try:
            done = _run(trials, bugs, wanted)
        finally:
            trials.end()
    _tell(done, time.monotonic() - began)
    return int(any(trial.verdict is not Verdict.CAUGHT for trial in done))


def _run(trials: Trials, bugs: Sequence[Bug], wanted: argparse.Namespace) -> list[Trial]:
    done: list[Trial] = []
    how = {"look": not wanted.whole, "look_further": not wanted.named}
    with ThreadPoolExecutor(wanted.jobs) as executor:
        try:
            running = [executor.submit(trials.of, bug, **how) for bug in bugs]
            for future in as_completed(running):
                trial = future.result()
                done.append(trial)
                _report(trial)
        except BaseException:
            executor.shutdown(wait=False, cancel_futures=True)
            trials.end()
            raise
    return sorted(done, key=lambda trial: trial.bug.name)


def _check(bugs: Sequence[Bug]) -> int:
    wrong = 0
    for bug in bugs:
        try:
            check(bug, ROOT)
        except BadPatch as bad:
            wrong += 1
            _say(str(bad))
    _say(f"{len(bugs) - wrong} of {len(bugs)} patches fit, each in one file and changing what runs")
    return int(wrong > 0)


def _report(trial: Trial) -> None:
    _say(f"{trial.bug.name}: {trial.verdict} {trial.by} ({trial.seconds:.0f} s)")
    if trial.verdict is not Verdict.CAUGHT and trial.said:
        _say("\n".join(f"    {line}" for line in trial.said.splitlines()[-_TAIL:]))


def _tell(trials: Sequence[Trial], seconds: float) -> None:
    _say("")
    _say("| bug | what it means | noticed by | seconds |")
    _say("|---|---|---|---:|")
    for trial in trials:
        by = trial.by.replace("|", "\\|")
        noticed = f"`{by}`" if trial.verdict is Verdict.CAUGHT else f"**{trial.verdict}**"
        _say(f"| {trial.bug.name} | {trial.bug.broken} | {noticed} | {trial.seconds:.0f} |")
    caught = sum(trial.verdict is Verdict.CAUGHT for trial in trials)
    _say("")
    _say(f"{caught} of {len(trials)} caught, in {seconds:.0f} s")
    for test in sorted({test for trial in trials for test in trial.red_anyway}):
        _say(f"red without any bug, and left out: {test}")


@contextmanager
def _nothing_left() -> Iterator[None]:
    """What tests leave behind when they are broken off comes to this process, and is ended."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        left = psutil.Process().children(recursive=True)
        for process in left:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(left, timeout=10)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.seeded", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--only", metavar="NAME", nargs="+", help="bugs with this in their name")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--whole", action="store_true", help="run all tests, not the named first")
    which.add_argument("--named", action="store_true", help="run the named tests alone")
    parser.add_argument("--check", action="store_true", help="only whether the patches fit")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="bugs at once (default 1)")
    parser.add_argument("--at", metavar="COMMIT", help="try a commit, not the files as they are")
    return parser


def _say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
