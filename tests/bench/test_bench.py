"""Benchmarks with very small counts: every figure is present, although none means anything."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bench import __main__ as command
from tests.bench import acks, buttons, cycles, events, imports, onward, phase_cost, start
from tests.bench.figures import Figure, Result, percentile, ratio
from tests.support.prefork_server import PreforkServer
from tests.support.preforked_fork_server import from_prefork_server


def names(result: Result) -> set[str]:
    """The names of the figures, after a check that each value is plausible."""
    for figure in result.figures:
        assert math.isfinite(figure.value), figure
        assert figure.value > 0, figure
    return {figure.name for figure in result.figures}


def test_start_compares_each_start_of_the_bot_with_another_program(tmp_path: Path) -> None:
    result = start.measure(tmp_path, rounds=1, reference=["-c", "import json"])

    assert result.samples == 1
    assert names(result) == {
        "serve to /health",
        "python -c 'import crewai'",
        "serve, of the import",
    }
    assert result["serve, of the import"] == pytest.approx(
        result["serve to /health"] / result["python -c 'import crewai'"]
    )


def test_acks_time_every_command_and_click_of_both_apps(tmp_path: Path) -> None:
    result = acks.measure(tmp_path, mode="socket", samples=2, crew="program", long="waiting")

    assert result.name == "acks-socket"
    assert result.samples == 2 * 2
    assert names(result) == {
        f"{event}, {figure}"
        for event in ("/crew", "click")
        for figure in (
            "bot, p50",
            "bot, p99",
            "empty Bolt app, p50",
            "empty Bolt app, p99",
            "bot to empty app",
            "bot to empty app, p99",
        )
    }


def test_buttons_time_every_card_and_its_decision_under_slacks_limits(tmp_path: Path) -> None:
    pace = buttons.Pace(before=0.1, ends=0.1, decisions=0.1, progress=0.1)
    result = buttons.measure(tmp_path, runs=2, pace=pace)

    assert result.samples == 2
    assert names(result) == {
        "phase's end to buttons, p50",
        "phase's end to buttons, p99",
        "click to decided, p50",
        "click to decided, p99",
        "updates",
    }


def test_events_reach_every_stream_once_while_connections_break(tmp_path: Path) -> None:
    load = events.Load(streams=30, watching=6, runs=4, seconds=1.0, reconnects=30.0)

    result = events.measure(tmp_path, load=load, rounds=1)

    assert (result["events lost"], result["events doubled"]) == (0, 0)
    assert result.samples == 50 * 3 * (6 + 24 / 4)
    assert {figure.name for figure in result.figures} >= {
        "commit to event, p99",
        "bare Starlette app, p99",
        "commit to event, p99, of the bare app",
        "memory at the end, of the start",
    }


def test_imports_compare_projects_that_import_slowly_with_one_that_does_not(
    tmp_path: Path, crewai_prefork_server: PreforkServer
) -> None:
    kinds = ("nothing", "own")

    with from_prefork_server(crewai_prefork_server):
        result = imports.measure(tmp_path, rounds=1, seconds=0.5, kinds=kinds)

    assert {figure.name for figure in result.figures} == {
        *(f"{kind}: the first phase" for kind in kinds),
        *(f"{kind}: a later phase" for kind in kinds),
        "own: a later phase, more than nothing",
    }


def test_onward_sees_the_claim_before_the_first_line_of_the_process(tmp_path: Path) -> None:
    result = onward.measure(tmp_path, samples=2, kinds=("program",))

    assert result.samples == 2
    assert {"program: click to claim, p99", "program: click to first line, in commits"} <= names(
        result
    )
    assert (
        result["program: click to claim, p50"]
        < result["program: click to the child's first line, p50"]
    )


def test_phase_cost_counts_the_phases_that_ran(tmp_path: Path) -> None:
    result = phase_cost.measure(tmp_path, rounds=1, kinds=("program",))

    assert result.samples == 2
    assert {
        "program: a phase through the runner",
        "program: cost a phase",
        "program: through the runner to without",
    } <= {figure.name for figure in result.figures}


def test_cycles_drive_every_execution_through_all_of_its_checkpoints(tmp_path: Path) -> None:
    result = cycles.measure(tmp_path, rounds=2, executions=2)

    assert result.samples == 2 * 2 * 3
    assert {"cycles", "durable commits of the disk", "decide, p99"} <= names(result)
    assert result["commits a cycle"] == cycles.COMMITS_A_CYCLE
    assert result["statements a cycle"] <= 34  # two in each commit chain the audit log


def test_the_command_prints_a_table_and_writes_the_same_figures_as_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def measured(_folder: Path) -> Result:
        return Result("cycles", "storage", 3, (Figure("claim, p50", 1.25, "ms"),))

    benchmarks: dict[str, Callable[[Path], Result]] = {"cycles": measured}
    monkeypatch.setattr(command, "BENCHMARKS", benchmarks)
    file = tmp_path / "figures.json"

    assert command.main(["--only", "cycles", "--json", str(file), "--folder", str(tmp_path)]) == 0

    printed = capsys.readouterr().out
    assert "cycles: storage (3 samples)" in printed
    assert "claim, p50        1.2 ms" in printed
    assert "Python 3." in printed
    report = json.loads(file.read_text())
    assert report["cores"] >= 1
    assert report["results"][0]["figures"] == [{"name": "claim, p50", "value": 1.25, "unit": "ms"}]


def test_a_percentile_is_a_sample_that_was_taken() -> None:
    samples = [float(n) for n in range(100, 0, -1)]

    assert percentile(samples, 50) == 50
    assert percentile(samples, 99) == 99
    assert percentile([7.0], 99) == 7
    assert str(ratio("of two", 3, 2)) == "1.50 x"
