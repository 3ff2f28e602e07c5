"""Short stories, one for each Slack call, in which the call fails.

Each story runs its execution to the end, so that it also detects delays of later messages. It
returns the outcome, and raises AssertionError if something happens that never may.
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
from storage.decisions import Decision
from storage.records import Action, Actor, ActorKind, Execution
from tests.support.message_snapshot import MessageSnapshot, readable
from tests.support.workspace import ANA, BEN
from tests.trouble.oracles.messages import live_at_once
from tests.trouble.slack.answers import (
    ANSWERED,
    MOVED,
    PLAIN,
    REPORTED,
    RETRIED,
    UNANSWERED,
    UNREPORTED,
    Fault,
)
from tests.trouble.slack.stage import HurriedStage

LONG: Final = "A long plan. " * 2000
REPORTED_WITHIN: Final = 3.0
CACHED_FOR: Final = timedelta(minutes=12)
"""Longer than the bot caches what it knows about people and channels."""

API_CLIENT: Final = Actor(ActorKind.API, "client", "a client", decides_everything=True)

Story = Callable[[HurriedStage, Fault], str]


def _later_calls(stage: HurriedStage, method: str) -> Callable[[], list[Entry]]:
    """A function for the later calls of this method; the workspace keeps only the newest calls."""
    before = max((call.seq for call in stage.workspace.calls(method)), default=0)
    return lambda: [call for call in stage.workspace.calls(method) if call.seq > before]


def _decide_and_end(stage: HurriedStage, execution: Execution, *, copies: int = 0) -> str:
    """Wait until the checkpoint can be decided or is reported missing; decide; see the end.

    Up to `copies` messages without buttons may also show the checkpoint.
    """
    campaigns = stage.workspace.channel("campaigns").id
    outcomes: list[str] = []
    given_up: list[float] = []

    def settled() -> bool:
        message = stage.armed_now(execution)
        if message is not None:
            outcomes.append(_where(message, campaigns))
        elif stage.reported_missing(execution):
            outcomes.append(REPORTED)
        elif stage.given_up(execution):
            given_up.append(time.monotonic())
            if given_up[-1] - given_up[0] > REPORTED_WITHIN:
                outcomes.append(UNREPORTED)
        return bool(outcomes)

    stage.until(settled, "buttons, or a message that they are missing")
    checkpoint = stage.waiting(execution).id
    message = stage.armed_now(execution)
    if message is not None:
        assert stage.workspace.click("Continue", by=ANA, message=message).ok
    else:
        stage.state.decide(Decision(checkpoint, Action.CONTINUE, API_CLIENT))
    row = stage.database.checkpoint(checkpoint)
    assert row.state == "approved", f"after Continue the checkpoint is {row.state}"
    assert row.actor == (ANA if message is not None else API_CLIENT.id)
    stage.clear_faults()
    stage.end(execution)
    stage.quiet()
    live = live_at_once(stage.shown_since(execution))[checkpoint]
    assert live <= 1, f"{live} messages could be acted on at once"
    shown_by = [m for m in stage.everywhere() if f"checkpoint:{checkpoint}" in str(m.metadata)]
    assert len(shown_by) <= 1 + copies, f"{len(shown_by)} messages show the checkpoint"
    return outcomes[0]


def _where(message: MessageSnapshot, campaigns: str) -> str:
    if message.channel != campaigns:
        return MOVED
    return RETRIED if any(block["type"] == "header" for block in message.blocks) else PLAIN


def _at_checkpoint(
    stage: HurriedStage, method: str, fault: Fault
) -> tuple[Execution, MessageSnapshot]:
    """An execution at its checkpoint, without ephemeral messages; then the fault strikes."""
    execution = stage.begin()
    stage.work()
    message = stage.armed(execution)
    stage.clear_ephemerals()
    stage.strike(method, fault)
    return execution, message


def _commanded(stage: HurriedStage) -> list[Execution]:
    """The executions that a command starts: one or none."""
    before = {execution.id for execution in stage.reads.executions()}
    answer = stage.workspace.command("plan a fair", by=ANA)
    assert answer.ok, f"the command was answered with “{answer.notice}”"
    return [e for e in stage.reads.executions() if e.id not in before]


def _answered(stage: HurriedStage, words: str, *, timeout: float) -> str:
    try:
        stage.answer_to(BEN, words, timeout=timeout)
    except AssertionError:
        return UNANSWERED
    return ANSWERED


def post(stage: HurriedStage, fault: Fault) -> str:
    """The checkpoint's message is posted."""
    execution = stage.begin()
    stage.strike("chat.postMessage", fault, channel=execution.channel)
    stage.work()
    return _decide_and_end(stage, execution)


