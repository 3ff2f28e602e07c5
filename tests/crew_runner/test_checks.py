"""What is found out about crews before anybody starts them."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

from crew_runner.host.worker import WorkerPool
from storage.definitions import CrewDefinition, CrewKind, CrewReport, ModelSettings
from tests.crew_runner.conftest import Shop
from tests.crew_runner.desk import Desk, crew, program
from tests.support.processes import wait_until

ROOT = Path(__file__).parent.parent.parent


def test_each_crew_is_built_at_start_and_its_problem_kept_in_words(shop: Shop) -> None:
    wait_until(
        lambda: len(shop.desk.reads.crew_reports()) == 5,
        within=90,
        what="every crew was checked",
    )
    reports = shop.desk.reads.crew_reports()

    def problem(name: str) -> str:
        return reports[name].problem or ""

    assert reports["three_tasks"].problem is None
    assert reports["three_tasks"].phases == ("all",)
    assert "the price list is missing" in problem("cannot_be_built")
    assert (problem("AFlow"), reports["AFlow"].phases) == ("", ("start",))
    assert "does not have: lost. It has: task_1, last." in problem("unnamed")
    assert "names phase 'way', which is not one of: gather, weigh, write" in problem("describes")


def test_the_check_works_without_a_started_pool(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "check.db")
    crews = {
        "good": program(tmp_path, ["run"]),
        "bad": CrewDefinition("bad", CrewKind.COMMAND, command=("no-such-program",)),
    }
    pool = WorkerPool(
        state=desk.state, reads=desk.reads, model=ModelSettings(), crews=crews, lease=desk.lease
    )
    reports: tuple[CrewReport, ...] = pool.check_crews()
    pool.stop(timedelta(seconds=1))

    assert [report.problem for report in reports] == [
        None,
        "The crew's program 'no-such-program' was not found or cannot be executed.",
    ]
    assert reports[0].phases == ("run",)


def test_the_serving_process_never_imports_crewai() -> None:
    imports = "import sys, crew_runner.host.worker, crew_runner.config.registry"
    asking = f"{imports}; print('crewai' in sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", asking], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert answer.stdout == "False\n"


def test_a_crew_that_describes_itself_differently_than_crews_yml_fails_in_words(
    shop: Shop,
) -> None:
    run = shop.desk.start(crew("three_tasks", None, "way"), "oats")

    assert "names phase 'way'" in (shop.desk.ended(run).error or "")
