"""Small stories around one call each: what the bot does when Slack answers it badly.

Each story goes on to the end of its run, so that what stands in the way of a later message is
found, too. It says what became of the matter; what must never happen is collected by the house.
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
from tests.chaos.weather.answers import ANSWERED, LOST, MOVED, PLAIN, RETRIED, TOLD, UNTOLD, Fault
from tests.chaos.weather.house import House
from tests.support.message_snapshot import MessageSnapshot as Shown
from tests.support.workspace import ANA, BEN

LONG: Final = "A long plan. " * 2000
TOLD_WITHIN: Final = 3.0
KNOWN_FOR: Final = timedelta(minutes=12)
"""Longer than the bot goes by what Slack told it about people."""

API: Final = Actor(ActorKind.API, "client", "a client", decides_everything=True)

Plot = Callable[[House, Fault], str]


def _strike(house: House, method: str, fault: Fault, *, channel: str | None = None) -> None:
    house.strike(
        method,
        fault.kind,
        times=fault.times,
        error=fault.error,
        retry_after=fault.retry_after,
        status=fault.status,
        channel=channel,
    )


def _from_now_on(house: House, method: str) -> Callable[[], list[Entry]]:
    """The calls of this method that come after this; the workspace keeps the newest ones alone."""
    before = max((call.seq for call in house.workspace.calls(method)), default=0)
    return lambda: [call for call in house.workspace.calls(method) if call.seq > before]


def _see_through(house: House, execution: Execution, *, copies: int = 0) -> str:
    """Wait until the checkpoint can be decided, or is said to be missing; decide; see the end.

    `copies` that cannot be acted on may stand beside its message.
    """
    campaigns = house.workspace.channel("campaigns").id
    found: list[str] = []
    given_up: list[float] = []

    def settled() -> bool:
        shown = house.armed_now(execution)
        if shown is not None:
            found.append(_where(shown, campaigns))
        elif house.told_of(execution):
            found.append(TOLD)
        elif house.given_up(execution):
            given_up.append(time.monotonic())
            if given_up[-1] - given_up[0] > TOLD_WITHIN:
                found.append(UNTOLD)
        return bool(found)

    house.until(settled, "buttons, or words that they are missing")
    checkpoint = house.waiting(execution).id
    shown = house.armed_now(execution)
    if shown is not None:
        assert house.workspace.click("Continue", by=ANA, message=shown).ok
    else:
        house.state.decide(Decision(checkpoint, Action.CONTINUE, API))
    stands = house.books.standing([checkpoint])[checkpoint]
    assert stands.state == "approved", f"after Continue the checkpoint is {stands.state}"
    assert stands.actor == (ANA if shown is not None else API.id)
    house.clear_up()
    house.end(execution)
    house.quiet()
    most = house.live.read(house.workspace).get(checkpoint, 0)
    assert most <= 1, f"{most} messages could be acted on at once"
    shown_by = [m for m in house.everywhere() if f"checkpoint:{checkpoint}" in str(m.metadata)]
    assert len(shown_by) <= 1 + copies, f"{len(shown_by)} messages show the checkpoint"
    return found[0]


def _where(shown: Shown, campaigns: str) -> str:
    if shown.channel != campaigns:
        return MOVED
    return RETRIED if any(block["type"] == "header" for block in shown.blocks) else PLAIN


def _armed(house: House, execution: Execution) -> Shown:
    house.until(lambda: house.armed_now(execution), "the checkpoint's buttons")
    shown = house.armed_now(execution)
    assert shown is not None, "the checkpoint's buttons went again"
    return shown


def post(house: House, fault: Fault) -> str:
    """The checkpoint's message is posted."""
    execution = house.begin()
    _strike(house, "chat.postMessage", fault, channel=execution.channel)
    house.work()
    return _see_through(house, execution)


def arm(house: House, fault: Fault) -> str:
    """The checkpoint's message is given its buttons."""
    execution = house.begin()
    updates = _from_now_on(house, "chat.update")
    _strike(house, "chat.update", fault, channel=execution.channel)
    house.work()
    # Where it may change no more, it stays as it was, without buttons.
    became = _see_through(house, execution, copies=1)
    met_another = '"checkpoint:' not in json.dumps(updates()[0].sent)
    return arm(house, fault) if fault.times == 1 and met_another else became


