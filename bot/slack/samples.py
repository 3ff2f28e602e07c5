"""Samples of every kind of message and modal, filled with text of our own.

`countersign doctor --online` asks Slack whether it takes them. Nothing of a run is in them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from slack_sdk.models.views import View

from bot.slack import ids
from bot.slack.render import (
    answers,
    final,
    home,
    lessons,
    output,
    root,
    start_form,
)
from bot.slack.render.answers import Answer
from bot.slack.render.card import card
from bot.slack.render.message import Form, Rendered
from bot.slack.render.modals import changes, earlier, edit, form, frame, not_taken, read, words
from bot.slack.render.root import Progress
from storage.decisions import RevisionOffered
from storage.definitions import (
    CheckpointDefinition,
    CrewDefinition,
    CrewInput,
    CrewKind,
    DecisionRule,
    FormField,
    InputType,
    PhaseDefinition,
)
from storage.records import (
    Action,
    Actor,
    ActorKind,
    Checkpoint,
    CheckpointKind,
    Execution,
    Feedback,
    Lesson,
    PhaseOutput,
    PhaseRun,
    Request,
    TaskResult,
)
from storage.states import CheckpointState, ExecutionState, PhaseRunState
from storage.waiting_reads import Entry

NOON: Final = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SHORT: Final = "Ride more. See https://example.com/?a=1&b=2 and `a < b && c`."
LONG: Final = (
    "# A sample\n\nSome *words* with **weight**, ~~gone~~ and `code[i]`.\n\n"
    "1. first\n   - inside\n2. second\n\n> quoted\n\n```python\nif a < b:\n    pass\n```\n\n"
    "| day | cost |\n| --- | ---: |\n| 1 | 20 |\n\n---\n\n"
) + "A sentence to fill the page. " * 60

_ACTOR: Final = Actor(ActorKind.SLACK, "U00SAMPLE1", "Sam")
_RULE: Final = DecisionRule(approvers=("@channel",), timeout=timedelta(hours=1))
_PHASES: Final = ("draft", "review", "final")
_CREW: Final = CrewDefinition(
    name="sample",
    kind=CrewKind.CREW,
    description="A sample crew",
    target="sample:Crew",
    phases=tuple(PhaseDefinition(phase, (f"{phase}_task",)) for phase in _PHASES),
    checkpoints=tuple(
        CheckpointDefinition(name=f"after_{phase}", after=phase, rule=_RULE)
        for phase in _PHASES[:2]
    ),
    rule=_RULE,
)
_INPUTS: Final = (
    CrewInput("topic", label="Topic"),
    CrewInput("budget", InputType.NUMBER, "Budget", default=900),
    CrewInput("launch", InputType.DATE, "Launch"),
    CrewInput("place", InputType.CHOICE, "Place", choices=("Lyon", "Porto")),
    CrewInput("press", InputType.YES_NO, "Press release", default=True),
)
_FORM: Final = (
    FormField("budget", "Budget in euros", InputType.NUMBER, min=10, max=900),
    FormField("place", "Place", InputType.CHOICE, choices=("Lyon", "Porto")),
    FormField("launch", "Launch", InputType.DATE),
    FormField("press", "Press release", InputType.YES_NO),
    FormField("note", "Note", required=False),
)
_ABOUT: Final = ids.FormView("00000000-0000-4000-8000-000000000002", "C00SAMPLE01", "1.0")


@dataclass(frozen=True, slots=True)
class Sample:
    """`arguments` are those of `blocks.validate`: a `message` or a `view`."""

    name: str
    arguments: dict[str, Any]


def samples() -> Iterator[Sample]:
    """Yields every kind of message in every form it is sent in, and every modal."""
    for name, rendered in _messages():
        for message_form in (Form.FULL, Form.PLAIN):
            for armed in (False, True) if rendered.buttons else (False,):
                way = f"{name}{', plain' if message_form is Form.PLAIN else ''}"
                way += ", with its buttons" if armed else ""
                blocks = rendered.to_blocks(armed=armed, form=message_form)
                message = {"text": rendered.notification_text(), "blocks": blocks}
                yield Sample(way, {"message": message})
    for name, answer in _answers():
        blocks = [block.to_dict() for block in answer.blocks]
        yield Sample(name, {"message": {"text": answer.text, "blocks": blocks}})
    for name, view in _views():
        yield Sample(name, {"view": view.to_dict()})


def _messages() -> Iterator[tuple[str, Rendered]]:
    for length, text in (("short", SHORT), ("long", LONG)):
        for kind in CheckpointKind:
            subject = _checkpoint(text, kind=kind)
            yield f"card of a {kind} with a {length} text", card.render(subject, _execution())
        subject = _checkpoint(text)
        shown = output.render(subject, _execution())
        if shown is not None:
            yield f"{length} output", shown
        for number, page in enumerate(output.rest(subject), 2):
            yield f"page {number} of a {length} output", page
    for action in (Action.CONTINUE, Action.REVISE, Action.SKIP, Action.STOP):
        decided = _checkpoint(LONG, decided=action)
        yield f"decided card: {action}", card.render(decided, _execution())
    for state in ExecutionState:
        progress = Progress(_runs(), (_checkpoint(SHORT),))
        yield f"first message of a run: {state}", root.render(_execution(state), progress)
    yield "result", final.render(_execution(ExecutionState.COMPLETED))
    for which in ("half", "last"):
        reminder = final.reminder(_checkpoint(SHORT), _execution(), which=which)
        yield f"reminder: {which}", reminder
    for notice in ("cancelled", "error", "expired"):
        rendered = final.notice(_execution(), {"notice": notice}, _checkpoint(SHORT))
        yield f"notice: {notice}", rendered


def _answers() -> Iterator[tuple[str, Answer]]:
    subject = _checkpoint(SHORT)
    reply = ids.OfferedReply(subject.id, "1.0", "2.0")
    for name, says_yes in (("words", None), ("a yes", True), ("a no", False)):
        offer = RevisionOffered(subject, "sample words", says_yes=says_yes)
        yield f"offer after {name}", answers.offer_reply(offer, reply)
    yield "a reply that was taken", answers.reply_is_revision(subject)
    entry = Entry(subject, _execution(), "https://example.com/archives/C1/p1")
    entries = [
        replace(entry, checkpoint=replace(subject, id=f"00000000-0000-4000-8000-{number:012d}"))
        for number in range(home.INBOX_ENTRIES + 2)
    ]
    yield "inbox", home.inbox(entries, beyond=3)
    lesson = Lesson("00000000-0000-4000-8000-000000000003", "sample", "Shorter.", _ACTOR, NOON)
    yield "lessons", lessons.listed({"sample": [lesson]})


def _views() -> Iterator[tuple[str, View]]:
    subject, execution = _checkpoint(LONG, tasks=("one", "two")), _execution()
    before = _checkpoint(LONG.replace("sample", "draft"))
    yield "whole text", read.read(subject, execution, about=_ABOUT)
    yield "what changed", changes.changes(subject, execution, before, about=_ABOUT)
    yield "earlier revisions", earlier.earlier(subject, execution, [before], about=_ABOUT)
    yield "an earlier revision", earlier.chosen(subject, execution, before, about=_ABOUT)
    edited = edit.edit(subject, execution, about=_ABOUT)
    if edited is not None:
        yield "form to edit", edited
    yield "a text too long to edit", edit.too_long(subject, execution, about=_ABOUT)
    yield "form of a checkpoint", form.form(replace(subject, form=_FORM), execution, about=_ABOUT)
    yield "form of Revise", words.revision(subject, execution, about=_ABOUT)
    question = _checkpoint(SHORT, kind=CheckpointKind.QUESTION)
    yield "form of Answer", words.answer(question, execution, about=_ABOUT)
    gate = _checkpoint(SHORT, kind=CheckpointKind.GATE)
    yield "form of an outcome", words.outcome(gate, execution, about=_ABOUT)
    yield "modal that says why", frame.notice("Too late: it is decided.")
    typed = [not_taken.Typed("Words", "Shorter, please.")]
    yield "modal that gives words back", not_taken.not_taken("Too late: it is decided.", typed)
    about = ids.StartView("sample", "C00SAMPLE01", "English", None)
    yield "form to start a run", start_form.form(_CREW, _INPUTS, {}, about=about)
    stops = list(enumerate(_CREW.checkpoints))
    choices = start_form.Choices([_CREW], place=True, language=True, left_out=stops)
    form_of_any = start_form.form(_CREW, _INPUTS, {}, about=about, choices=choices)
    yield "form to start any crew", form_of_any
    entry = Entry(subject, execution, None)
    shown = home.ShownRun(execution, Progress(_runs()), None)
    yield "Home tab", home.home([entry], beyond=2, runs=[shown], decided=[entry])
    yield "empty Home tab", home.home([], beyond=0, runs=[], decided=[])


def _execution(state: ExecutionState = ExecutionState.WAITING_FEEDBACK) -> Execution:
    ended = state in (
        ExecutionState.COMPLETED,
        ExecutionState.STOPPED,
        ExecutionState.CANCELLED,
    )
    return Execution(
        id="00000000-0000-4000-8000-000000000001",
        crew="sample",
        definition=_CREW,
        state=state,
        version=1,
        request=Request(user_input="a sample", message="a sample"),
        requester=_ACTOR,
        created_at=NOON,
        updated_at=NOON,
        channel="C00SAMPLE01",
        thread_ts="1.0",
        phases=_PHASES,
        ended_at=NOON if ended else None,
        ended_by=_ACTOR if ended else None,
        result=PhaseOutput(LONG) if state is ExecutionState.COMPLETED else None,
        error="The model did not answer." if state is ExecutionState.ERROR else None,
    )


def _checkpoint(
    text: str,
    *,
    kind: CheckpointKind = CheckpointKind.PHASE,
    decided: Action | None = None,
    tasks: tuple[str, ...] = (),
) -> Checkpoint:
    states = {
        None: CheckpointState.PENDING,
        Action.CONTINUE: CheckpointState.APPROVED,
        Action.REVISE: CheckpointState.REVISED,
        Action.SKIP: CheckpointState.SKIPPED,
        Action.STOP: CheckpointState.REJECTED,
    }
    return Checkpoint(
        id=_ABOUT.checkpoint_id,
        execution_id="00000000-0000-4000-8000-000000000001",
        phase_run_id="00000000-0000-4000-8000-000000000004",
        name="after_draft",
        description="Is the draft right?",
        phase="draft",
        revision=1,
        rule=_RULE,
        state=states[decided],
        created_at=NOON,
        deadline=NOON + timedelta(hours=1),
        output=PhaseOutput(text, tuple(TaskResult(task, "Writer", text) for task in tasks)),
        feedback=None if decided is None else Feedback(decided, "Shorter, please.", _ACTOR, NOON),
        kind=kind,
        outcomes=("publish", "drop") if kind is CheckpointKind.GATE else (),
    )


def _runs() -> list[PhaseRun]:
    states = (PhaseRunState.DONE, PhaseRunState.RUNNING, PhaseRunState.QUEUED)
    return [
        PhaseRun(
            id=f"00000000-0000-4000-8000-00000000001{index}",
            execution_id="00000000-0000-4000-8000-000000000001",
            phase=phase,
            phase_index=index,
            attempt=1,
            revision=1,
            state=state,
            fence=1,
            created_at=NOON,
            progress={"tasks": [{"task": "write", "agent": "Writer", "state": "running"}]},
        )
        for index, (phase, state) in enumerate(zip(_PHASES, states, strict=True))
    ]
