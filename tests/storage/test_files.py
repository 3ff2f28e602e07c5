"""Files that phases wrote: kept with the execution, and published only once they are approved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, event, func, select

from storage.db import tables
from storage.db.database import reading
from storage.db.tables import audit, files, publications
from storage.decisions import Decision
from storage.definitions import CrewDefinition, OnTimeout, Workspace
from storage.errors import LeaseLost
from storage.kept_files import KeptFile, Publication
from storage.messages import OutboxKind
from storage.outbox.outbox import Outbox
from storage.reads import Reads
from storage.records import Action, Claim, OutputFile, Pause, PhaseOutput
from storage.state_manager import StateManager
from storage.states import ExecutionState
from tests.storage.conftest import Run
from tests.support.factories import ANA, BEN, SettableClock, crew, output, rule

PROJECT = "/srv/plan"


def project(*, after: Sequence[str] = ("planning", "analysis"), **more: object) -> CrewDefinition:
    return replace(crew(after=after), project=PROJECT, **more)  # type: ignore[arg-type]  # by name


def with_files(*kept: KeptFile) -> PhaseOutput:
    listed = tuple(OutputFile(file.path, len(file.content or b"")) for file in kept)
    return replace(output("a draft"), files=listed)


def claim(run: Run) -> Claim:
    claimed = run.state.claim("worker")
    assert claimed is not None
    return claimed


def write(run: Run, path: str, text: str = "text") -> None:
    """Run the next phase, which writes one file."""
    kept = KeptFile(path, text.encode())
    run.state.phase_done(claim(run), with_files(kept), files=[kept])


def decide(run: Run, action: Action) -> None:
    run.state.decide(Decision(run.waiting.id, action, BEN, text="shorter"))


def to_publish(reads: Reads) -> list[Publication]:
    return list(reads.publications_due(PROJECT))


def paths(reads: Reads) -> list[str]:
    """What would be written into the project, in this order."""
    return [file.path for each in to_publish(reads) for file in reads.files_to_publish(each)]


def publish_all(state: StateManager, reads: Reads) -> list[str]:
    written = []
    for publication in to_publish(reads):
        listed = [file.path for file in reads.files_to_publish(publication)]
        state.record_published(publication, files=len(listed))
        written += listed
    return written


def test_files_are_kept_with_the_execution_in_the_order_of_its_phases(
    run: Run, reads: Reads
) -> None:
    run.start(project(after=()))
    script = KeptFile("bin/run.sh", b"#!\0\xff", 0o755)
    run.state.phase_done(claim(run), with_files(script), files=[script, KeptFile("old.md", None)])
    write(run, "report.md")

    first, second, third = reads.kept_files(run.id)

    assert (first.path, first.size, first.mode, first.deleted) == ("bin/run.sh", 4, 0o755, False)
    assert (second.path, second.deleted, second.phase_index) == ("old.md", True, 0)
    assert (third.path, third.phase_index) == ("report.md", 1)
    assert reads.file_content(first.seq) == b"#!\0\xff"
    assert reads.file_content(second.seq) is None


def test_a_worker_that_lost_its_lease_keeps_no_file(
    run: Run, reads: Reads, clock: SettableClock
) -> None:
    run.start(project())
    lost = claim(run)
    clock.move(timedelta(minutes=5))
    claim(run)
    kept = KeptFile("report.md", b"late")

    with pytest.raises(LeaseLost):
        run.state.phase_done(lost, with_files(kept), files=[kept])

    assert reads.kept_files(run.id) == ()


def test_a_revisions_files_replace_those_of_the_output_that_it_revises(
    run: Run, reads: Reads
) -> None:
    run.start(project())
    write(run, "first.md")
    shown = run.waiting
    decide(run, Action.REVISE)
    assert [file.path for file in reads.kept_files(run.id)] == ["first.md"]
    write(run, "second.md")

    assert [file.path for file in reads.kept_files(run.id)] == ["second.md"]
    decide(run, Action.CONTINUE)
    assert paths(reads) == ["second.md"]
    assert reads.content_of(shown.phase_run_id, "first.md") is None


def test_continue_publishes_the_files_of_the_phase_that_was_shown(run: Run, reads: Reads) -> None:
    run.start(project())
    write(run, "report.md")
    assert paths(reads) == []

    decide(run, Action.CONTINUE)

    assert reads.projects_to_publish() == (PROJECT,)
    assert paths(reads) == ["report.md"]


def test_a_timeout_that_continues_publishes(run: Run, reads: Reads, clock: SettableClock) -> None:
    definition = crew(decided_by=rule(on_timeout=OnTimeout.CONTINUE))
    run.start(replace(definition, project=PROJECT))
    write(run, "report.md")

    clock.move(timedelta(hours=2))
    run.state.expire_due()

    assert paths(reads) == ["report.md"]


@pytest.mark.parametrize("action", [Action.STOP, Action.SKIP, Action.REVISE])
def test_no_other_decision_publishes(run: Run, reads: Reads, action: Action) -> None:
    run.start(project())
    write(run, "report.md")

    decide(run, action)

    assert reads.projects_to_publish() == ()


def test_a_skipped_phase_is_not_published_at_the_end_either(run: Run, reads: Reads) -> None:
    run.start(project())
    for action in (Action.SKIP, Action.CONTINUE):
        write(run, f"{action}.md")
        decide(run, action)
    write(run, "end.md")

    assert run.now.state is ExecutionState.COMPLETED
    assert paths(reads) == ["continue.md", "end.md"]


def test_a_checkpoint_that_was_left_out_at_the_start_does_not_publish(
    run: Run, reads: Reads
) -> None:
    run.start(project(), checkpoints=["after_analysis"])
    write(run, "planning.md")
    write(run, "analysis.md")
    decide(run, Action.CONTINUE)
    write(run, "end.md")

    assert paths(reads) == ["analysis.md", "end.md"]


def test_a_cancelled_and_a_failed_execution_publish_nothing(run: Run, reads: Reads) -> None:
    run.start(project(after=("analysis",)))
    write(run, "planning.md")
    run.state.cancel(run.id, actor=ANA)

    assert reads.projects_to_publish() == ()


def test_phases_without_a_checkpoint_are_published_when_the_execution_completes(
    run: Run, reads: Reads
) -> None:
    run.start(project(after=("analysis",)))
    write(run, "planning.md")
    write(run, "analysis.md")
    assert paths(reads) == []
    decide(run, Action.CONTINUE)
    assert paths(reads) == ["analysis.md"]
    write(run, "end.md")

    assert paths(reads) == ["analysis.md", "planning.md", "end.md"]


def pause_at(run: Run, gate: str, *kept: KeptFile, outcomes: tuple[str, ...]) -> None:
    claimed = claim(run)
    if not claimed.execution.phases:
        claimed = run.state.record_phases(claimed, ["start"])
    pause = Pause(gate, outcomes=outcomes)
    run.state.phase_done(claimed, replace(with_files(*kept), pause=pause), files=kept)


def test_what_an_outcome_of_a_flow_means_shows_when_the_flow_completes(
    run: Run, reads: Reads
) -> None:
    run.start(project(after=(), phases=()))
    outcomes = ("approved", "needs_work")
    for outcome in ("needs_work", "approved"):
        pause_at(run, "review", KeptFile(f"{outcome}.md", b"x"), outcomes=outcomes)
        run.state.decide(Decision(run.waiting.id, Action.CONTINUE, BEN, outcome=outcome))
        assert paths(reads) == []
    write(run, "end.md")

    assert run.now.state is ExecutionState.COMPLETED
    assert paths(reads) == ["needs_work.md", "approved.md", "end.md"]


def test_a_gate_without_outcomes_is_decided_like_a_checkpoint(run: Run, reads: Reads) -> None:
    run.start(project(after=(), phases=()))
    for action in (Action.CONTINUE, Action.SKIP):
        pause_at(run, "review", KeptFile(f"{action}.md", b"x"), outcomes=())
        decide(run, action)

    assert paths(reads) == ["continue.md"]
    write(run, "end.md")
    assert paths(reads) == ["continue.md", "end.md"]


def test_an_earlier_phase_that_is_published_later_does_not_replace_a_later_phases_file(
    run: Run, state: StateManager, reads: Reads
) -> None:
    run.start(project(after=("analysis",)))
    write(run, "report.md", "draft")
    write(run, "report.md", "final")
    decide(run, Action.CONTINUE)
    assert publish_all(state, reads) == ["report.md"]
    run.work()

    assert publish_all(state, reads) == []


def test_the_last_approval_of_a_file_wins_even_if_an_earlier_one_failed_at_first(
    run: Run, state: StateManager, engine: Engine, clock: SettableClock
) -> None:
    reads = Reads(engine, clock)
    definition = project(after=("planning",), phases=crew().phases[:1])
    for _ in range(2):
        run.start(definition)
        write(run, "report.md")
        decide(run, Action.CONTINUE)
    first, second = to_publish(reads)
    state.record_not_published(first, "Permission denied.", delay=timedelta(seconds=4))
    assert [each.seq for each in to_publish(reads)] == [second.seq]
    state.record_published(second, files=1)
    clock.move(timedelta(seconds=5))

    [again] = to_publish(reads)

    assert (again.seq, again.attempts) == (first.seq, 1)
    assert reads.files_to_publish(again) == ()


def test_a_publication_is_audited_once_it_is_made_and_once_if_it_fails(
    run: Run, state: StateManager, reads: Reads, engine: Engine, outbox: Outbox
) -> None:
    run.start(project())
    write(run, "report.md")
    decide(run, Action.CONTINUE)
    [publication] = to_publish(reads)
    for _ in range(3):
        state.record_not_published(publication, "Permission denied.")
    for _ in range(2):
        state.record_published(publication, files=1, refused=["../x"])

    with reading(engine) as connection:
        of_files = select(audit.c.event).where(audit.c.event.like("files.%")).order_by(audit.c.seq)
        events = list(connection.execute(of_files).scalars())
    assert events == ["files.approved", "files.not_published", "files.published"]
    assert reads.projects_to_publish() == ()
    assert notices(engine) == [
        "Phase planning: its files are approved but cannot be written into the project's folder: "
        "Permission denied. I keep trying.",
        "Phase planning: 1 of its files would have left the project's folder, or replaced a "
        "folder.",
    ]


def test_the_thread_hears_when_a_failed_publication_was_made_after_all(
    run: Run, state: StateManager, reads: Reads, engine: Engine
) -> None:
    run.start(project())
    write(run, "report.md")
    decide(run, Action.CONTINUE)
    [publication] = to_publish(reads)

    state.record_not_published(publication, "Permission denied.")
    assert reads.failed_publications() == {PROJECT: (1, "Permission denied.")}
    state.record_published(publication, files=1)
    assert reads.failed_publications() == {}

    assert notices(engine)[1:] == ["Phase planning: its files are written now."]


def notices(engine: Engine) -> list[str]:
    payloads = select(tables.outbox.c.payload).where(tables.outbox.c.kind == OutboxKind.NOTICE)
    with reading(engine) as connection:
        rows = connection.execute(payloads.order_by(tables.outbox.c.seq)).scalars()
        return [str(payload["text"]) for payload in rows]


def test_a_crew_that_shares_its_project_keeps_and_publishes_nothing(
    run: Run, reads: Reads, engine: Engine
) -> None:
    run.start(project(workspace=Workspace.SHARED))
    write(run, "report.md")
    decide(run, Action.CONTINUE)

    with reading(engine) as connection:
        for table in (files, publications):
            assert connection.execute(select(func.count()).select_from(table)).scalar_one() == 0


def test_the_checkpoint_lists_all_files_and_posts_the_first_five_that_can_be_shown(
    run: Run, outbox: Outbox
) -> None:
    run.start(project())
    names = ["a.md", "b.bin", "c.png", "d.json", "e.txt", "empty.md", "f.csv", "g.md"]
    kept = [KeptFile(name, b"" if name == "empty.md" else b"x") for name in names]
    run.state.phase_done(claim(run), with_files(*kept), files=kept)

    assert [file.path for file in run.waiting.output.files] == names
    posted = []
    while rows := outbox.take(owner="d"):
        for row in rows:
            posted.append(row)
            sent = outbox.sending(row)
            outbox.release(outbox.posted(sent, channel="C", ts=f"{row.seq}.1", shown=row.version))
    assert [row.payload["path"] for row in posted if "path" in row.payload] == [
        "a.md",
        "c.png",
        "d.json",
        "e.txt",
        "f.csv",
    ]


def test_files_that_no_checkpoint_has_shown_are_posted_with_the_final_message(
    run: Run, outbox: Outbox
) -> None:
    run.start(project(after=("analysis",)))
    for phase in ("planning", "analysis"):
        write(run, f"{phase}.md")
    decide(run, Action.CONTINUE)
    write(run, "end.md")

    result = run.now.result
    assert result is not None
    assert [file.path for file in result.files] == ["planning.md", "end.md"]
    runs = [each.id for each in run.reads.phase_runs(run.id)]
    posted = {}
    while rows := outbox.take(owner="d"):
        for row in rows:
            if "path" in row.payload:
                posted[row.payload["path"]] = (row.key, row.payload["run"])
            sent = outbox.sending(row)
            outbox.release(outbox.posted(sent, channel="C", ts=f"{row.seq}.1", shown=row.version))
    assert posted["planning.md"] == (f"file:{run.id}:1", runs[0])
    assert posted["end.md"] == (f"file:{run.id}:2", runs[2])


def test_reading_phase_runs_and_claiming_reads_no_contents(
    run: Run, reads: Reads, engine: Engine
) -> None:
    run.start(project())
    write(run, "report.md")
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))

    reads.phase_runs(run.id)
    decide(run, Action.CONTINUE)
    claim(run)
    reads.kept_files(run.id)

    assert statements
    assert not any("content" in statement for statement in statements)


def test_old_executions_are_deleted_with_their_files(
    run: Run, state: StateManager, reads: Reads, engine: Engine, clock: SettableClock
) -> None:
    run.start(project(after=()))
    for phase in range(3):
        write(run, f"{phase}.md")
    clock.move(timedelta(days=40))

    assert state.delete_old_executions(older_than=timedelta(days=30)) == 1

    with reading(engine) as connection:
        for table in (files, publications):
            assert connection.execute(select(func.count()).select_from(table)).scalar_one() == 0
