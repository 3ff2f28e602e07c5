"""A revision in several messages: gathered while it is queued, and never lost in silence."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from storage.decisions import (
    Decided,
    EditedWords,
    Reply,
    RevisionOffered,
    Talk,
    WordsTaken,
    WordsTooLate,
)
from storage.outbox.outbox import Outbox
from storage.reads import Reads
from storage.records import Actor
from storage.state_manager import StateManager
from storage.states import CheckpointState
from storage.use_cases.replies import LONGEST_WAIT, Outcome
from tests.storage.conftest import Run
from tests.support.factories import BEN, GUS, SettableClock, member

SECOND = timedelta(seconds=1)
CARLA = member("UCARLA")


@pytest.fixture
def threaded(run: Run, outbox: Outbox) -> Run:
    """A run that waits at its first checkpoint, in the thread 100.0."""
    run.start()
    [root] = outbox.take(owner="d", limit=1)
    outbox.posted(root, channel="CCAMPAIGNS", ts="100.0", shown=root.version)
    run.work("the plan")
    return run


def say(
    state: StateManager, text: str, ts: str, *, by: Actor = BEN, mention: bool = False
) -> Outcome:
    return state.reply(Reply("CCAMPAIGNS", "100.0", ts, text, by, mentions_bot=mention))


def edit(state: StateManager, before: str, after: str, ts: str, *, nth: int = 1) -> Outcome:
    return state.edit_words(
        EditedWords("CCAMPAIGNS", "100.0", ts, before, after, BEN.id, f"edit:{ts}:{nth}")
    )


def words_of(run: Run, reads: Reads) -> tuple[str, str]:
    """The words of the newest run, and those of the decision that it answers."""
    revised = [c for c in reads.checkpoints(run.id) if c.state is CheckpointState.REVISED]
    feedback = revised[-1].feedback
    assert feedback is not None
    return reads.phase_runs(run.id)[-1].feedback, feedback.text


def test_several_messages_within_seconds_are_one_revision(
    threaded: Run, state: StateManager, reads: Reads, clock: SettableClock
) -> None:
    assert isinstance(say(state, "shorter", "101.0", mention=True), Decided)
    clock.move(SECOND)
    assert isinstance(say(state, "- and add the prices\n  - in euros", "102.0"), WordsTaken)
    clock.move(2 * SECOND)

    assert state.claim("worker") is None, "it waits for 3 seconds after the last message"
    clock.move(SECOND)
    claim = state.claim("worker")

    assert claim is not None
    assert claim.run.feedback == "shorter\n- and add the prices\n  - in euros"
    assert words_of(threaded, reads) == (claim.run.feedback, claim.run.feedback)


def test_after_an_intent_all_messages_count_without_a_mention(
    threaded: Run, state: StateManager, reads: Reads
) -> None:
    state.intend_revise(threaded.waiting.id, actor=BEN)

    assert isinstance(say(state, "shorter", "101.0"), Decided)
    assert isinstance(say(state, "and add the prices", "102.0"), WordsTaken)
    assert isinstance(say(state, "in euros", "103.0"), WordsTaken)

    assert words_of(threaded, reads)[0] == "shorter\nand add the prices\nin euros"


def test_a_person_who_keeps_writing_cannot_delay_the_revision_for_ever(
    threaded: Run, state: StateManager, clock: SettableClock
) -> None:
    say(state, "shorter", "101.0", mention=True)
    started = clock.now()
    for number in range(60):
        if state.claim("worker") is not None:
            break
        clock.move(SECOND)
        say(state, f"and {number}", f"{102 + number}.0")

    assert clock.now() - started <= LONGEST_WAIT + SECOND


def test_a_message_that_is_delivered_twice_counts_once(
    threaded: Run, state: StateManager, reads: Reads
) -> None:
    say(state, "shorter", "101.0", mention=True)
    say(state, "in euros", "102.0")

    again = say(state, "in euros", "102.0")

    assert again == Talk()
    assert isinstance(again, Talk)
    assert again.repeated
    assert words_of(threaded, reads)[0] == "shorter\nin euros"


def test_what_others_say_is_no_part_of_the_revision(
    threaded: Run, state: StateManager, reads: Reads
) -> None:
    say(state, "shorter", "101.0", mention=True)

    assert say(state, "agreed!", "102.0", by=CARLA) == Talk()
    assert say(state, "agreed!", "103.0", by=GUS, mention=True) == Talk()
    assert words_of(threaded, reads)[0] == "shorter"


def test_a_blank_message_adds_nothing(threaded: Run, state: StateManager, reads: Reads) -> None:
    say(state, "shorter", "101.0", mention=True)

    assert say(state, " \u200b\n", "102.0") == Talk()
    assert words_of(threaded, reads)[0] == "shorter"


def test_words_for_a_revision_that_runs_are_answered(
    threaded: Run, state: StateManager, reads: Reads, clock: SettableClock
) -> None:
    say(state, "shorter", "101.0", mention=True)
    clock.move(3 * SECOND)
    assert state.claim("worker") is not None

    assert isinstance(say(state, "in euros", "102.0"), WordsTooLate)
    clock.move(120 * SECOND)
    assert say(state, "lunch?", "103.0") == Talk()
    assert isinstance(say(state, "in euros", "104.0", mention=True), WordsTooLate)
    assert words_of(threaded, reads)[0] == "shorter"


def test_words_after_the_revision_belong_to_its_own_checkpoint(
    threaded: Run, state: StateManager, clock: SettableClock
) -> None:
    say(state, "shorter", "101.0", mention=True)
    clock.move(3 * SECOND)
    threaded.work("the second plan")

    assert isinstance(say(state, "hm, still long", "102.0"), RevisionOffered)


def test_an_edited_message_changes_the_words_of_a_queued_revision(
    threaded: Run, state: StateManager, reads: Reads, clock: SettableClock
) -> None:
    say(state, "start in Mai", "101.0", mention=True)
    say(state, "and shorter", "102.0")

    assert isinstance(edit(state, "start in Mai", "start in May", "101.0"), WordsTaken)
    edit(state, "start in May", "start in May, in May", "101.0", nth=2)
    assert edit(state, "start in May", "start in May, in May", "101.0", nth=2) == Talk()

    assert words_of(threaded, reads)[1] == "start in May, in May\nand shorter"


def test_an_edit_that_comes_too_late_is_answered_and_changes_nothing(
    threaded: Run, state: StateManager, reads: Reads, clock: SettableClock
) -> None:
    say(state, "start in Mai", "101.0", mention=True)
    clock.move(3 * SECOND)
    assert state.claim("worker") is not None

    assert isinstance(edit(state, "start in Mai", "start in May", "101.0"), WordsTooLate)
    assert words_of(threaded, reads) == ("start in Mai", "start in Mai")


def test_an_edit_of_talk_changes_nothing(threaded: Run, state: StateManager, reads: Reads) -> None:
    say(state, "shorter", "101.0", mention=True)
    say(state, "agreed", "102.0", by=CARLA)

    assert edit(state, "shorter", "longer", "102.0") == Talk()
    assert words_of(threaded, reads)[0] == "shorter"


def test_talk_that_was_offered_can_still_be_added_to_the_persons_revision(
    threaded: Run, state: StateManager, reads: Reads
) -> None:
    assert isinstance(say(state, "in euros", "101.0"), RevisionOffered)
    say(state, "shorter", "102.0", mention=True)
    offered = Reply("CCAMPAIGNS", "100.0", "101.0", "in euros", BEN, mentions_bot=True)

    assert isinstance(state.add_words(offered), WordsTaken)
    assert state.add_words(offered) == Talk()
    assert words_of(threaded, reads)[0] == "shorter\nin euros"


def test_messages_at_the_same_moment_are_all_kept(
    threaded: Run, state: StateManager, reads: Reads
) -> None:
    state.intend_revise(threaded.waiting.id, actor=BEN)
    texts = [f"point {number}" for number in range(4)]

    with ThreadPoolExecutor(4) as people:
        list(people.map(lambda at: say(state, texts[at], f"{101 + at}.0"), range(4)))

    assert sorted(words_of(threaded, reads)[0].split("\n")) == texts