def root(house: House, fault: Fault) -> str:
    """The message that the run's thread hangs on is posted."""
    _strike(house, "chat.postMessage", fault, channel=house.workspace.channel("campaigns").id)
    before = {execution.id for execution in house.reads.executions()}
    assert house.workspace.command("plan a fair", by=ANA).ok
    (execution,) = (e for e in house.reads.executions() if e.id not in before)
    house.work()
    return _see_through(house, execution)


def look(house: House, fault: Fault) -> str:
    """A post's answer was lost, and the thread is searched for the message."""
    execution = house.begin()
    house.strike("chat.postMessage", "lost_reply")
    _strike(house, "conversations.replies", fault)
    house.work()
    # Where it may be seen no more, it stays as it was, without buttons.
    return _see_through(house, execution, copies=fault.error == "channel_not_found")


def look_for_root(house: House, fault: Fault) -> str:
    """The first message's answer was lost, and the channel is searched for it."""
    house.strike("chat.postMessage", "lost_reply")
    _strike(house, "conversations.history", fault)
    before = {execution.id for execution in house.reads.executions()}
    assert house.workspace.command("plan a fair", by=ANA).ok
    (execution,) = (e for e in house.reads.executions() if e.id not in before)
    house.work()
    return _see_through(house, execution)


def delete(house: House, fault: Fault) -> str:
    """Two copies of one message are found, and one of them is to go."""
    execution = house.begin()
    house.strike("chat.postMessage", "lost_reply")
    house.strike("conversations.replies", "http_500", times=1)
    house.work()
    house.until(lambda: house.about(execution), "the message")
    first = house.about(execution)[0]
    _strike(house, "chat.delete", fault)
    copy_message(house, first)
    return _see_through(house, execution, copies=1)


def copy_message(house: House, message: Shown) -> None:
    workspace = house.workspace.practice.workspace
    house.workspace.call(
        lambda: workspace.post(
            channel=message.channel,
            user=message.user,
            text=message.text,
            blocks=message.blocks,
            thread_ts=message.thread_ts,
            metadata=message.metadata,
        )
    )


def upload(method: str) -> Plot:
    """The whole text of a clipped output goes up as a file; the next messages come after it."""

    def play(house: House, fault: Fault) -> str:
        execution = house.begin()
        _strike(house, method, replace(fault, times=1 if fault.times == 1 else None))
        house.work(LONG)
        shown = _armed(house, execution)
        assert house.workspace.click("Continue", by=ANA, message=shown).ok
        house.end(execution)  # while the fault lasts
        house.clear_up()
        house.quiet()
        names = _files(house, execution)
        for name, times in names.items():
            assert times == 1, f"the file {name} is there {times} times"
        if any("-planning-" in name for name in names):
            return RETRIED
        assert house.told_of(execution), "the file is missing and nobody was told"
        return TOLD

    return play


def _files(house: House, execution: Execution) -> Counter[str]:
    """The names of the files in a run's thread."""
    known = house.workspace.practice.workspace.files
    thread = house.workspace.thread(house.root(execution))
    return Counter(known[file].name for message in thread for file in message.files)


def direct(house: House, fault: Fault) -> str:
    """The channel is out of reach, and the requester's direct messages are opened."""
    execution = house.begin()
    house.strike(
        "chat.postMessage", "error", times=None, error="is_archived", channel=execution.channel
    )
    _strike(house, "conversations.open", fault)
    house.work()
    tries = _from_now_on(house, "conversations.open")
    house.until(
        lambda: house.armed_now(execution) is not None or bool(tries()),
        "a look for the requester",
    )
    return _see_through(house, execution)


def facts(method: str) -> Plot:
    """Somebody new clicks, and Slack is asked who they are."""

    def play(house: House, fault: Fault) -> str:
        execution = house.begin()
        house.work()
        shown = _armed(house, execution)
        house.clock.move(KNOWN_FOR)
        _strike(house, method, fault)
        answer = house.workspace.click("Continue", by=BEN, message=shown)
        assert answer.ok, f"the click was answered with “{answer.notice}”"
        checkpoint = house.reads.checkpoints(execution.id)[0].id
        stands = house.books.standing([checkpoint])[checkpoint]
        if stands.state == "approved":
            house.clear_up()
            house.end(execution)
            return RETRIED
        assert stands.state == "pending", stands.state
        house.told(BEN, "Slack does not tell me right now whether you may decide this")
        house.clear_up()
        return f"{ANSWERED}, then {_see_through(house, execution)}"

    return play


