"""Checkpoints inside a crew keep to Slack's limits, whatever the crew writes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from bot.slack import ids
from bot.slack.render import answers, buttons, final, lessons, refusals, root
from bot.slack.render.card import card
from bot.slack.render.message import Form, Rendered, WholeText
from bot.slack.render.modals import words
from bot.slack.render.output import rest
from bot.slack.render.position import count_rounds
from bot.slack.render.root import Progress
from practice.limits import check_message, check_view
from practice.seed import practice_team
from practice.state import mentions
from storage.definitions import OnTimeout
from storage.errors import (
    AlreadyDecided,
    LimitReached,
    NoLesson,
    NoRule,
    OutcomeNeeded,
    UnknownLesson,
)
from storage.records import (
    TIMEOUT,
    Action,
    Checkpoint,
    CheckpointKind,
    Feedback,
    Lesson,
    Pause,
    PhaseOutput,
)
from storage.states import CheckpointState, ExecutionState, PhaseRunState
from tests.slack.test_render import (
    FEEDBACKS,
    HOSTILE,
    LONG_NAME,
    OUTPUTS,
    a_checkpoint,
    a_run,
    an_execution,
)
from tests.support.factories import BEN, NOON

INNER = [kind for kind in CheckpointKind if kind is not CheckpointKind.PHASE]
OUTCOMES = {
    "none": (),
    "two": ("approved", "needs_work"),
    "twenty": tuple(f"outcome {n}" for n in range(20)),
    "a_menu": tuple(f"outcome {n}" for n in range(21)),
    "groups": tuple(f"outcome {n}" for n in range(250)),
    "hostile": (HOSTILE * 5, LONG_NAME, "", " ", "\u200b", "Stop", "Stop"),
}


def inner(
    kind: CheckpointKind,
    output: str = "A draft.",
    *,
    outcomes: tuple[str, ...] = (),
    description: str = "Is it good?",
    state: CheckpointState = CheckpointState.PENDING,
    feedback: Feedback | None = None,
) -> Checkpoint:
    phase_checkpoint = a_checkpoint(output, description=description, state=state, feedback=feedback)
    pause = Pause("review", description, outcomes, outcomes[0] if outcomes else None)
    return replace(
        phase_checkpoint,
        kind=kind,
        name="review",
        outcomes=outcomes,
        output=PhaseOutput(output, pause=pause if kind is CheckpointKind.GATE else None),
    )


def at_method(at: str, *, revisable: bool = True, revision: int = 1) -> Checkpoint:
    """A checkpoint of crews.yml at a flow's method."""
    pause = Pause("publish", at=at, revisable=revisable)
    return replace(
        inner(CheckpointKind.GATE), revision=revision, output=PhaseOutput("A draft.", pause=pause)
    )


def everything() -> Iterator[tuple[str, Rendered]]:
    learning = replace(an_execution(), definition=replace(an_execution().definition, lessons=True))
    for kind in INNER:
        for name, output in OUTPUTS.items():
            subject = replace(
                inner(kind, output, description=HOSTILE * 60),
                name=LONG_NAME,
                phase=LONG_NAME,
                lessons=(HOSTILE * 9,) * 30,
            )
            yield (
                f"{kind} {name}",
                card.render(subject, an_execution(), moved_note="Elsewhere."),
            )
        for state, feedback in FEEDBACKS.items():
            subject = inner(kind, HOSTILE, state=state, feedback=feedback)
            yield f"{kind} {state}", card.render(subject, learning)
        yield f"{kind} reminder", final.reminder(inner(kind), an_execution(), which="half")
        progress = Progress([a_run(0, "planning", PhaseRunState.RUNNING)], [inner(kind)])
        yield f"{kind} root", root.render(an_execution(), progress)
    for at in ("after", "before"):
        yield f"{at} a method", card.render(at_method(at), an_execution())
    for name, outcomes in OUTCOMES.items():
        subject = inner(CheckpointKind.GATE, OUTPUTS["long"], outcomes=outcomes)
        yield f"outcomes {name}", card.render(subject, an_execution(), gate_round=3)
        for outcome in outcomes[:2]:
            chosen = Feedback(Action.CONTINUE, HOSTILE * 60, BEN, NOON, outcome=outcome)
            decided = replace(subject, state=CheckpointState.APPROVED, feedback=chosen)
            yield f"chosen {name} {outcome[:9]}", card.render(decided, learning)
            progress = Progress([a_run(0, "planning", PhaseRunState.DONE)], [decided])
            running = an_execution(ExecutionState.RUNNING)
            yield f"root chosen {name} {outcome[:9]}", root.render(running, progress)