def arm(stage: HurriedStage, fault: Fault) -> str:
    """The checkpoint's message gets its buttons."""
    execution = stage.begin()
    updates = _later_calls(stage, "chat.update")
    stage.strike("chat.update", fault, channel=execution.channel)
    stage.work()
    # A message that may no longer be changed stays as it was, without buttons.
    outcome = _decide_and_end(stage, execution, copies=2)
    met_another = '"checkpoint:' not in json.dumps(updates()[0].sent)
    return arm(stage, fault) if fault.times == 1 and met_another else outcome


def root(stage: HurriedStage, fault: Fault) -> str:
    """The first message of the run's thread is posted."""
    stage.strike("chat.postMessage", fault, channel=stage.workspace.channel("campaigns").id)
    (execution,) = _commanded(stage)
    stage.work()
    return _decide_and_end(stage, execution)


def look(stage: HurriedStage, fault: Fault) -> str:
    """The answer to a post is lost, and the bot searches the thread for the message."""
    execution = stage.begin()
    stage.strike("chat.postMessage", Fault("lost_reply"))
    stage.strike("conversations.replies", fault)
    stage.work()
    # A message that the bot may no longer see stays as it was, without buttons.
    return _decide_and_end(stage, execution, copies=fault.error == "channel_not_found")


def look_for_root(stage: HurriedStage, fault: Fault) -> str:
    """The answer to the first post is lost, and the bot searches the channel for the message."""
    stage.strike("chat.postMessage", Fault("lost_reply"))
    stage.strike("conversations.history", fault)
    (execution,) = _commanded(stage)
    stage.work()
    return _decide_and_end(stage, execution)


def delete(stage: HurriedStage, fault: Fault) -> str:
    """The bot finds two copies of one message, and deletes one."""
    execution = stage.begin()
    stage.strike("chat.postMessage", Fault("lost_reply"))
    stage.strike("conversations.replies", Fault("http_500"))
    stage.work()
    stage.until(lambda: stage.about(execution), "the message")
    first = stage.about(execution)[0]
    stage.strike("chat.delete", fault)
    copy_message(stage, first)
    return _decide_and_end(stage, execution, copies=2)


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
    """The whole text of a clipped output is uploaded as a file; later messages follow it."""

    def play(stage: HurriedStage, fault: Fault) -> str:
        execution = stage.begin()
        stage.strike(method, replace(fault, times=1 if fault.times == 1 else None))
        stage.work(LONG)
        message = stage.armed(execution)
        assert stage.workspace.click("Continue", by=ANA, message=message).ok
        stage.end(execution)  # while the fault lasts
        stage.clear_faults()
        stage.quiet()
        names = _files(stage, execution)
        for name, times in names.items():
            assert times == 1, f"the file {name} was uploaded {times} times"
        if any("-planning-" in name for name in names):
            return RETRIED
        above = [m for m in stage.workspace.thread(message) if m.ts < message.ts]
        shown = "".join("".join(readable(m.blocks)) for m in above)
        assert shown.count("A long plan.") > 1900, "it is neither a file nor in messages"
        return REPORTED

    return play


def _files(stage: HurriedStage, execution: Execution) -> Counter[str]:
    """The names of the files in a run's thread."""
    files = stage.workspace.practice.workspace.files
    thread = stage.workspace.thread(stage.root(execution))
    return Counter(files[file].name for message in thread for file in message.files)


def direct(stage: HurriedStage, fault: Fault) -> str:
    """The channel is archived, and the bot opens a direct message with the requester."""
    execution = stage.begin()
    archived = Fault("error", None, error="is_archived")
    stage.strike("chat.postMessage", archived, channel=execution.channel)
    stage.strike("conversations.open", fault)
    stage.work()
    attempts = _later_calls(stage, "conversations.open")
    stage.until(
        lambda: stage.armed_now(execution) is not None or bool(attempts()),
        "a call for the direct message",
    )
    return _decide_and_end(stage, execution)


