"""Each execution works in its own copy of the crew's project (real crews and workers)."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from crew_runner.host import workspaces
from crew_runner.host.worker import WorkerPool
from storage.definitions import CheckpointDefinition, CrewDefinition, CrewKind, Workspace
from storage.records import Action, OutputFile
from storage.states import ExecutionState
from tests.crew_runner.conftest import RunnerFixture
from tests.crew_runner.harness import RULE
from tests.crew_runner.projects import desk
from tests.support.processes import wait_until


def test_the_file_of_a_stopped_run_does_not_replace_that_of_an_approved_one(
    runner: RunnerFixture, tmp_path: Path
) -> None:
    project = tmp_path / "desk"
    definition = desk(project, "draft")
    harness = runner.harness
    approved = harness.start(definition, "apples")
    first = harness.checkpoint(approved)
    stopped = harness.start(definition, "bears")
    second = harness.checkpoint(stopped)

    harness.decide(first, Action.CONTINUE)
    harness.decide(second, Action.STOP)

    assert harness.ended(approved).state is ExecutionState.COMPLETED
    assert harness.ended(stopped).state is ExecutionState.STOPPED
    report = project / "report.md"
    wait_until(report.exists, within=10, what="the approved file is in the project")
    assert report.read_text() == "text about apples"


def test_a_later_phase_finds_what_an_earlier_one_wrote_before_it_is_published(
    runner: RunnerFixture, tmp_path: Path
) -> None:
    project = tmp_path / "desk"
    reads = "Path('seen.txt').write_text(' '.join(sorted(p.name for p in Path('.').glob('*.md'))))"
    definition = desk(project, "write", tasks={"draft": "draft.md", "write": None}, extra=reads)
    harness = runner.harness
    run = harness.start(definition, "apples")

    checkpoint = harness.checkpoint(run)

    [seen] = [f for f in harness.reads.kept_files(run) if f.path == "seen.txt" and f.phase_index]
    assert harness.reads.file_content(seen.seq) == b"draft.md"
    assert checkpoint.output.files == (OutputFile("seen.txt", 8),)
    assert sorted(path.name for path in project.iterdir()) == ["desk.py"]
    harness.decide(checkpoint, Action.STOP)


def test_the_copy_of_an_execution_is_at_the_same_path_in_each_phase(
    runner: RunnerFixture, tmp_path: Path
) -> None:
    tasks = {"draft": None, "write": None}
    where = "Path('where.txt').open('a').write(str(Path.cwd()) + chr(10))"
    definition = desk(tmp_path / "desk", "draft", "write", tasks=tasks, extra=where)
    harness = runner.harness
    run = harness.start(definition, "apples")
    harness.decide(harness.checkpoint(run), Action.CONTINUE)

    checkpoint = harness.checkpoint(run)

    where_txt = harness.reads.content_of(checkpoint.phase_run_id, "where.txt")
    assert where_txt is not None
    paths = where_txt.decode().splitlines()
    assert len(paths) == 2
    assert {Path(path).name for path in paths} == {"desk"}
    assert len({*paths}) == 1
    assert not Path(paths[0]).exists()
    harness.decide(checkpoint, Action.STOP)


def test_a_revision_starts_from_the_files_that_it_revises_and_replaces_them(
    runner: RunnerFixture, tmp_path: Path
) -> None:
    project = tmp_path / "desk"
    definition = desk(
        project,
        "draft",
        extra="open('calls.txt', 'a').write('call ')",
        tasks={"draft": "report.md"},
    )
    (project / "calls.txt").write_text("project ")
    harness = runner.harness
    run = harness.start(definition, "apples")
    first = harness.checkpoint(run)
    assert [file.path for file in first.output.files] == ["calls.txt", "report.md"]

    harness.decide(first, Action.REVISE, "shorter")
    second = harness.checkpoint(run)
    harness.decide(second, Action.CONTINUE)

    assert harness.ended(run).state is ExecutionState.COMPLETED
    calls = project / "calls.txt"
    wait_until(
        lambda: calls.read_text() == "project call call ",
        within=10,
        what="the revision's files",
        shown=calls.read_text,
    )


def test_a_failed_try_leaves_nothing_behind(runner: RunnerFixture, tmp_path: Path) -> None:
    project = tmp_path / "desk"
    tried = str(tmp_path / "tried")
    fails_once = "; ".join(
        [
            "assert not Path('half.md').exists()",
            "Path('half.md').write_text('half')",
            f"first = not Path({tried!r}).exists()",
            f"Path({tried!r}).touch()",
            "assert not first",
        ]
    )
    definition = desk(project, "draft", extra=fails_once)
    harness = runner.harness

    checkpoint = harness.checkpoint(harness.start(definition, "apples"))

    assert len(harness.runs(checkpoint.execution_id)) == 2
    assert [file.path for file in checkpoint.output.files] == ["half.md", "report.md"]
    harness.decide(checkpoint, Action.STOP)


def test_a_crew_that_shares_its_project_writes_into_it_at_once(
    runner: RunnerFixture, tmp_path: Path
) -> None:
    definition = desk(tmp_path / "desk", "draft", workspace=Workspace.SHARED)
    harness = runner.harness

    checkpoint = harness.checkpoint(harness.start(definition, "apples"))

    assert (tmp_path / "desk/report.md").read_text() == "text about apples"
    assert checkpoint.output.files == ()
    harness.decide(checkpoint, Action.STOP)


def test_a_project_that_is_too_large_to_copy_fails_in_words_before_anything_runs(
    runner: RunnerFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    definition = desk(tmp_path / "desk", "draft")
    monkeypatch.setattr(workspaces, "MAX_COPIED_FILES", 0)
    harness = runner.harness

    ended = harness.ended(harness.start(definition, "apples"))

    assert ended.state is ExecutionState.ERROR
    assert "`workspace: shared`" in str(ended.error)
    assert len(harness.runs(ended.id)) == 1


def test_a_program_works_in_the_copy_and_cannot_claim_files_that_it_did_not_write(
    runner: RunnerFixture, tmp_path: Path
) -> None:
    project = tmp_path / "desk"
    project.mkdir()
    (project / "facts.txt").write_text("facts")
    answer = json.dumps({"status": "complete", "output": "done", "files": [{"path": "x"}]})
    definition = CrewDefinition(
        name="desk",
        kind=CrewKind.COMMAND,
        command=("sh", "-c", f"cat facts.txt > copy.txt; cat > /dev/null; echo '{answer}'"),
        project=str(project),
        checkpoints=(CheckpointDefinition("after", RULE, after="run"),),
    )
    harness = runner.harness

    checkpoint = harness.checkpoint(harness.start(definition, "apples"))

    assert checkpoint.output.files == (OutputFile("copy.txt", 5),)
    harness.decide(checkpoint, Action.STOP)


def test_building_a_crew_writes_nothing_into_its_project(
    runner: RunnerFixture, tmp_path: Path
) -> None:
    project = tmp_path / "desk"
    definition = desk(project, "draft")
    module = project / "desk.py"
    module.write_text(module.read_text() + "\nPath('built.txt').write_text('built')\n")
    pool = WorkerPool(
        state=runner.harness.state,
        reads=runner.harness.reads,
        model=runner.model.settings(),
        crews={"desk": definition},
        lease=timedelta(seconds=60),
    )
    try:
        [report] = pool.check_crews()
    finally:
        pool.stop(timedelta(seconds=4))

    assert report.problem is None
    assert report.phases == ("draft",)
    assert [path.name for path in project.iterdir()] == ["desk.py"]
