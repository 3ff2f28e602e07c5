"""The Home tab and the inbox as blocks, at their largest."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.slack.render import home, limits
from practice.limits import check_message, check_view
from storage.records import Checkpoint, CheckpointKind, Execution, PhaseOutput
from storage.states import CheckpointState, ExecutionState
from storage.waiting_reads import Entry
from tests.support.factories import ANA, NOON, asking, crew, rule

LINK = "https://practice.slack.example/archives/C00CAMPAIGN/p1796131906000000?thread_ts=1796131900"


def entry(
    number: int,
    *,
    question: str = "Review the planning",
    text: str = "A plan.",
    kind: CheckpointKind = CheckpointKind.PHASE,
    outcomes: tuple[str, ...] = (),
    message_ts: str | None = "1796131906.000100",
    link: str | None = LINK,
) -> Entry:
    execution = Execution(
        id=f"{number:08}-0000-4000-8000-000000000000",
        crew="plan",
        definition=crew(),
        state=ExecutionState.WAITING_FEEDBACK,
        version=1,
        request=asking(),
        requester=ANA,
        created_at=NOON,
        updated_at=NOON,
        channel="C00CAMPAIGN",
        thread_ts="1796131900.000100",
        phases=("planning", "analysis", "finalization"),
    )
    checkpoint = Checkpoint(
        id=f"{number:08}-1111-4000-8000-000000000000",
        execution_id=execution.id,
        phase_run_id="run",
        name="after_planning",
        description=question,
        phase="planning",
        revision=1,
        rule=rule(),
        state=CheckpointState.PENDING,
        created_at=NOON,
        deadline=NOON + timedelta(hours=1),
        output=PhaseOutput(text),
        kind=kind,
        outcomes=outcomes,
        message_ts=message_ts,
    )
    return Entry(checkpoint, execution, link)


LARGE = {
    "long questions and texts": [
        entry(n, question="Is it good? " * 40, text="A sentence about bees. " * 900)
        for n in range(20)
    ],
    "Japanese": [
        entry(n, question="計画を確認してください。" * 30, text="蜂は花から花へ飛びます。" * 900)
        for n in range(20)
    ],
    "gates with many outcomes": [
        entry(
            n,
            kind=CheckpointKind.GATE,
            outcomes=tuple(f"outcome number {number} of many" for number in range(20)),
        )
        for n in range(20)
    ],
    "tools": [
        entry(n, kind=CheckpointKind.TOOL, text='{"query": "<!channel> & bees"}' * 90)
        for n in range(20)
    ],
}


@pytest.mark.parametrize("entries", LARGE.values(), ids=LARGE)
def test_the_inbox_fits_into_a_message_and_the_home_into_a_view(entries: list[Entry]) -> None:
    answer = home.inbox(entries, beyond=1980)
    blocks = list(answer.blocks)
    assert limits.fits(blocks)
    assert check_message(answer.text, [block.to_dict() for block in blocks]) == []
    assert "*2000 checkpoints waiting for you*" in answer.text

    view = home.home(entries[: home.ENTRIES], beyond=1990, runs=[], decided=entries[:8])
    assert check_view(view.to_dict()) == []


def test_a_card_that_is_not_posted_yet_has_no_buttons() -> None:
    (shown,) = [home.inbox([entry(1, message_ts=None, link=None)], beyond=0)]

    blocks = str([block.to_dict() for block in shown.blocks])
    assert "about to appear in the thread" in blocks
    assert "'type': 'button'" not in blocks


def test_text_of_the_crew_makes_no_mention_and_no_link() -> None:
    hostile = entry(1, question="<!channel> <https://evil.example|click> *bold*|x", text="<@U1> hi")

    blocks = str([block.to_dict() for block in home.inbox([hostile], beyond=0).blocks])
    assert "<!channel" not in blocks
    assert "<https://evil" not in blocks
    assert "<@U1" not in blocks


def test_an_address_that_is_none_is_no_link() -> None:
    odd = replace(entry(1), permalink="javascript:alert(1)")

    assert "javascript:" not in str([b.to_dict() for b in home.inbox([odd], beyond=0).blocks])
