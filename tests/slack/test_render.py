"""Every message in every state keeps to Slack's limits and says what it must."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.slack import ids
from bot.slack.render import answers, final, root, starting
from bot.slack.render.card import card
from bot.slack.render.message import Form, Rendered, WholeText
from bot.slack.render.modals import frame, words
from bot.slack.render.root import Progress
from practice.limits import check_message, check_view
from practice.seed import practice_team
from practice.state import mentions
from storage.crew_inputs import known_inputs
from storage.decisions import RevisionOffered
from storage.definitions import CrewReport, Examination, OnTimeout
from storage.records import (
    TIMEOUT,
    Action,
    Actor,
    ActorKind,
    Checkpoint,
    Execution,
    Feedback,
    PhaseOutput,
    PhaseRun,
    Request,
    TaskResult,
)
from storage.states import CheckpointState, ExecutionState, PhaseRunState
from tests.support.factories import ANA, BEN, NOON, crew, rule

HOSTILE = (
    "<!channel> <@U00BEN0001> @here @ben [bank](https://evil.example) "
    "\u202egnp \u200b & <b>\n```\n# x\n"
)
LONG_NAME = "the_" + "very_" * 60 + "long_phase"
OUTPUTS = {
    "none": "",
    "short": "# Plan\n\nRide more.",
    "hostile": HOSTILE,
    "hostile_long": HOSTILE * 800,
    "long": "A sentence of some words. " * 2400,
    "emoji": "😀" * 60_000,
    "escapes": "<&>" * 20_000,
    "one_word": "x" * 60_000,
}


def an_execution(
    state: ExecutionState = ExecutionState.WAITING_FEEDBACK,
    *,
    phases: tuple[str, ...] = ("planning", "analysis", "finalization"),
    request: str = "a summer campaign",
    requester: Actor = ANA,
    result: str | None = None,
) -> Execution:
    definition = crew(phases=phases, after=phases[:-1])
    ended = state in (ExecutionState.COMPLETED, ExecutionState.STOPPED, ExecutionState.CANCELLED)
    return Execution(
        id="1a2b3c4d-0000-4000-8000-000000000000",
        crew="plan",
        definition=definition,
        state=state,
        version=3,
        request=Request(user_input=request, message=request, language="German"),
        requester=requester,
        created_at=NOON,
        updated_at=NOON + timedelta(minutes=5),
        channel="C00CAMPAIGN",
        thread_ts="1.0",
        phases=phases,
        left_out=(),
        ended_at=NOON + timedelta(hours=1) if ended else None,
        ended_by=BEN if ended else None,
        result=None if result is None else PhaseOutput(result),
        error=HOSTILE * 50 if state is ExecutionState.ERROR else None,
    )


def a_checkpoint(
    output: str = "# Plan",
    *,
    state: CheckpointState = CheckpointState.PENDING,
    feedback: Feedback | None = None,
    phase: str = "planning",
    revision: int = 1,
    asked: str = "",
    approvers: tuple[str, ...] = ("@channel",),
    tasks: tuple[str, ...] = (),
    description: str = "Review the planning",
) -> Checkpoint:
    return Checkpoint(
        id="9f8e7d6c-0000-4000-8000-000000000000",
        execution_id="1a2b3c4d-0000-4000-8000-000000000000",
        phase_run_id="run1",
        name=f"after_{phase}",
        description=description,
        phase=phase,
        revision=revision,
        rule=rule(*approvers),
        state=state,
        created_at=NOON,
        deadline=NOON + timedelta(hours=1),
        output=PhaseOutput(output, tuple(TaskResult(t, "Writer", t) for t in tasks)),
        feedback=feedback,
        asked=asked,
        asked_by=BEN if asked else None,
    )


def a_run(index: int, phase: str, state: PhaseRunState, *, error: str | None = None) -> PhaseRun:
    return PhaseRun(
        id=f"run{index + 1}",
        execution_id="1a2b3c4d-0000-4000-8000-000000000000",
        phase=phase,
        phase_index=index,
        attempt=1,
        revision=1,
        state=state,
        fence=1,
        created_at=NOON,
        progress={
            "tasks": [
                {"task": "write_" + HOSTILE, "agent": "Writer", "state": "done"},
                {"task": "check", "agent": None, "state": "running"},
                {"task": "later", "state": "pending"},
                "not a task",
            ]
        },
        error=error,
    )


FEEDBACKS = {
    CheckpointState.PENDING: None,
    CheckpointState.APPROVED: Feedback(Action.CONTINUE, "", BEN, NOON),
    CheckpointState.REJECTED: Feedback(Action.STOP, "", BEN, NOON),
    CheckpointState.REVISED: Feedback(Action.REVISE, HOSTILE * 60, BEN, NOON, ("a_task", "b_task")),
    CheckpointState.SKIPPED: Feedback(Action.SKIP, "", BEN, NOON),
    CheckpointState.EXPIRED: Feedback(OnTimeout.CONTINUE, "", TIMEOUT, NOON),
    CheckpointState.CANCELLED: None,
}


def everything() -> Iterator[tuple[str, Rendered]]:
    """Each message in each state, with texts of all kinds."""
    for kind, output in OUTPUTS.items():
        for state, feedback in FEEDBACKS.items():
            subject = a_checkpoint(output, state=state, feedback=feedback)
            yield f"checkpoint {state} {kind}", card.render(subject, an_execution())
        revised = a_checkpoint(
            output, revision=12, asked=HOSTILE * 60, description=HOSTILE * 9, phase=LONG_NAME
        )
        many = an_execution(phases=(LONG_NAME, "two", "three"), request=output or "x")
        yield (
            f"checkpoint revised {kind}",
            card.render(revised, many, moved_note="I could not post there."),
        )
        done = an_execution(ExecutionState.COMPLETED, result=output)
        yield f"final {kind}", final.render(done)
    thirty = tuple(f"{LONG_NAME}_{n}" for n in range(30))
    for execution_state in ExecutionState:
        for phases in (("a", "b", "c"), thirty, ("one",)):
            execution = an_execution(execution_state, phases=phases, request=HOSTILE * 100)
            runs = [
                a_run(index, phase, list(PhaseRunState)[index % 5], error=HOSTILE * 9)
                for index, phase in enumerate(phases)
            ]
            for count in {0, 1, len(phases)}:
                progress = Progress(runs[:count], (a_checkpoint(),))
                left_out = replace(execution, left_out=tuple(f"{LONG_NAME}{n}" for n in range(30)))
                yield (
                    f"root {execution_state} {len(phases)}/{count}",
                    root.render(left_out, progress),
                )
    for which in ("half", "last"):
        yield f"reminder {which}", final.reminder(a_checkpoint(), an_execution(), which=which)
    for payload in (
        {"notice": "cancelled"},
        {"notice": "error"},
        {"notice": "expired"},
        {"text": HOSTILE * 100},
        {},
    ):
        execution = an_execution(ExecutionState.ERROR)
        yield f"notice {payload.keys()}", final.notice(execution, payload, a_checkpoint())


MESSAGES = dict(everything())


@pytest.mark.parametrize("name", MESSAGES)
def test_each_message_keeps_to_slacks_limits_in_every_form(name: str) -> None:
    rendered = MESSAGES[name]
    for armed in (False, True):
        for form in Form:
            blocks = rendered.to_blocks(armed=armed, form=form)
            assert check_message(rendered.notification_text(), blocks) == []
    assert rendered.text.strip()


@pytest.mark.parametrize("name", MESSAGES)
def test_no_message_notifies_anybody_but_those_whom_we_mention(name: str) -> None:
    team = practice_team()
    rendered = MESSAGES[name]
    notified = mentions.pings(
        text=rendered.text,
        blocks=rendered.to_blocks(armed=True),
        link_names=False,
        channel=team.channels["C00CAMPAIGN"],
        users=team.users,
        groups=team.groups,
        author="U00SIGN001",
    )
    assert notified.broadcasts == []
    assert notified.users == []  # the people in these messages are not of the practice team


def test_a_message_has_its_buttons_only_when_armed_and_only_while_it_waits() -> None:
    waiting = card.render(a_checkpoint(), an_execution())
    assert all(block["type"] != "actions" for block in waiting.to_blocks(armed=False))
    assert waiting.to_blocks(armed=True)[-1]["type"] == "actions"
    *decisions, more = waiting.to_blocks(armed=True)[-1]["elements"]
    labels = [element["text"]["text"] for element in decisions]
    assert labels == ["Continue to analysis", "Revise", "Skip", "Stop"]
    assert [option["text"]["text"] for option in more["options"]] == ["Edit…"]
    for state, feedback in FEEDBACKS.items():
        if state is not CheckpointState.PENDING:
            decided = card.render(a_checkpoint(state=state, feedback=feedback), an_execution())
            assert decided.buttons == ()


def test_button_values_are_only_ids() -> None:
    for rendered in MESSAGES.values():
        for block in rendered.to_blocks(armed=True):
            for element in block.get("elements", []):
                if element.get("type") == "button":
                    checkpoint_id, _, shown = element["value"].partition(" ")
                    assert checkpoint_id[8] == "-"
                    assert len(checkpoint_id) == 36
                    assert len(shown) in (0, 32)


def test_continue_from_the_last_phase_says_that_it_finishes() -> None:
    last = card.render(a_checkpoint(phase="finalization"), an_execution())
    assert str(last.buttons[0].to_dict()["text"]["text"]) == "Continue and finish"


def rendered_text(rendered: Rendered) -> str:
    return str(rendered.to_blocks(armed=True))


def test_retry_is_offered_only_where_it_can_help() -> None:
    failed = an_execution(ExecutionState.ERROR)
    hopeless = replace(failed, retry_helps=False)

    assert "Retry" in rendered_text(root.render(failed, Progress()))
    assert "Retry" in rendered_text(final.notice(failed, {"notice": "error"}, None))
    assert "Retry" not in rendered_text(root.render(hopeless, Progress()))
    notice = rendered_text(final.notice(hopeless, {"notice": "error"}, None))
    assert "retry" not in notice.lower()
    assert "cannot be resumed" in notice


def test_a_result_without_text_promises_no_file() -> None:
    empty = final.render(an_execution(ExecutionState.COMPLETED, result="  "))
    written = final.render(an_execution(ExecutionState.COMPLETED, result="A plan."))

    assert "file" not in rendered_text(empty)
    assert "file" not in rendered_text(written)


def test_a_revision_that_took_no_notice_of_the_words_is_not_called_one() -> None:
    ignored = replace(a_checkpoint(asked="shorter"), output=PhaseOutput("# Plan", revised=False))

    shown = rendered_text(card.render(ignored, an_execution()))

    assert "Revised because" not in shown
    assert "nothing shows that these words were used" in shown


def test_a_waiting_checkpoint_says_what_where_who_and_until_when() -> None:
    message = rendered_text(
        card.render(a_checkpoint(approvers=("UBEN", "S1", "@requester")), an_execution())
    )
    assert "Checkpoint 1 of 2 · after planning · run `1a2b3c4d`" in message
    assert "*May decide:* <@UBEN>, <!subteam^S1> or <@UANA>" in message
    assert "<!date^1772456400^{date_short_pretty} at {time}|2026-03-02 13:00 UTC>" in message
    assert "then the run stops" in message


def test_notifications_carry_the_question() -> None:
    notification = card.render(a_checkpoint(approvers=("UBEN",)), an_execution()).text
    assert (
        notification
        == "Checkpoint 1 of 2 · after planning: Review the planning. <@UBEN>, please decide."
    )


def test_an_expired_checkpoint_says_what_the_deadline_did() -> None:
    for effect, result in {
        OnTimeout.STOP: "stopped the run",
        OnTimeout.CONTINUE: "let the run continue as if approved",
        OnTimeout.SKIP: "let the run go on without approval",
        OnTimeout.FAIL: "failed the run; it can be retried",
    }.items():
        feedback = Feedback(effect, "", TIMEOUT, NOON)
        expired = a_checkpoint(state=CheckpointState.EXPIRED, feedback=feedback)
        assert f"Nobody decided in time; the deadline {result}" in rendered_text(
            card.render(expired, an_execution())
        )


def test_a_decided_card_shrinks_to_what_who_when_and_the_link() -> None:
    feedback = Feedback(Action.CONTINUE, "", BEN, NOON)
    decided = a_checkpoint(state=CheckpointState.APPROVED, feedback=feedback)
    blocks = card.render(
        decided, an_execution(), whole=WholeText.IN_MESSAGE, output_link="https://x.example/p1"
    ).to_blocks(armed=True)
    assert len(blocks) == 1
    assert blocks[0]["text"]["text"].split("\n") == [
        "*Review the planning* · Checkpoint 1 of 2 · after planning",
        ":white_check_mark: Continued by <@UBEN> · "
        "<!date^1772452800^{date_short_pretty} at {time}|2026-03-02 12:00 UTC>",
        "<https://x.example/p1|The output>",
    ]
    assert "Continued by" not in str(
        card.render(a_checkpoint(), an_execution()).to_blocks(armed=True)
    )


def test_a_clipped_output_points_to_the_file_and_a_whole_one_does_not() -> None:
    clipped = card.render(a_checkpoint("x " * 9000), an_execution(), whole=WholeText.IN_FILE)
    assert "min to read, in the file above" in rendered_text(clipped)
    assert "file" not in rendered_text(card.render(a_checkpoint("x"), an_execution()))


def test_a_run_of_an_api_client_names_it_without_a_mention() -> None:
    client = Actor(ActorKind.API, "nightly", "nightly <job>")
    message = root.render(an_execution(requester=client), Progress())
    assert message.text.startswith("nightly &lt;job&gt; (through the API) asked *plan* for")


def test_progress_shows_which_agent_works_on_which_task() -> None:
    execution = an_execution(ExecutionState.RUNNING)
    runs = [
        a_run(0, "planning", PhaseRunState.DONE),
        a_run(1, "analysis", PhaseRunState.RUNNING),
    ]
    approved = a_checkpoint(
        state=CheckpointState.APPROVED, feedback=FEEDBACKS[CheckpointState.APPROVED]
    )
    plan = next(
        b
        for b in root.render(execution, Progress(runs, (approved,))).to_blocks(armed=True)
        if b["type"] == "plan"
    )
    assert plan["title"] == "Working on analysis (phase 2 of 3)"
    assert [task["status"] for task in plan["tasks"]] == ["complete", "in_progress", "pending"]
    assert "Approved" in str(plan["tasks"][0]["details"])
    assert "check: at work" in str(plan["tasks"][1]["details"])
    assert "later" not in str(plan["tasks"][1]["details"])


@pytest.mark.parametrize("count", [0, 1, 2, 10, 11, 100, 101])
def test_the_form_keeps_to_slacks_limits_with_any_number_of_outputs(count: int) -> None:
    subject = a_checkpoint(
        tasks=tuple(f"task_{n}" for n in range(count)), description=HOSTILE * 9, phase=LONG_NAME
    )
    view = words.revision(
        subject, an_execution(), about=ids.FormView(subject.id, "C00CAMPAIGN", "1.0")
    ).to_dict()
    assert check_view(view) == []
    asks = any(block.get("block_id") == ids.TASKS_BLOCK for block in view["blocks"])
    assert asks == (1 < count <= 100)


@pytest.mark.parametrize(("name", "chosen"), [("look", ["sort", "check"]), ("check", ["check"])])
def test_the_form_chooses_all_outputs_or_the_one_of_the_task_that_asks(
    name: str, chosen: list[str]
) -> None:
    subject = replace(a_checkpoint(tasks=("sort", "check")), name=name)
    view = words.revision(
        subject, an_execution(), about=ids.FormView(subject.id, "C00CAMPAIGN", "1.0")
    ).to_dict()
    [chooser] = [block for block in view["blocks"] if block.get("block_id") == ids.TASKS_BLOCK]

    assert [option["value"] for option in chooser["element"]["initial_options"]] == chosen


def test_the_form_does_not_ask_for_outputs_whose_names_are_too_long_or_not_unique() -> None:
    assert words.task_options(a_checkpoint(tasks=("x" * 80, "y"))) == []
    assert words.task_options(a_checkpoint(tasks=("same", "same"))) == []


def test_the_notice_in_a_form_keeps_to_the_limits() -> None:
    assert check_view(frame.notice("Too late.").to_dict()) == []


def test_the_list_of_crews_says_which_ask_nobody() -> None:
    crews = {"poem": crew(name="poem")}
    examination = Examination(kind="crew")
    report = CrewReport("poem", None, ("write",), datetime.now(UTC), examination)

    asks_nobody = answers.crew_list(crews, {"poem": report}, NOON)
    asks = replace(report, examination=replace(examination, pauses=("after write",)))

    assert "\n    :warning: asks nobody: add a checkpoint to its entry in crews.yml" in asks_nobody
    assert "asks nobody" not in answers.crew_list(crews, {"poem": asks}, NOON)
    assert "asks nobody" not in answers.crew_list(crews, {}, NOON)


def test_answers_keep_to_the_limits_with_hostile_text() -> None:
    crews = {f"crew{n}": crew(name=f"crew{n}") for n in range(60)}
    texts = [
        answers.help_text(f"/crew {HOSTILE * 20}"),
        answers.crew_list(crews, {}, NOON),
        starting.unknown_crew(HOSTILE * 20, crews, HOSTILE * 100),
        starting.request_missing(known_inputs(crews["crew1"], None), NOON, HOSTILE * 100),
        starting.invite_first("countersign", HOSTILE * 100),
        starting.not_here(HOSTILE * 100),
        answers.run_list([an_execution(request=HOSTILE * 9)] * 10, {an_execution().id: Progress()}),
        answers.run_status(an_execution(request=HOSTILE * 9), Progress()),
    ]
    for text in texts:
        assert check_message(text) == []
        assert len(text) < 10_000
        assert "<!channel>" not in text
    offered = answers.offer_reply(
        RevisionOffered(a_checkpoint(), HOSTILE * 50), ids.OfferedReply("c", "1.0", "2.0")
    )
    closed = answers.reply_is_revision(a_checkpoint(description=HOSTILE * 9))
    for answer in (offered, closed):
        assert check_message(answer.text, [block.to_dict() for block in answer.blocks]) == []
