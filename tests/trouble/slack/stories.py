"""Small stories around one call each: what the bot does when Slack answers it badly.

Each story goes on to the end of its execution, so that it also notices what delays later messages.
It returns what became of the matter, and fails at what must never happen.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Final

from bot.slack.inbound.sockets import SHORT_LIFE
from practice.traffic import Entry
from storage.records import Action, Actor, ActorKind, Decision, Execution
from tests.support.message_snapshot import MessageSnapshot
from tests.support.workspace import ANA, BEN
from tests.trouble.oracles.messages import live_at_once
from tests.trouble.slack.answers import ANSWERED, LOST, MOVED, PLAIN, RETRIED, TOLD, UNTOLD, Fault
from tests.trouble.slack.stage import HurriedStage

LONG: Final = "A long plan. " * 2000
TOLD_WITHIN: Final = 3.0
KNOWN_FOR: Final = timedelta(minutes=12)
"""Longer than the bot goes by what Slack told it about people."""

API: Final = Actor(ActorKind.API, "client", "a client", decides_everything=True)

Story = Callable[[HurriedStage, Fault], str]


def _from_now_on(stage: HurriedStage, method: str) -> Callable[[], list[Entry]]:
    """The calls of this method that come after this; the workspace keeps the newest ones alone."""
    before = max((call.seq for call in stage.workspace.calls(method)), default=0)
    return lambda: [call for call in stage.workspace.calls(method) if call.seq > before]


def _see_through(stage: HurriedStage, execution: Execution, *, copies: int = 0) -> str:
    """Wait until the checkpoint can be decided, or is said to be missing; decide; see the end.

    `copies` that cannot be acted on may stand beside its message.
    """
    campaigns = stage.workspace.channel("campaigns").id
    found: list[str] = []
    given_up: list[float] = []

    def settled() -> bool:
        shown = stage.armed_now(execution)
        if shown is not None:
            found.append(_where(shown, campaigns))
        elif stage.told_of(execution):
            found.append(TOLD)
        elif stage.given_up(execution):
            given_up.append(time.monotonic())
            if given_up[-1] - given_up[0] > TOLD_WITHIN:
                found.append(UNTOLD)
        return bool(found)

    stage.until(settled, "buttons, or words that they are missing")
    checkpoint = stage.waiting(execution).id
    shown = stage.armed_now(execution)
    if shown is not None:
        assert stage.workspace.click("Continue", by=ANA, message=shown).ok
    else:
        stage.state.decide(Decision(checkpoint, Action.CONTINUE, API))
    row = stage.database.checkpoint(checkpoint)
    assert row.state == "approved", f"after Continue the checkpoint is {row.state}"
    assert row.actor == (ANA if shown is not None else API.id)
    stage.clear_faults()
    stage.end(execution)
    stage.quiet()
    most = live_at_once(stage.shown_since(execution))[checkpoint]
    assert most <= 1, f"{most} messages could be acted on at once"
    shown_by = [m for m in stage.everywhere() if f"checkpoint:{checkpoint}" in str(m.metadata)]
    assert len(shown_by) <= 1 + copies, f"{len(shown_by)} messages show the checkpoint"
    return found[0]


def _where(shown: MessageSnapshot, campaigns: str) -> str:
    if shown.channel != campaigns:
        return MOVED
    return RETRIED if any(block["type"] == "header" for block in shown.blocks) else PLAIN


def _asked(
    stage: HurriedStage, before_click: str, fault: Fault
) -> tuple[Execution, MessageSnapshot]:
    """An execution at its checkpoint, with nobody told anything; then the fault strikes."""
    execution = stage.begin()
    stage.work()
    shown = stage.armed(execution)
    stage.forget_words()
    stage.strike(before_click, fault)
    return execution, shown


def _commanded(stage: HurriedStage) -> list[Execution]:
    """What a command starts, if it does."""
    before = {execution.id for execution in stage.reads.executions()}
    answer = stage.workspace.command("plan a fair", by=ANA)
    assert answer.ok, f"the command was answered with “{answer.notice}”"
    return [e for e in stage.reads.executions() if e.id not in before]


def _answered(stage: HurriedStage, words: str, *, timeout: float) -> str:
    try:
        stage.answer_to(BEN, words, timeout=timeout)
    except AssertionError:
        return LOST
    return ANSWERED


def post(stage: HurriedStage, fault: Fault) -> str:
    """The checkpoint's message is posted."""
    execution = stage.begin()
    stage.strike("chat.postMessage", fault, channel=execution.channel)
    stage.work()
    return _see_through(stage, execution)