MESSAGES = dict(everything())


@pytest.mark.parametrize("name", MESSAGES)
def test_each_message_keeps_to_slacks_limits_in_every_form(name: str) -> None:
    rendered = MESSAGES[name]
    for armed in (False, True):
        for form in Form:
            blocks = rendered.to_blocks(armed=armed, form=form)
            assert check_message(rendered.notification_text(), blocks) == []


@pytest.mark.parametrize("name", MESSAGES)
def test_no_message_notifies_anybody_but_those_whom_we_mention(name: str) -> None:
    team = practice_team()
    rendered = MESSAGES[name]
    for form in Form:
        notified = mentions.pings(
            text=rendered.text,
            blocks=rendered.to_blocks(armed=True, form=form),
            link_names=False,
            channel=team.channels["C00CAMPAIGN"],
            users=team.users,
            groups=team.groups,
            author="U00SIGN001",
        )
        assert notified.broadcasts == []
        assert notified.users == []  # the people in these messages are not of the practice team


def elements(rendered: Rendered) -> list[dict[str, object]]:
    actions = [block for block in rendered.to_blocks(armed=True) if block["type"] == "actions"]
    return [element for block in actions for element in block["elements"]]


def labels(rendered: Rendered) -> list[str]:
    return [
        str(element["text"]["text"])  # type: ignore[index]  # of a button
        for element in elements(rendered)
        if element["type"] == "button"
    ]


def test_values_are_only_ids_and_numbers() -> None:
    for rendered in MESSAGES.values():
        for element in elements(rendered):
            if element["type"] == "button":
                assert len(str(element["value"])) in (36, 69)
            else:
                menu = buttons.outcome_menu(
                    inner(CheckpointKind.GATE, outcomes=OUTCOMES["a_menu"]), action_id="x"
                )
                values = [option["value"] for option in menu.to_dict()["options"]]
                assert all(value[69] == " " and value[70:].isdigit() for value in values)


@pytest.mark.parametrize("name", ["two", "twenty"])
def test_the_label_of_an_outcome_is_its_name(name: str) -> None:
    outcomes = OUTCOMES[name]

    assert labels(MESSAGES[f"outcomes {name}"]) == [*outcomes, "Add words…", "Stop the run"]


def test_an_outcome_with_an_invisible_name_still_has_a_button() -> None:
    assert labels(MESSAGES["outcomes hostile"])[2:5] == ["Outcome 3", "Outcome 4", "Outcome 5"]


def test_more_outcomes_than_buttons_are_shown_in_one_menu() -> None:
    menu = elements(MESSAGES["outcomes groups"])[0]

    groups = menu["option_groups"]
    assert isinstance(groups, list)
    assert [group["label"]["text"] for group in groups] == ["1 to 100", "101 to 200", "201 to 250"]
    assert sum(len(group["options"]) for group in groups) == 250


