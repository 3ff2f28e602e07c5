"""Texts that a person writes or chooses: they are shown again, decided, and then continue."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select

from storage.db.tables import audit
from storage.decisions import Decision, Edit, UseRevision
from storage.definitions import CrewDefinition, FormField, Limits
from storage.errors import (
    AlreadyDecided,
    BlankEdit,
    LimitReached,
    NoLesson,
    NotAllowed,
    NothingChanged,
    NotOffered,
    OutdatedMessage,
    UnknownRevision,
    UnknownTasks,
    WrongStructure,
)
from storage.kept_files import KeptFile
from storage.messages import OutboxKind
from storage.outbox.outbox import Outbox
from storage.output_hash import output_hash
from storage.reads import Reads
from storage.records import (
    Action,
    CheckpointKind,
    MessageRef,
    OutputFile,
    PhaseOutput,
    Question,
    RevisionMeans,
    TaskResult,
)
from storage.state_manager import StateManager
from storage.states import CheckpointState, ExecutionState, PhaseRunState
from tests.storage.conftest import Run
from tests.support.factories import BEN, GUS, SettableClock, crew, output


def edit(run: Run, text: str = "a better plan", **more: object) -> Edit:
    wish = Edit(run.waiting.id, {"": text}, BEN)
    return replace(wish, **more)  # type: ignore[arg-type]  # by name


def decide(run: Run, action: Action, text: str = "") -> None:
    run.state.decide(Decision(run.waiting.id, action, BEN, text))


def next_input(run: Run) -> PhaseOutput:
    """What the next phase gets of the newest one."""
    claim = run.state.claim("worker")
    assert claim is not None
    return claim.done[-1][1]


# --- edit ---------------------------------------------------------------------------------------


def test_an_edit_opens_a_checkpoint_with_the_new_text_and_the_run_still_waits(
    run: Run, state: StateManager, clock: SettableClock
) -> None:
    run.start()
    run.work("the plan")
    first = run.waiting
    clock.move(timedelta(minutes=10))

    reopened = state.edit(edit(run))

    assert reopened.execution == run.now
    assert run.now.state is ExecutionState.WAITING_FEEDBACK
    assert reopened.checkpoint == run.waiting
    assert reopened.checkpoint.id != first.id
    assert reopened.checkpoint.output.output == "a better plan"
    assert (reopened.checkpoint.revision, reopened.checkpoint.asked) == (2, "")
    assert reopened.checkpoint.asked_by == BEN
    assert (reopened.checkpoint.name, reopened.checkpoint.rule) == (first.name, first.rule)
    assert reopened.checkpoint.deadline == clock.now() + timedelta(hours=1)


def test_the_edited_checkpoint_is_decided_as_revised_by_the_person(
    run: Run, state: StateManager, reads: Reads
) -> None:
    run.start()
    run.work("the plan")
    first = run.waiting.id

    state.edit(edit(run))

    decided = reads.checkpoint(first)
    assert decided.state is CheckpointState.REVISED
    assert decided.feedback is not None
    assert (decided.feedback.action, decided.feedback.means) == (Action.REVISE, RevisionMeans.EDIT)
    assert (decided.feedback.actor, decided.feedback.text) == (BEN, "")


def test_no_worker_gets_an_edit_and_it_uses_nothing(
    run: Run, state: StateManager, reads: Reads
) -> None:
    run.start()
    run.work("the plan")

    state.edit(edit(run))

    assert state.claim("worker") is None
    newest = reads.phase_runs(run.id)[-1]
    assert (newest.state, newest.usage, newest.attempt) == (PhaseRunState.DONE, {}, 1)
    assert reads.usage_of_phase("plan", "planning") == ({},)


def test_a_form_a_summary_and_a_description_stay_with_the_checkpoint(
    run: Run, state: StateManager
) -> None:
    definition = crew()
    form = (FormField("note", "Note", required=False),)
    asking = tuple(replace(c, summary="outline", form=form) for c in definition.checkpoints)
    run.start(replace(definition, checkpoints=asking))
    run.work("the plan")

    reopened = state.edit(edit(run)).checkpoint

    assert (reopened.summary, reopened.form) == ("outline", form)
    assert reopened.description == "Review the planning"


def test_the_new_checkpoint_has_messages_of_its_own(
    run: Run, state: StateManager, outbox: Outbox
) -> None:
    run.start()
    run.work("the plan")
    first = run.waiting.id
    second = state.edit(edit(run)).checkpoint.id

    posted = []
    while rows := outbox.take(owner="deliverer"):
        for row in rows:
            posted.append((row.kind, row.checkpoint_id))
            sent = outbox.sending(row) if row.ts is None else row
            if row.ts is None:
                sent = outbox.posted(sent, channel="C1", ts=f"{row.seq}.1", shown=row.version)
            outbox.shown(sent, row.version)

    cards = [checkpoint for kind, checkpoint in posted if kind is OutboxKind.CHECKPOINT]
    assert cards == [first, second]


def test_each_task_has_its_own_text_and_the_last_one_is_the_phases(
    run: Run, state: StateManager
) -> None:
    run.start()
    run.work(output("the plan", tasks=["outline", "calendar"]))

    reopened = state.edit(edit(run, texts={"calendar": "Monday"})).checkpoint

    outline, calendar = reopened.output.tasks
    assert (outline.output, outline.edited) == ("outline: the plan", False)
    assert (calendar.output, calendar.edited) == ("Monday", True)
    assert calendar.saved == {"raw": "the plan"}
    assert reopened.output.output == "Monday"


def test_an_edit_of_an_earlier_task_leaves_the_phases_text(run: Run, state: StateManager) -> None:
    run.start()
    run.work(output("the plan", tasks=["outline", "calendar"]))

    reopened = state.edit(edit(run, texts={"outline": "One point"})).checkpoint

    assert [task.output for task in reopened.output.tasks] == ["One point", "calendar: the plan"]
    assert reopened.output.output == "the plan"


def test_the_only_task_may_be_named_or_not(run: Run, state: StateManager) -> None:
    run.start()
    run.work(output("the plan", tasks=["outline"]))

    unnamed = state.edit(edit(run, "Two points")).checkpoint
    named = state.edit(edit(run, texts={"outline": "Three points"})).checkpoint

    assert [task.output for task in unnamed.output.tasks] == ["Two points"]
    assert [task.output for task in named.output.tasks] == ["Three points"]
    assert (named.output.output, named.revision) == ("Three points", 3)


def test_the_text_of_an_only_task_is_what_its_phase_showed(run: Run, state: StateManager) -> None:
    run.start()
    run.work(replace(output("A plan", tasks=["outline"]), output="A plan, signed"))

    with pytest.raises(NothingChanged):
        state.edit(edit(run, "A plan, signed"))
    reopened = state.edit(edit(run, texts={"outline": "outline: A plan"})).checkpoint

    (task,) = reopened.output.tasks
    assert (task.output, task.edited) == ("outline: A plan", True)
    assert reopened.output.output == "outline: A plan"


def test_a_typed_output_is_edited_as_json(run: Run, state: StateManager) -> None:
    run.start()
    run.work(typed())

    reopened = state.edit(edit(run, '{"title": "New", "days": [1, 2, 3], "note": null}'))

    (task,) = reopened.checkpoint.output.tasks
    assert task.structured == (
        '{\n  "title": "New",\n  "days": [\n    1,\n    2,\n    3\n  ],\n  "note": null\n}'
    )
    assert task.output == '{"title": "New", "days": [1, 2, 3], "note": null}'


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("A title", "it must be JSON, like the text it replaces"),
        ('{"title": "New",}', "it must be JSON, like the text it replaces"),
        ("[1]", "it must be an object, not a list"),
        ('{"title": "New"}', "it needs `days`, `note`"),
        ('{"title": "A", "days": [1], "note": 1, "more": 2}', "it has no `more`"),
        ('{"title": 3, "days": [1], "note": null}', "`title` must be a text, not a whole number"),
        (
            '{"title": "A", "days": ["x"], "note": null}',
            "`days[0]` must be a whole number, not a text",
        ),
        ('{"title": "A", "days": [1.5], "note": 1}', "`days[0]` must be a whole number, not a num"),
        ('{"title": "A", "days": NaN, "note": null}', "it must be JSON"),
    ],
)
def test_json_of_another_kind_is_refused_in_words(
    run: Run, state: StateManager, text: str, sentence: str
) -> None:
    run.start()
    run.work(typed())

    with pytest.raises(WrongStructure) as refused:
        state.edit(edit(run, text))

    assert refused.value.sentence.startswith(sentence)
    assert refused.value.task == "outline"


def test_an_edit_that_changes_nothing_is_refused(run: Run, state: StateManager) -> None:
    run.start()
    run.work(output("one\ntwo", tasks=["outline"]))

    for text in ("one\ntwo", "one\r\ntwo\n "):
        with pytest.raises(NothingChanged):
            state.edit(edit(run, text))
    with pytest.raises(NothingChanged):
        state.edit(edit(run, texts={}))


def test_json_that_only_looks_different_is_no_change(run: Run, state: StateManager) -> None:
    run.start()
    run.work(typed())

    with pytest.raises(NothingChanged):
        state.edit(edit(run, '```json\n{"days":[1,2],"note":null,"title":"Old"}\n```'))


@pytest.mark.parametrize("text", ["", " \n\t", "\u200b\u2060", "\u3000"])
def test_a_blank_edit_is_refused(run: Run, state: StateManager, text: str) -> None:
    run.start()
    run.work("the plan")

    with pytest.raises(BlankEdit):
        state.edit(edit(run, text))


def test_a_text_for_a_task_that_is_not_shown_is_refused(run: Run, state: StateManager) -> None:
    run.start()
    run.work(output("the plan", tasks=["outline", "calendar"]))

    with pytest.raises(UnknownTasks) as refused:
        state.edit(edit(run, texts={"budget": "900", "outline": "x"}))

    assert refused.value.unknown == ("budget",)


def test_an_edit_is_not_larger_than_the_crews_outputs_may_be(run: Run, state: StateManager) -> None:
    run.start(replace(crew(), limits=Limits(output_bytes=20)))
    run.work("the plan")

    with pytest.raises(LimitReached) as refused:
        state.edit(edit(run, "ü" * 11))

    assert (refused.value.limit, refused.value.most) == ("output_bytes", 20)
    state.edit(edit(run, "ü" * 10))


# --- who, and when ------------------------------------------------------------------------------


def test_only_those_who_may_decide_may_edit(run: Run, state: StateManager) -> None:
    run.start()
    run.work("the plan")

    with pytest.raises(NotAllowed):
        state.edit(edit(run, actor=GUS))
    with pytest.raises(NotAllowed):
        state.use_revision(UseRevision(run.waiting.id, 1, GUS))


def test_an_edit_of_a_decided_checkpoint_comes_too_late(run: Run, state: StateManager) -> None:
    run.start()
    run.work("the plan")
    late = edit(run)
    decide(run, Action.CONTINUE)

    with pytest.raises(AlreadyDecided):
        state.edit(late)


def test_an_edit_of_a_text_that_is_no_longer_shown_is_refused(
    run: Run, state: StateManager
) -> None:
    run.start()
    run.work("the plan")

    with pytest.raises(OutdatedMessage):
        state.edit(edit(run, message=MessageRef("C1", "1.1")))
    with pytest.raises(OutdatedMessage):
        state.edit(edit(run, shown=output_hash(output("another plan"))))
    state.edit(edit(run, shown=output_hash(run.waiting.output)))


def test_only_the_output_of_a_phase_can_be_edited(run: Run, state: StateManager) -> None:
    run.start()
    claim = state.claim("worker")
    assert claim is not None
    asked = state.ask(claim, Question(CheckpointKind.TOOL, "send", "k", "Send?", shown="a mail"))

    with pytest.raises(NotOffered):
        state.edit(edit(run))
    with pytest.raises(NotOffered):
        state.use_revision(UseRevision(asked.id, 1, BEN))


def test_a_repeated_edit_gets_the_same_answer(run: Run, state: StateManager, reads: Reads) -> None:
    run.start()
    run.work("the plan")
    wish = edit(run, delivery="view:1")

    first = state.edit(wish)
    again = state.edit(wish)

    assert again == first
    assert len(reads.phase_runs(run.id)) == 2
    with pytest.raises(AlreadyDecided):
        state.edit(replace(wish, delivery="view:2"))


def test_the_delivery_of_another_decision_is_not_taken_for_an_edit(
    run: Run, state: StateManager
) -> None:
    run.start()
    run.work("the plan")
    wish = edit(run, delivery="view:1")
    state.decide(Decision(run.waiting.id, Action.REVISE, BEN, "shorter", delivery="view:1"))
    run.work("a short plan")

    with pytest.raises(AlreadyDecided):
        state.edit(wish)


# --- an earlier revision ------------------------------------------------------------------------


def test_an_earlier_revision_is_shown_again_and_then_decided(
    run: Run, state: StateManager, reads: Reads
) -> None:
    run.start()
    run.work(output("long", tasks=["outline"]))
    original = run.waiting.output
    decide(run, Action.REVISE, "shorter")
    run.work(output("short", tasks=["outline"]))
    second = run.waiting.id

    reopened = state.use_revision(UseRevision(second, 1, BEN)).checkpoint

    assert reopened == run.waiting
    assert (reopened.revision, reopened.output) == (3, original)
    feedback = reads.checkpoint(second).feedback
    assert feedback is not None
    assert (feedback.means, feedback.text) == (RevisionMeans.EARLIER, "revision 1")


def test_only_an_earlier_revision_with_another_text_can_be_used(
    run: Run, state: StateManager
) -> None:
    run.start()
    run.work("long")
    for number in (0, 1, 2):
        with pytest.raises(UnknownRevision):
            state.use_revision(UseRevision(run.waiting.id, number, BEN))
    state.edit(edit(run))
    state.use_revision(UseRevision(run.waiting.id, 1, BEN))

    with pytest.raises(NothingChanged):
        state.use_revision(UseRevision(run.waiting.id, 1, BEN))


def test_a_repeated_wish_for_a_revision_gets_the_same_answer(run: Run, state: StateManager) -> None:
    run.start()
    run.work("long")
    state.edit(edit(run))
    wish = UseRevision(run.waiting.id, 1, BEN, delivery="view:1")

    assert state.use_revision(wish) == state.use_revision(wish)


def test_all_revisions_of_a_phase_are_listed_oldest_first(
    run: Run, state: StateManager, reads: Reads
) -> None:
    run.start()
    run.work("the plan")
    state.edit(edit(run))
    decide(run, Action.REVISE, "shorter")
    run.work("short")
    decide(run, Action.CONTINUE)
    run.work("the analysis")

    planning = reads.checkpoints(run.id)[1]
    listed = reads.revisions(planning.id)

    assert [(each.revision, each.output.output) for each in listed] == [
        (1, "the plan"),
        (2, "a better plan"),
        (3, "short"),
    ]
    assert [each.output.output for each in reads.revisions(run.waiting.id)] == ["the analysis"]


# --- limits, lessons ----------------------------------------------------------------------------


def test_edits_do_not_count_as_revisions(run: Run, state: StateManager) -> None:
    run.start(replace(crew(), limits=Limits(revisions=1)))
    run.work("the plan")
    state.edit(edit(run))
    state.use_revision(UseRevision(run.waiting.id, 1, BEN))

    decide(run, Action.REVISE, "shorter")
    run.work("short")
    with pytest.raises(LimitReached):
        decide(run, Action.REVISE, "even shorter")
    state.edit(edit(run))
    with pytest.raises(LimitReached):
        state.intend_revise(run.waiting.id, actor=BEN)


def test_an_edit_teaches_no_lesson(run: Run, state: StateManager) -> None:
    run.start(replace(crew(), lessons=True))
    run.work("the plan")
    first = run.waiting.id
    state.edit(edit(run))

    with pytest.raises(NoLesson):
        state.add_lesson(first, actor=BEN)


# --- what continues is what was shown -----------------------------------------------------------


def test_what_continues_is_what_was_shown(run: Run, state: StateManager, reads: Reads) -> None:
    run.start()
    run.work(output("the plan", tasks=["outline", "calendar"]))

    shown = _continue(run)

    assert output_hash(next_input(run)) == shown


def test_what_continues_after_an_edit_is_the_edited_text(run: Run, state: StateManager) -> None:
    run.start()
    run.work(output("the plan", tasks=["outline", "calendar"]))
    state.edit(edit(run, texts={"outline": "Mine"}))

    shown = _continue(run)

    continued = next_input(run)
    assert output_hash(continued) == shown
    assert continued.tasks[0].output == "Mine"


def test_what_continues_after_choosing_revision_1_is_its_text(
    run: Run, state: StateManager
) -> None:
    run.start()
    run.work(output("the plan", tasks=["outline"]))
    original = output_hash(run.waiting.output)
    decide(run, Action.REVISE, "shorter")
    run.work(output("short", tasks=["outline"]))
    state.use_revision(UseRevision(run.waiting.id, 1, BEN))

    shown = _continue(run)

    assert output_hash(next_input(run)) == shown == original


def test_a_revision_of_an_edited_text_starts_from_it_and_its_result_continues(
    run: Run, state: StateManager
) -> None:
    run.start()
    run.work(output("the plan", tasks=["outline"]))
    state.edit(edit(run, "Mine"))
    decide(run, Action.REVISE, "shorter")
    claim = state.claim("worker")
    assert claim is not None
    assert claim.previous is not None
    assert claim.run.revision == 3
    assert [(t.output, t.edited) for t in claim.previous.tasks] == [("Mine", True)]
    state.phase_done(claim, output("M", tasks=["outline"]))

    shown = _continue(run)

    assert output_hash(next_input(run)) == shown


def _continue(run: Run) -> str:
    """Continue, bound to what the checkpoint shows. Returns the hash that was decided."""
    shown = output_hash(run.waiting.output)
    run.state.decide(Decision(run.waiting.id, Action.CONTINUE, BEN, shown=shown))
    return shown


def test_a_decision_about_another_text_than_the_checkpoints_is_refused(
    run: Run, state: StateManager
) -> None:
    run.start()
    run.work("the plan")
    shown = output_hash(run.waiting.output)
    state.edit(edit(run))

    with pytest.raises(OutdatedMessage):
        state.decide(Decision(run.waiting.id, Action.CONTINUE, BEN, shown=shown))


def test_the_log_names_the_texts_that_were_decided_by_their_hashes(
    run: Run, state: StateManager, engine: Engine
) -> None:
    run.start()
    run.work("the plan")
    old = output_hash(run.waiting.output)
    state.edit(edit(run))
    new = output_hash(run.waiting.output)
    decide(run, Action.CONTINUE)

    with engine.connect() as connection:
        rows = connection.execute(
            select(audit.c.details)
            .where(audit.c.event == "checkpoint.decided")
            .order_by(audit.c.seq)
        ).scalars()
        edited, continued = rows

    assert (edited["means"], edited["output"], edited["new_output"]) == ("edit", old, new)
    assert (continued["action"], continued["output"]) == ("continue", new)


# --- files --------------------------------------------------------------------------------------


def project(**more: object) -> CrewDefinition:
    return replace(crew(), project="/srv/plan", **more)  # type: ignore[arg-type]  # by name


def write(run: Run, text: str, path: str) -> None:
    claim = run.state.claim("worker")
    assert claim is not None
    kept = KeptFile(path, text.encode())
    done = replace(output(text), files=(OutputFile(path, len(text)),))
    run.state.phase_done(claim, done, files=[kept])


def published(reads: Reads) -> list[tuple[str, bytes | None]]:
    return [
        (file.path, reads.file_content(file.seq))
        for publication in reads.publications_due("/srv/plan")
        for file in reads.files_to_publish(publication)
    ]


def test_an_edited_output_keeps_its_files(run: Run, state: StateManager, reads: Reads) -> None:
    run.start(project())
    write(run, "the plan", "plan.md")

    reopened = state.edit(edit(run)).checkpoint

    assert [file.path for file in reopened.output.files] == ["plan.md"]
    assert reads.content_of(reopened.phase_run_id, "plan.md") == b"the plan"
    assert [file.path for file in reads.kept_files(run.id)] == ["plan.md"]
    decide(run, Action.CONTINUE)
    assert published(reads) == [("plan.md", b"the plan")]


def test_an_earlier_revision_brings_its_files_back(
    run: Run, state: StateManager, reads: Reads
) -> None:
    run.start(project())
    write(run, "long", "long.md")
    decide(run, Action.REVISE, "shorter")
    write(run, "short", "short.md")
    assert [file.path for file in reads.kept_files(run.id)] == ["short.md"]

    state.use_revision(UseRevision(run.waiting.id, 1, BEN))

    assert [file.path for file in reads.kept_files(run.id)] == ["long.md"]
    decide(run, Action.CONTINUE)
    assert published(reads) == [("long.md", b"long")]


def test_the_files_of_other_revisions_are_deleted_with_the_decision(
    run: Run, state: StateManager, reads: Reads
) -> None:
    run.start(project())
    write(run, "long", "long.md")
    first = run.waiting
    decide(run, Action.REVISE, "shorter")
    write(run, "short", "short.md")
    assert reads.content_of(first.phase_run_id, "long.md") == b"long"

    decide(run, Action.CONTINUE)

    assert reads.content_of(first.phase_run_id, "long.md") is None
    assert published(reads) == [("short.md", b"short")]


def typed() -> PhaseOutput:
    text = '{"title": "Old", "days": [1, 2], "note": null}'
    task = TaskResult("outline", "Writer", text, saved={"pydantic": {}}, structured=text)
    return PhaseOutput(text, tasks=(task,))