def arm(stage: HurriedStage, fault: Fault) -> str:
    """The checkpoint's message is given its buttons."""
    execution = stage.begin()
    updates = _from_now_on(stage, "chat.update")
    stage.strike("chat.update", fault, channel=execution.channel)
    stage.work()
    # Where it may change no more, it stays as it was, without buttons.
    became = _see_through(stage, execution, copies=1)
    met_another = '"checkpoint:' not in json.dumps(updates()[0].sent)
    return arm(stage, fault) if fault.times == 1 and met_another else became


def root(stage: HurriedStage, fault: Fault) -> str:
    """The message that the run's thread hangs on is posted."""
    stage.strike("chat.postMessage", fault, channel=stage.workspace.channel("campaigns").id)
    (execution,) = _commanded(stage)
    stage.work()
    return _see_through(stage, execution)


def look(stage: HurriedStage, fault: Fault) -> str:
    """A post's answer was lost, and the thread is searched for the message."""
    execution = stage.begin()
    stage.strike("chat.postMessage", Fault("lost_reply"))
    stage.strike("conversations.replies", fault)
    stage.work()
    # Where it may be seen no more, it stays as it was, without buttons.
    return _see_through(stage, execution, copies=fault.error == "channel_not_found")


def look_for_root(stage: HurriedStage, fault: Fault) -> str:
    """The first message's answer was lost, and the channel is searched for it."""
    stage.strike("chat.postMessage", Fault("lost_reply"))
    stage.strike("conversations.history", fault)
    (execution,) = _commanded(stage)
    stage.work()
    return _see_through(stage, execution)


def delete(stage: HurriedStage, fault: Fault) -> str:
    """Two copies of one message are found, and one of them is to go."""
    execution = stage.begin()
    stage.strike("chat.postMessage", Fault("lost_reply"))
    stage.strike("conversations.replies", Fault("http_500"))
    stage.work()
    stage.until(lambda: stage.about(execution), "the message")
    first = stage.about(execution)[0]
    stage.strike("chat.delete", fault)
    copy_message(stage, first)
    return _see_through(stage, execution, copies=1)


def copy_message(stage: HurriedStage, message: MessageSnapshot) -> None:
    workspace = stage.workspace.practice.workspace
    stage.workspace.call(
        lambda: workspace.post(
            channel=message.channel,
            user=message.user,
            text=message.text,
            blocks=message.blocks,
            thread_ts=message.thread_ts,
            metadata=message.metadata,
        )
    )


def upload(method: str) -> Story:
    """The whole text of a clipped output goes up as a file; the next messages come after it."""

    def play(stage: HurriedStage, fault: Fault) -> str:
        execution = stage.begin()
        stage.strike(method, replace(fault, times=1 if fault.times == 1 else None))
        stage.work(LONG)
        shown = stage.armed(execution)
        assert stage.workspace.click("Continue", by=ANA, message=shown).ok
        stage.end(execution)  # while the fault lasts
        stage.clear_faults()
        stage.quiet()
        names = _files(stage, execution)
        for name, times in names.items():
            assert times == 1, f"the file {name} is there {times} times"
        if any("-planning-" in name for name in names):
            return RETRIED
        assert stage.told_of(execution), "the file is missing and nobody was told"
        return TOLD

    return play


def _files(stage: HurriedStage, execution: Execution) -> Counter[str]:
    """The names of the files in a run's thread."""
    known = stage.workspace.practice.workspace.files
    thread = stage.workspace.thread(stage.root(execution))
    return Counter(known[file].name for message in thread for file in message.files)


def direct(stage: HurriedStage, fault: Fault) -> str:
    """The channel is out of reach, and the requester's direct messages are opened."""
    execution = stage.begin()
    archived = Fault("error", None, error="is_archived")
    stage.strike("chat.postMessage", archived, channel=execution.channel)
    stage.strike("conversations.open", fault)
    stage.work()
    tries = _from_now_on(stage, "conversations.open")
    stage.until(
        lambda: stage.armed_now(execution) is not None or bool(tries()),
        "a look for the requester",
    )
    return _see_through(stage, execution)


