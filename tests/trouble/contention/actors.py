"""People, clients and a tick in processes of their own, who act on checkpoints at set moments."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection as Pipe
from typing import Final

from starlette.testclient import TestClient

from bot.api.app import create_api
from bot.api.calls import ApiConfig
from bot.api.guard import loopback_hosts
from bot.slack.render import refusals
from storage.errors import AlreadyDecided, Busy, CountersignError, NotAllowed
from storage.records import Action, Decided, Decision, Reply
from tests.support.factories import member
from tests.trouble.contention.use_cases import CHANNEL, UseCases

LISTENERS: Final = 16
TRIES: Final = 20
"""How often somebody tries again who is told that the database is busy."""

ADDRESS: Final = "http://127.0.0.1:8000"
LOOK: Final = 0.003


@dataclass(frozen=True)
class Act:
    """What `who` does `at` a moment, in seconds since 1970: `way` is click, reply, api or cancel.
    `guest`: the rule does not let them decide."""

    way: str
    who: str
    action: str
    at: float = 0.0
    checkpoint: str = ""
    execution: str = ""
    thread_ts: str = ""
    guest: bool = False

    @property
    def text(self) -> str:
        return "shorter" if self.action == "revise" else ""


@dataclass(frozen=True)
class Told:
    """`answer` is decided, already, refused, busy, nothing (waits), failed visibly or otherwise, in
    `words`; `status` is HTTP's. Times are in seconds."""

    act: Act
    answer: str
    words: str = ""
    status: int = 0
    late: float = 0.0
    seconds: float = 0.0
    busy: int = 0


def actors(url: str, threads: int, pipe: Pipe) -> None:
    """A process that carries out the acts that come in, so many at once."""
    with UseCases(url) as use_cases, ThreadPoolExecutor(threads) as pool:
        perform = _Performer(use_cases).perform
        pipe.send("ready")
        while True:
            try:
                acts = sorted(pipe.recv(), key=lambda act: act.at)
            except EOFError:
                return
            pipe.send([*pool.map(lambda act: _at_its_time(perform, act), acts)])


def tick(url: str, pipe: Pipe) -> None:
    """A process that lets deadlines pass, again and again until the pipe ends."""
    with UseCases(url) as use_cases:
        pipe.send("ready")
        while not pipe.poll(LOOK):
            with suppress(Busy):
                use_cases.state.expire_due(limit=20)


def _at_its_time(perform: Callable[[Act], Told], act: Act) -> Told:
    time.sleep(max(0.0, act.at - time.time()))
    late, began, busy = time.time() - act.at, time.monotonic(), 0
    while (told := perform(act)).answer == "busy" and busy < TRIES:
        busy += 1
    return replace(told, late=late, seconds=time.monotonic() - began, busy=busy)


class _Performer:
    def __init__(self, use_cases: UseCases) -> None:
        self._state = use_cases.state
        api = create_api(
            state=use_cases.state,
            reads=use_cases.reads,
            crews={},
            door=None,
            config=ApiConfig(hosts=loopback_hosts("127.0.0.1", 8000), version="1"),
        )
        self._api = TestClient(api, base_url=ADDRESS, raise_server_exceptions=False)
        self._api.__enter__()  # keeps its event loop from call to call; the process ends it

    def perform(self, act: Act) -> Told:
        try:
            return self._perform(act)
        except Busy:
            return Told(act, "busy")
        except CountersignError as error:
            named = {AlreadyDecided: "already", NotAllowed: "refused"}
            return Told(act, named.get(type(error), "otherwise"), refusals.refusal(error))

    def _perform(self, act: Act) -> Told:
        match act.way:
            case "api":
                return self._by_api(act)
            case "reply":
                if not isinstance(self._state.reply(_reply(act)), Decided):
                    return Told(act, "nothing")
            case "cancel":
                self._state.cancel(act.execution, actor=member(act.who))
            case _:
                who = replace(member(act.who), guest=act.guest)
                self._state.decide(Decision(act.checkpoint, Action(act.action), who, text=act.text))
        return Told(act, "decided")

    def _by_api(self, act: Act) -> Told:
        """Through the routes and the guard of the real API."""
        body = {
            "execution_id": act.execution,
            "checkpoint_id": act.checkpoint,
            "action": act.action,
            "feedback": "shorter",
        }
        answer = self._api.post("/api/crew/feedback", json=body)
        kind = {200: "decided", 503: "busy"}.get(answer.status_code, "otherwise")
        return Told(act, kind, answer.text, answer.status_code)


def _reply(act: Act) -> Reply:
    return Reply(
        channel=CHANNEL,
        thread_ts=act.thread_ts,
        ts=f"9{act.thread_ts}",
        text="shorter",
        actor=member(act.who),
        mentions_bot=True,
    )