def test_every_kind_says_what_it_is_and_counts_no_checkpoints() -> None:
    headings = {
        kind: card.render(inner(kind), an_execution(), gate_round=2).to_blocks(armed=False)[1]
        for kind in INNER
    }
    assert "Gate review · round 2 · run" in str(headings[CheckpointKind.GATE])
    assert "Tool call · in phase planning" in str(headings[CheckpointKind.TOOL])
    assert "Question · in phase planning" in str(headings[CheckpointKind.QUESTION])
    assert "Budget · in phase planning" in str(headings[CheckpointKind.BUDGET])
    assert not any(" of " in str(line) for line in headings.values())


def test_the_rounds_of_a_gate_are_counted_apart_from_other_gates() -> None:
    checkpoints = [
        replace(inner(CheckpointKind.GATE), id="1"),
        replace(inner(CheckpointKind.TOOL), id="2"),
        replace(inner(CheckpointKind.GATE), id="3", name="other"),
        replace(inner(CheckpointKind.GATE), id="4"),
        replace(inner(CheckpointKind.GATE), id="5"),
    ]
    assert [count_rounds(gate, checkpoints) for gate in checkpoints if gate.name == "review"][
        ::2
    ] == [1, 2]
    assert count_rounds(checkpoints[4], checkpoints) == 3


def test_a_tools_arguments_are_shown_exactly_and_a_clipped_rest_is_in_the_file() -> None:
    hidden = inner(CheckpointKind.TOOL, '{"to": "a\u202eb\u200b@x"}\n``` <!channel>')
    block = next(
        b
        for b in card.render(hidden, an_execution()).to_blocks(armed=False)
        if b["type"] == "rich_text"
    )
    code = block["elements"][0]["elements"][0]["text"]
    assert code == '{"to": "a\\u202eb\\u200b@x"}\n``` <!channel>'

    long = card.render(
        inner(CheckpointKind.TOOL, "x" * 60_000), an_execution(), whole=WholeText.IN_FILE
    )
    assert "min to read, in the file above" in str(long.to_blocks(armed=False))
    assert rest(inner(CheckpointKind.TOOL, "x" * 60_000))


def test_a_long_question_is_repeated_whole_below_the_title() -> None:
    long = "Which of these towns, " * 12 + "then?"
    message = card.render(inner(CheckpointKind.QUESTION, "", description=long), an_execution())

    assert long in str(message.to_blocks(armed=False))


def test_lessons_are_one_short_line() -> None:
    with_lessons = replace(
        a_checkpoint(), lessons=("name the prices", "x" * 200, *["y" * 200] * 20)
    )
    message = str(card.render(with_lessons, an_execution()).to_blocks(armed=False))

    assert "lessons applied (22): “name the prices” and 21 more" in message


@pytest.mark.parametrize("kind", INNER)
@pytest.mark.parametrize("name", OUTCOMES)
def test_the_forms_keep_to_slacks_limits(kind: CheckpointKind, name: str) -> None:
    subject = inner(kind, outcomes=OUTCOMES[name], description=HOSTILE * 60)
    about = ids.FormView(subject.id, "C00CAMPAIGN", "1.0")
    forms = [words.revision, words.answer, *([words.outcome] if subject.outcomes else [])]
    for form in forms:
        assert check_view(form(subject, an_execution(), about=about).to_dict()) == []


def test_a_gate_that_expired_says_what_the_deadline_did() -> None:
    late = Feedback(OnTimeout.STOP, "", TIMEOUT, NOON, outcome="approved")
    expired = inner(
        CheckpointKind.GATE,
        outcomes=("approved", "no"),
        state=CheckpointState.EXPIRED,
        feedback=late,
    )
    message = str(card.render(expired, an_execution()).to_blocks(armed=False))
    assert "Nobody decided in time; the deadline stopped the run" in message


