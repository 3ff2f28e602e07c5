"""The test of the tests: seeds bugs one by one, and checks that the suite catches each.

    python -m tests.seeded                  # all bugs, and a table
    python -m tests.seeded --only decide    # the bugs with this in their name
    python -m tests.seeded --check          # check only that every patch fits exactly one place

Each bug is applied to a copy of the tree in a temporary folder. The tests that it names run first,
then all others. A bug is caught by a test that fails with it, fails again when it runs alone, and
passes without it. The exit code is 1 if any bug was not caught.

If the code has changed and a patch no longer fits: break the code again in the same way, and put
the output of `git diff -U1` (with more context if that fits twice) below the patch's two header
lines.
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
    options = _parser().parse_args(arguments)
    bugs = [bug for bug in all_bugs() if any(part in bug.name for part in options.only or [""])]
    if not bugs:
        _say(f"No bug has {' or '.join(options.only)} in its name.")
        return 2
    if options.check:
        return _check(bugs)
    began = time.monotonic()
    with _nothing_left(), workshop() as folder:
        clean = folder / "clean"
        clean.mkdir()
        if options.at is None:
            copy_checkout(clean)
        else:
            copy_commit(options.at, clean)
        trials = Trials(clean)
        try:
            results = _run(trials, bugs, options)
        finally:
            trials.end()
    _print_table(results, time.monotonic() - began)
    return int(any(trial.verdict is not Verdict.CAUGHT for trial in results))


def _run(trials: Trials, bugs: Sequence[Bug], options: argparse.Namespace) -> list[Trial]:
    results: list[Trial] = []
    how = {"look": not options.whole, "look_further": not options.named}
    with ThreadPoolExecutor(options.jobs) as executor:
        try:
            running = [executor.submit(trials.of, bug, **how) for bug in bugs]
            for future in as_completed(running):
                trial = future.result()
                results.append(trial)
                _report(trial)
        except BaseException:
            executor.shutdown(wait=False, cancel_futures=True)
            trials.end()
            raise
    return sorted(results, key=lambda trial: trial.bug.name)


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
    if trial.verdict is not Verdict.CAUGHT and trial.log:
        _say("\n".join(f"    {line}" for line in trial.log.splitlines()[-_TAIL:]))


def _print_table(trials: Sequence[Trial], seconds: float) -> None:
    _say("")
    _say("| bug | what it breaks | caught by | seconds |")
    _say("|---|---|---|---:|")
    for trial in trials:
        by = trial.by.replace("|", "\\|")
        noticed = f"`{by}`" if trial.verdict is Verdict.CAUGHT else f"**{trial.verdict}**"
        _say(f"| {trial.bug.name} | {trial.bug.broken} | {noticed} | {trial.seconds:.0f} |")
    caught = sum(trial.verdict is Verdict.CAUGHT for trial in trials)
    _say("")
    _say(f"{caught} of {len(trials)} caught, in {seconds:.0f} s")
    for test in sorted({test for trial in trials for test in trial.red_anyway}):
        _say(f"failed without any bug, and ignored: {test}")


@contextmanager
def _nothing_left() -> Iterator[None]:
    """Adopt the processes that interrupted tests leave behind, and kill them."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        children = psutil.Process().children(recursive=True)
        for process in children:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(children, timeout=10)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.seeded", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--only", metavar="NAME", nargs="+", help="bugs with this in their name")
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--whole", action="store_true", help="run all tests, not the named ones first"
    )
    which.add_argument("--named", action="store_true", help="run only the named tests")
    parser.add_argument("--check", action="store_true", help="only check that the patches fit")
    parser.add_argument(
        "--jobs", type=int, default=1, metavar="N", help="bugs at once (default: 1)"
    )
    parser.add_argument("--at", metavar="COMMIT", help="test a commit instead of the working tree")
    return parser


def _say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