def facts(method: str) -> Story:
    """Somebody new clicks, and Slack is asked who they are."""

    def play(stage: HurriedStage, fault: Fault) -> str:
        execution = stage.begin()
        stage.work()
        shown = stage.armed(execution)
        stage.clock.move(KNOWN_FOR)
        stage.strike(method, fault)
        answer = stage.workspace.click("Continue", by=BEN, message=shown)
        assert answer.ok, f"the click was answered with “{answer.notice}”"
        checkpoint = stage.reads.checkpoints(execution.id)[0].id
        state = stage.database.checkpoint(checkpoint).state
        if state == "approved":
            stage.clear_faults()
            stage.end(execution)
            return RETRIED
        assert state == "pending", state
        stage.answer_to(BEN, "Slack cannot tell me right now whether you may decide this")
        stage.clear_faults()
        return f"{ANSWERED}, then {_see_through(stage, execution)}"

    return play


def place(stage: HurriedStage, fault: Fault) -> str:
    """A command comes in, and Slack is asked about the channel."""
    stage.clock.move(KNOWN_FOR)
    stage.forget_words()
    stage.strike("conversations.info", fault)
    begun = _commanded(stage)
    if not begun:
        stage.workspace.wait_for(lambda: stage.workspace.ephemerals(ANA), 6, what="words")
        stage.clear_faults()
        return ANSWERED
    stage.work()
    return _see_through(stage, begun[0])


def form(stage: HurriedStage, fault: Fault) -> str:
    """Revise is clicked, and its form is to be opened."""
    execution, shown = _asked(stage, "views.open", fault)
    assert stage.workspace.click("Revise", by=BEN, message=shown).ok
    stage.workspace.wait_for(
        lambda: stage.workspace.has_view(BEN) or stage.workspace.ephemerals(BEN),
        6,
        what="a form, or words in its stead",
    )
    if stage.workspace.has_view(BEN):
        assert stage.workspace.submit({"revision_text": "shorter"}, by=BEN).ok
        became = RETRIED
    else:
        stage.answer_to(BEN, "next reply")
        stage.workspace.reply("shorter", by=BEN, thread=shown)
        became = ANSWERED
    first = stage.reads.checkpoints(execution.id)[0].id
    stage.until(
        lambda: stage.database.checkpoint(first).state == "revised", "the revision to be taken"
    )
    stage.work("a shorter draft")
    _see_through(stage, execution)
    return became


def answer_late(stage: HurriedStage, fault: Fault) -> str:
    """Somebody who is too late is to be told so, at the address that came with the click."""
    brief = replace(fault, retry_after=min(fault.retry_after, 2))
    execution, shown = _asked(stage, "response_url", brief)
    assert stage.workspace.click("Continue", by=ANA, message=shown).ok
    assert stage.workspace.click("Stop", by=BEN, message=shown).ok
    became = _answered(stage, "Too late", timeout=12)
    stage.clear_faults()
    stage.end(execution)
    return became


def answer_in_thread(stage: HurriedStage, fault: Fault) -> str:
    """Somebody talks in the thread, and is offered that it be the revision."""
    execution, shown = _asked(stage, "chat.postEphemeral", fault)
    stage.workspace.reply("Is it not too long?", by=BEN, thread=shown)
    became = _answered(stage, "Is it not too long?", timeout=8)
    stage.clear_faults()
    return f"{became}, then {_see_through(stage, execution)}"


def connect(stage: HurriedStage, fault: Fault) -> str:
    """The socket breaks, and its next one cannot be opened at once."""
    execution = stage.begin()
    stage.work()
    stage.until(lambda: stage.armed_now(execution), "the checkpoint's buttons")
    lasts = time.monotonic() + SHORT_LIFE  # or it would count as one more that failed
    stage.workspace.wait_for(lambda: time.monotonic() > lasts, what="the socket to have lasted")
    asked = _from_now_on(stage, "apps.connections.open")
    most = 1 if fault.error == "ratelimited" else 4  # that rests for half a minute each time
    brief = replace(
        fault, times=min(fault.times or most, most), retry_after=min(fault.retry_after, 2)
    )
    stage.strike("apps.connections.open", brief)
    stage.workspace.disconnect(abrupt=True)
    stage.workspace.wait_for(lambda: not stage.front.connected, what="the end of the socket")
    stage.workspace.wait_for(lambda: stage.front.connected, 60, what="another socket")
    for refused, following in pairwise(asked()):
        if refused.status == 429:
            waited = following.at - refused.at
            assert waited >= brief.retry_after, f"asked again after {waited:.1f} s"
    return _see_through(stage, execution)
