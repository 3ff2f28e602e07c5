"""One decision for each checkpoint, by those who may, with its effect queued in the same commit."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, func, select

from storage.db.tables import phase_runs
from storage.decisions import Decided, Decision, Reply, RevisionOffered, Talk
from storage.errors import (
    AlreadyDecided,
    Busy,
    NotAllowed,
    OutdatedMessage,
    TextNeeded,
    UnknownCheckpoint,
    UnknownTasks,
)
from storage.messages import OutboxKind
from storage.outbox.outbox import Outbox
from storage.policy import Refusal
from storage.records import Action, Actor, ActorKind, MessageRef
from storage.state_manager import StateManager
from storage.states import CheckpointState, ExecutionState
from storage.use_cases.replies import Outcome
from tests.storage.conftest import RecordingDispatch, Run
from tests.support.factories import ANA, BEN, GUS, SettableClock, crew, member, output, rule


def decision(run: Run, action: Action, by: Actor = BEN, text: str = "", **more: object) -> Decision:
    return replace(Decision(run.waiting.id, action, by, text), **more)  # type: ignore[arg-type]  # by name


def test_continue_approves_and_queues_the_next_phase(run: Run, state: StateManager) -> None:
    run.start()
    run.work("the plan")

    decided = state.decide(decision(run, Action.CONTINUE))

    assert decided.checkpoint.state is CheckpointState.APPROVED
    assert decided.execution.state is ExecutionState.RUNNING
    claim = state.claim("worker")
    assert claim is not None
    assert claim.run.phase == "analysis"
    assert claim.done == (("planning", output("the plan")),)


def test_skip_continues_without_approving(run: Run, state: StateManager) -> None:
    run.start()
    run.work()

    decided = state.decide(decision(run, Action.SKIP))

    assert decided.checkpoint.state is CheckpointState.SKIPPED
    assert decided.execution.state is ExecutionState.RUNNING


def test_stop_ends_the_execution_and_nothing_is_left_to_run(run: Run, state: StateManager) -> None:
    run.start()
    run.work()

    decided = state.decide(decision(run, Action.STOP))

    assert decided.checkpoint.state is CheckpointState.REJECTED
    assert decided.execution.state is ExecutionState.STOPPED
    assert decided.execution.ended_by == BEN
    assert state.claim("worker") is None


def test_revise_runs_the_phase_again_with_the_request_and_opens_the_next_revision(
    run: Run, state: StateManager
) -> None:
    run.start()
    run.work(output("the plan", tasks=["outline", "calendar"]))

    first = run.waiting.id
    state.decide(decision(run, Action.REVISE, text=" shorter ", tasks=("calendar",)))
    claim = state.claim("worker")

    assert claim is not None
    assert (claim.run.phase, claim.run.revision) == ("planning", 2)
    assert (claim.run.feedback, claim.run.revise_tasks) == ("shorter", ("calendar",))
    assert claim.previous == output("the plan", tasks=["outline", "calendar"])
    state.phase_done(claim, output("the shorter plan"))
    assert run.waiting.id != first
    assert run.waiting.revision == 2
    assert (run.waiting.asked, run.waiting.asked_by) == ("shorter", BEN)
    assert run.waiting.output.output == "the shorter plan"


def test_continue_at_the_last_checkpoint_completes_with_the_result(
    run: Run, state: StateManager
) -> None:
    run.start(crew(phases=("planning", "strategy"), after=("strategy",)))
    run.work(output("the plan", tasks=["outline"]))
    run.work(output("the strategy", tasks=["draft"]))

    decided = state.decide(decision(run, Action.CONTINUE))

    assert decided.execution.state is ExecutionState.COMPLETED
    assert decided.execution.result is not None
    assert decided.execution.result.output == "the strategy"
    assert [task.task for task in decided.execution.result.tasks] == ["outline", "draft"]
    assert all(task.saved == {} for task in decided.execution.result.tasks)


def test_the_second_decision_is_refused_and_changes_nothing(
    run: Run, state: StateManager, dispatch: RecordingDispatch
) -> None:
    run.start()
    run.work()
    checkpoint = run.waiting
    state.decide(decision(run, Action.CONTINUE, by=ANA))
    queued = list(dispatch.enqueued)

    with pytest.raises(AlreadyDecided) as refused:
        state.decide(Decision(checkpoint.id, Action.STOP, BEN))

    assert refused.value.checkpoint.feedback is not None
    assert refused.value.checkpoint.feedback.actor == ANA
    assert run.now.state is ExecutionState.RUNNING
    assert dispatch.enqueued == queued


def test_a_repeated_delivery_gets_the_same_answer_and_counts_once(
    run: Run, state: StateManager, dispatch: RecordingDispatch
) -> None:
    run.start()
    run.work()
    click = decision(run, Action.CONTINUE, delivery="click-1")

    first, queued = state.decide(click), list(dispatch.enqueued)
    second = state.decide(click)

    assert second.checkpoint == first.checkpoint
    assert dispatch.enqueued == queued


def test_one_of_two_hundred_simultaneous_clicks_decides(
    run: Run, state: StateManager, engine: Engine
) -> None:
    run.start()
    run.work()
    checkpoint = run.waiting
    clickers = [member(f"U{n}") for n in range(4)]

    def click(n: int) -> bool:
        action = Action.CONTINUE if n % 2 else Action.SKIP
        while True:
            try:
                state.decide(Decision(checkpoint.id, action, clickers[n % 4]))
            except AlreadyDecided:
                return False
            except Busy:
                continue
            return True

    with ThreadPoolExecutor(32) as pool:
        winners = sum(pool.map(click, range(200)))

    assert winners == 1
    with engine.connect() as connection:
        runs = connection.execute(select(func.count()).select_from(phase_runs)).scalar_one()
    assert runs == 2


@pytest.mark.parametrize(
    ("approvers", "by", "refusal"),
    [
        (("@channel",), BEN, None),
        (("@channel",), GUS, Refusal.GUEST),
        (("@channel",), replace(BEN, external=True), Refusal.GUEST),
        (("@channel",), replace(BEN, channel_member=False), Refusal.NOT_AN_APPROVER),
        (("@channel",), replace(BEN, channel_member=None), Refusal.UNKNOWN),
        (("@channel",), replace(BEN, guest=None), Refusal.UNKNOWN),
        (("@requester",), ANA, None),
        (("@requester",), BEN, Refusal.NOT_AN_APPROVER),
        (("UBEN",), BEN, None),
        (("UBEN",), ANA, Refusal.NOT_AN_APPROVER),
        (("UGUS",), GUS, None),  # named by id: a guest may
        (("SLEADS",), replace(BEN, groups=frozenset({"SLEADS"})), None),
        (("SLEADS",), BEN, Refusal.NOT_AN_APPROVER),
        (("SLEADS",), replace(BEN, groups_known=False), Refusal.UNKNOWN),
        (("UBEN",), Actor(ActorKind.API, "UBEN"), Refusal.NOT_AN_APPROVER),
        (("UBEN",), Actor(ActorKind.API, "web", decides_everything=True), None),
    ],
)
def test_only_those_whom_the_rule_names_decide(
    run: Run, state: StateManager, approvers: tuple[str, ...], by: Actor, refusal: Refusal | None
) -> None:
    run.start(crew(decided_by=rule(*approvers)))
    run.work()

    if refusal is None:
        assert state.decide(decision(run, Action.CONTINUE, by=by)).checkpoint.feedback is not None
        return
    with pytest.raises(NotAllowed) as refused:
        state.decide(decision(run, Action.CONTINUE, by=by))
    assert refused.value.refusal is refusal
    assert run.waiting.state is CheckpointState.PENDING


def test_four_eyes_keep_the_requester_from_deciding(run: Run, state: StateManager) -> None:
    run.start(crew(decided_by=rule("@channel", except_requester=True)))
    run.work()

    with pytest.raises(NotAllowed) as refused:
        state.decide(decision(run, Action.CONTINUE, by=ANA))

    assert refused.value.refusal is Refusal.IS_THE_REQUESTER
    assert state.decide(decision(run, Action.CONTINUE, by=BEN))


def test_a_click_on_a_message_that_no_longer_shows_the_checkpoint_is_refused(
    run: Run, state: StateManager, outbox: Outbox
) -> None:
    run.start()
    run.work()
    while (message := outbox.take(owner="d", limit=1)[0]).kind is not OutboxKind.CHECKPOINT:
        outbox.posted(message, channel="CCAMPAIGNS", ts=f"{message.seq}.0", shown=message.version)
    outbox.posted(message, channel="CCAMPAIGNS", ts=f"{message.seq}.0", shown=message.version)

    with pytest.raises(OutdatedMessage):
        state.decide(decision(run, Action.CONTINUE, message=MessageRef("CCAMPAIGNS", "1699.0")))
    shown = MessageRef("CCAMPAIGNS", f"{message.seq}.0")
    assert state.decide(decision(run, Action.CONTINUE, message=shown))


def test_a_revision_needs_text_and_can_name_only_outputs_that_were_shown(
    run: Run, state: StateManager
) -> None:
    run.start()
    run.work(output("the plan", tasks=["outline"]))

    with pytest.raises(TextNeeded):
        state.decide(decision(run, Action.REVISE, text="  "))
    with pytest.raises(UnknownTasks):
        state.decide(decision(run, Action.REVISE, text="shorter", tasks=("unknown",)))
    with pytest.raises(UnknownCheckpoint):
        state.decide(Decision("no-such-checkpoint", Action.CONTINUE, BEN))
    assert run.waiting.state is CheckpointState.PENDING


def reply(
    run: Run, state: StateManager, text: str, *, by: Actor, ts: str, mention: bool = False
) -> Outcome:
    return state.reply(
        Reply(
            channel="CCAMPAIGNS",
            thread_ts="100.0",
            ts=ts,
            text=text,
            actor=by,
            mentions_bot=mention,
        )
    )


@pytest.fixture
def threaded(run: Run, outbox: Outbox) -> Run:
    """A run that waits at its first checkpoint, in the thread 100.0."""
    run.start()
    [root] = outbox.take(owner="d", limit=1)
    outbox.posted(root, channel="CCAMPAIGNS", ts="100.0", shown=root.version)
    run.work()
    return run


def test_talk_in_the_thread_changes_nothing_and_is_offered_as_a_revision_only_to_approvers(
    threaded: Run, state: StateManager
) -> None:
    offered = reply(threaded, state, "hm, too long?", by=BEN, ts="101.0")

    assert isinstance(offered, RevisionOffered)
    assert offered.text == "hm, too long?"
    assert reply(threaded, state, "I like it", by=GUS, ts="102.0") == Talk()
    assert threaded.waiting.state is CheckpointState.PENDING


def test_a_reply_that_mentions_the_bot_is_a_revision_once(
    threaded: Run, state: StateManager
) -> None:
    decided = reply(threaded, state, "make it shorter", by=BEN, ts="101.0", mention=True)
    again = reply(threaded, state, "make it shorter", by=BEN, ts="101.0", mention=True)

    assert isinstance(decided, Decided)
    assert decided.checkpoint.state is CheckpointState.REVISED
    assert again == Talk()


def test_after_an_intent_the_persons_next_reply_is_the_revision(
    threaded: Run, state: StateManager
) -> None:
    state.intend_revise(threaded.waiting.id, actor=BEN)

    assert isinstance(reply(threaded, state, "longer please", by=ANA, ts="101.0"), RevisionOffered)
    decided = reply(threaded, state, "shorter please", by=BEN, ts="102.0")

    assert isinstance(decided, Decided)
    assert decided.checkpoint.feedback is not None
    assert decided.checkpoint.feedback.text == "shorter please"


def test_a_dropped_or_expired_intent_makes_no_revision(
    threaded: Run, state: StateManager, clock: SettableClock
) -> None:
    checkpoint = threaded.waiting.id
    state.intend_revise(checkpoint, actor=BEN)
    assert state.drop_intent(checkpoint, actor=BEN)
    assert isinstance(reply(threaded, state, "one", by=BEN, ts="101.0"), RevisionOffered)

    state.intend_revise(checkpoint, actor=BEN)
    clock.move(timedelta(minutes=16))
    assert isinstance(reply(threaded, state, "two", by=BEN, ts="102.0"), RevisionOffered)


def test_a_person_who_may_not_decide_gets_no_intent(threaded: Run, state: StateManager) -> None:
    with pytest.raises(NotAllowed):
        state.intend_revise(threaded.waiting.id, actor=GUS)
    with pytest.raises(NotAllowed):
        reply(threaded, state, "change it", by=GUS, ts="101.0", mention=True)
