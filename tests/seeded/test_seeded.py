"""Every patch fits, and a bug that tests catch is distinguished from one that they miss."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.seeded.bugs import ROOT, BadPatch, Bug, all_bugs, check
from tests.seeded.trees import workshop
from tests.seeded.trials import Trials, Verdict

BUGS = all_bugs()
ITS_TESTS = "tests/bot/test_logs.py"
ALWAYS_RED = "tests/bot/test_always_red.py"
SMALL_TREE = (
    "bot/__init__.py",
    "bot/process/logs.py",
    "tests/__init__.py",
    "tests/seeded/__init__.py",
    "tests/seeded/pytest_events.py",
    ITS_TESTS,
)

UNNOTICEABLE = """--- a/bot/process/logs.py
+++ b/bot/process/logs.py
@@ -51,3 +51,3 @@
 def _when(record: logging.LogRecord) -> str:
-    moment = datetime.fromtimestamp(record.created, UTC)
+    moment = datetime.fromtimestamp(record.created, tz=UTC)
     return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
"""


@pytest.fixture(scope="module")
def clean() -> Iterator[Path]:
    """As much of the tree as one test file needs, and a test that fails without any bug."""
    with workshop() as folder:
        tree = folder / "clean"
        for name in SMALL_TREE:
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tree / name)
        (tree / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
        (tree / ALWAYS_RED).write_text("def test_red():\n    assert False\n")
        yield tree


@pytest.fixture(scope="module")
def trials(clean: Path) -> Iterator[Trials]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # half the time of a short run
        yield Trials(clean)


def named(part: str) -> Bug:
    return next(bug for bug in BUGS if part in bug.name)


def test_there_are_at_least_thirty_bugs_and_no_two_are_the_same() -> None:
    assert len({bug.diff for bug in BUGS}) == len({bug.broken for bug in BUGS}) == len(BUGS) >= 30


@pytest.mark.parametrize("bug", BUGS, ids=[bug.name for bug in BUGS])
def test_a_bug_fits_one_place_of_the_product_and_changes_what_runs(bug: Bug) -> None:
    check(bug, ROOT)


def test_a_bug_that_a_test_notices_is_caught_by_it_and_leaves_nothing(
    trials: Trials, clean: Path
) -> None:
    trial = trials.of(named("secrets-in-tracebacks"), look_further=False)

    assert (trial.verdict, trial.red_anyway) == (Verdict.CAUGHT, ())
    assert trial.by.startswith(ITS_TESTS)
    assert not clean.with_name(trial.bug.name).exists()


def test_a_bug_that_no_test_catches_is_reported_and_a_test_that_always_fails_is_no_catch(
    trials: Trials,
) -> None:
    bug = Bug("unnoticeable", "", ("tests/bot",), UNNOTICEABLE)

    trial = trials.of(bug, look_further=False)

    assert trial.verdict is Verdict.NOT_CAUGHT
    assert trial.red_anyway == (f"{ALWAYS_RED}::test_red",)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("-    moment", "-    moments", "fits 0 places"),
        ("tz=UTC)", "UTC)", "changes nothing that runs"),
        ("tz=UTC)", "tz=UTC", "leaves invalid Python"),
        ("b/bot/process/logs.py", "b/tests/bot/test_logs.py", "changes tests/bot/test_logs.py"),
    ],
)
def test_a_patch_that_seeds_no_bug_is_refused_in_words(old: str, new: str, why: str) -> None:
    assert UNNOTICEABLE.count(old) == 1
    with pytest.raises(BadPatch, match=why):
        check(Bug("patch", "", (), UNNOTICEABLE.replace(old, new)), ROOT)