@pytest.mark.parametrize("count", [0, 1, 40, 200])
def test_the_list_of_lessons_keeps_to_the_limits_and_counts_what_it_leaves_out(count: int) -> None:
    kept = [Lesson(f"{n:036}", "plan", HOSTILE * 20, BEN, NOON) for n in range(count)]

    listed = lessons.listed({f"crew{n}": kept for n in range(60)}, lead="Deleted.")

    blocks = [block.to_dict() for block in listed.blocks]
    assert check_message(listed.text, blocks) == []
    of_the_first = [block for block in blocks if "accessory" in block][:count]
    if count > len(of_the_first):
        assert f"… and {count - len(of_the_first)} more: `/crew lessons crew0`" in str(blocks)
    assert "more crews: `/crew lessons NAME`" in str(blocks)


def test_every_refusal_has_its_own_message() -> None:
    gate = inner(CheckpointKind.GATE, outcomes=OUTCOMES["hostile"])
    messages = {
        refusals.refusal(error)
        for error in (
            LimitReached("at_once", 2, "plan"),
            LimitReached("per_person", 2, "plan"),
            LimitReached("starts_per_hour", 2, "plan"),
            LimitReached("revisions", 2, "plan"),
            LimitReached("something_new", 2, "plan"),
            OutcomeNeeded(gate, HOSTILE),
            NoRule("plan"),
            NoLesson(gate),
            UnknownLesson("x"),
            AlreadyDecided(
                replace(
                    gate,
                    state=CheckpointState.APPROVED,
                    feedback=Feedback(Action.CONTINUE, HOSTILE, BEN, NOON, outcome="approved"),
                )
            ),
        )
    }
    assert len(messages) == 10
    assert refusals.UNEXPECTED not in messages
    for message in messages:
        assert check_message(message) == []
        assert "<!channel>" not in message


def test_if_a_form_was_not_opened_the_answer_says_how_to_go_on() -> None:
    for kind in (CheckpointKind.QUESTION, CheckpointKind.GATE):
        assert "Click again" in answers.form_not_opened(inner(kind)).text


@pytest.mark.parametrize(
    ("kind", "on_timeout", "effect"),
    [
        (CheckpointKind.TOOL, OnTimeout.CONTINUE, "the tool is called, although nobody looked"),
        (CheckpointKind.TOOL, OnTimeout.SKIP, "the run goes on and the tool is not called"),
        (CheckpointKind.QUESTION, OnTimeout.SKIP, "the run goes on without an answer"),
        (CheckpointKind.BUDGET, OnTimeout.CONTINUE, "the run goes on over its budget"),
        (CheckpointKind.BUDGET, OnTimeout.STOP, "the run stops"),
        (CheckpointKind.GATE, OnTimeout.SKIP, "the run goes on without approval"),
    ],
)
def test_the_effect_of_a_deadline_is_worded_for_the_kind_of_checkpoint(
    kind: CheckpointKind, on_timeout: OnTimeout, effect: str
) -> None:
    waiting = inner(kind)
    waiting = replace(waiting, rule=replace(waiting.rule, on_timeout=on_timeout))

    assert effect in card.render(waiting, an_execution()).plain
    assert effect in final.reminder(waiting, an_execution(), which="half").plain


def test_a_question_asks_for_an_answer_and_not_for_a_decision() -> None:
    message = card.render(inner(CheckpointKind.QUESTION), an_execution())

    assert "*May answer:*" in message.plain
    assert "decide" not in f"{message.text} {message.plain}"


def test_a_checkpoint_at_a_method_says_where_and_offers_what_is_possible() -> None:
    rendered = card.render(at_method("before", revision=2), an_execution())
    assert "Checkpoint · before publish · revision 2" in rendered.text
    assert labels(rendered) == ["Continue", "Revise", "Skip", "Stop"]

    fixed = card.render(at_method("before", revisable=False), an_execution())
    assert labels(fixed) == ["Continue", "Skip", "Stop"]


def test_a_task_inside_a_flow_is_accepted_revised_or_stopped() -> None:
    rendered = card.render(inner(CheckpointKind.TASK), an_execution())

    assert labels(rendered) == ["Continue: accept it", "Revise", "Skip", "Stop"]
    assert "Task · in phase" in rendered.text