def facts(method: str) -> Story:
    """An unknown person clicks, and the bot asks Slack about them."""

    def play(stage: HurriedStage, fault: Fault) -> str:
        execution = stage.begin()
        stage.work()
        message = stage.armed(execution)
        stage.clock.move(CACHED_FOR)
        stage.strike(method, fault)
        answer = stage.workspace.click("Continue", by=BEN, message=message)
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
        return f"{ANSWERED}, then {_decide_and_end(stage, execution)}"

    return play


def place(stage: HurriedStage, fault: Fault) -> str:
    """A command comes in, and the bot asks Slack about the channel."""
    stage.clock.move(CACHED_FOR)
    stage.clear_ephemerals()
    stage.strike("conversations.info", fault)
    executions = _commanded(stage)
    if not executions:
        stage.workspace.wait_for(lambda: stage.workspace.ephemerals(ANA), 6, what="a message")
        stage.clear_faults()
        return ANSWERED
    stage.work()
    return _decide_and_end(stage, executions[0])


def form(stage: HurriedStage, fault: Fault) -> str:
    """A person clicks Revise, and the bot opens the form."""
    execution, message = _at_checkpoint(stage, "views.open", fault)
    assert stage.workspace.click("Revise", by=BEN, message=message).ok
    stage.workspace.wait_for(
        lambda: stage.workspace.has_view(BEN) or stage.workspace.ephemerals(BEN),
        6,
        what="a form, or a message instead",
    )
    if stage.workspace.has_view(BEN):
        assert stage.workspace.submit({"revision_text": "shorter"}, by=BEN).ok
        outcome = RETRIED
    else:
        stage.answer_to(BEN, "next reply")
        stage.workspace.reply("shorter", by=BEN, thread=message)
        outcome = ANSWERED
    first = stage.reads.checkpoints(execution.id)[0].id
    stage.until(
        lambda: stage.database.checkpoint(first).state == "revised", "the revision to be taken"
    )
    stage.work("a shorter draft")
    _decide_and_end(stage, execution)
    return outcome


def answer_late(stage: HurriedStage, fault: Fault) -> str:
    """The bot tells a person who is too late, by the response URL of the click."""
    brief = replace(fault, retry_after=min(fault.retry_after, 2))
    execution, message = _at_checkpoint(stage, "response_url", brief)
    assert stage.workspace.click("Continue", by=ANA, message=message).ok
    assert stage.workspace.click("Stop", by=BEN, message=message).ok
    outcome = _answered(stage, "Too late", timeout=12)
    stage.clear_faults()
    stage.end(execution)
    return outcome


def answer_in_thread(stage: HurriedStage, fault: Fault) -> str:
    """A person writes in the thread, and the bot offers to use it as the revision."""
    execution, message = _at_checkpoint(stage, "chat.postEphemeral", fault)
    stage.workspace.reply("Is it not too long?", by=BEN, thread=message)
    outcome = _answered(stage, "Is it not too long?", timeout=8)
    stage.clear_faults()
    return f"{outcome}, then {_decide_and_end(stage, execution)}"


def connect(stage: HurriedStage, fault: Fault) -> str:
    """The socket breaks, and the next one cannot be opened at once."""
    execution = stage.begin()
    stage.work()
    stage.until(lambda: stage.armed_now(execution), "the checkpoint's buttons")
    until = time.monotonic() + SHORT_LIFE  # or the bot counts it as failed
    stage.workspace.wait_for(lambda: time.monotonic() > until, what="the socket to have lasted")
    requests = _later_calls(stage, "apps.connections.open")
    max_times = 1 if fault.error == "ratelimited" else 4  # each one pauses for half a minute
    brief = replace(
        fault, times=min(fault.times or max_times, max_times), retry_after=min(fault.retry_after, 2)
    )
    stage.strike("apps.connections.open", brief)
    stage.workspace.disconnect(abrupt=True)
    stage.workspace.wait_for(lambda: not stage.front.connected, what="the end of the socket")
    stage.workspace.wait_for(lambda: stage.front.connected, 60, what="another socket")
    for refused, following in pairwise(requests()):
        if refused.status == 429:
            waited = following.at - refused.at
            assert waited >= brief.retry_after, f"the bot tried again after {waited:.1f} s"
    return _decide_and_end(stage, execution)