def place(house: House, fault: Fault) -> str:
    """A command comes in, and Slack is asked about the channel."""
    house.clock.move(KNOWN_FOR)
    before = {execution.id for execution in house.reads.executions()}
    house.workspace.call(house.workspace.practice.workspace.ephemerals.clear)
    _strike(house, "conversations.info", fault)
    answer = house.workspace.command("plan a fair", by=ANA)
    assert answer.ok, f"the command was answered with “{answer.notice}”"
    begun = [e for e in house.reads.executions() if e.id not in before]
    if not begun:
        house.workspace.wait_for(lambda: house.workspace.ephemerals(ANA), 6, what="words")
        house.clear_up()
        return ANSWERED
    house.work()
    return _see_through(house, begun[0])


def form(house: House, fault: Fault) -> str:
    """Revise is clicked, and its form is to be opened."""
    execution = house.begin()
    house.work()
    shown = _armed(house, execution)
    _strike(house, "views.open", fault)
    house.workspace.call(house.workspace.practice.workspace.ephemerals.clear)
    assert house.workspace.click("Revise", by=BEN, message=shown).ok
    house.workspace.wait_for(
        lambda: house.workspace.has_view(BEN) or house.workspace.ephemerals(BEN),
        6,
        what="a form, or words in its stead",
    )
    if house.workspace.has_view(BEN):
        assert house.workspace.submit({"revision_text": "shorter"}, by=BEN).ok
        became = RETRIED
    else:
        house.told(BEN, "next reply")
        house.workspace.reply("shorter", by=BEN, thread=shown)
        became = ANSWERED
    first = house.reads.checkpoints(execution.id)[0].id
    house.until(
        lambda: house.books.standing([first])[first].state == "revised", "the revision to be taken"
    )
    house.work("a shorter draft")
    _see_through(house, execution)
    return became


def answer_late(house: House, fault: Fault) -> str:
    """Somebody who is too late is to be told so, at the address that came with the click."""
    execution = house.begin()
    house.work()
    shown = _armed(house, execution)
    assert house.workspace.click("Continue", by=ANA, message=shown).ok
    house.workspace.call(house.workspace.practice.workspace.ephemerals.clear)
    _strike(house, "response_url", replace(fault, retry_after=min(fault.retry_after, 2)))
    assert house.workspace.click("Stop", by=BEN, message=shown).ok
    became = ANSWERED
    try:
        house.told(BEN, "Too late", timeout=12)
    except AssertionError:
        became = LOST
    house.clear_up()
    house.end(execution)
    return became


def answer_in_thread(house: House, fault: Fault) -> str:
    """Somebody talks in the thread, and is offered that it be the revision."""
    execution = house.begin()
    house.work()
    shown = _armed(house, execution)
    house.workspace.call(house.workspace.practice.workspace.ephemerals.clear)
    _strike(house, "chat.postEphemeral", fault)
    house.workspace.reply("Is it not too long?", by=BEN, thread=shown)
    became = ANSWERED
    try:
        house.told(BEN, "Is it not too long?", timeout=8)
    except AssertionError:
        became = LOST
    house.clear_up()
    return f"{became}, then {_see_through(house, execution)}"


def connect(house: House, fault: Fault) -> str:
    """The socket breaks, and its next one cannot be opened at once."""
    execution = house.begin()
    house.work()
    house.until(lambda: house.armed_now(execution), "the checkpoint's buttons")
    lasts = time.monotonic() + SHORT_LIFE  # or it would count as one more that failed
    house.workspace.wait_for(lambda: time.monotonic() > lasts, what="the socket to have lasted")
    asked = _from_now_on(house, "apps.connections.open")
    most = 1 if fault.error == "ratelimited" else 4  # that rests for half a minute each time
    brief = replace(
        fault, times=min(fault.times or most, most), retry_after=min(fault.retry_after, 2)
    )
    _strike(house, "apps.connections.open", brief)
    house.workspace.disconnect(abrupt=True)
    house.workspace.wait_for(lambda: not house.front.connected, what="the end of the socket")
    house.workspace.wait_for(lambda: house.front.connected, 60, what="another socket")
    for refused, following in pairwise(asked()):
        if refused.status == 429:
            waited = following.at - refused.at
            assert waited >= brief.retry_after, f"asked again after {waited:.1f} s"
    return _see_through(house, execution)
