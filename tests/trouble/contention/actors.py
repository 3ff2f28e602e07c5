"""Separate processes for people, clients and the tick, which act on checkpoints at set times."""

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
from bot.api.guard import loopback_hosts
from bot.api.services import ApiConfig
from bot.slack.render import refusals
from storage.decisions import Decided, Decision, Reply
from storage.errors import AlreadyDecided, Busy, CountersignError, NotAllowed
from storage.records import Action
from tests.support.factories import member
from tests.trouble.contention.use_cases import CHANNEL, UseCases

LISTENERS: Final = 16
TRIES: Final = 20
"""How often a person tries again while the database is busy."""

ADDRESS: Final = "http://127.0.0.1:8000"
LOOK: Final = 0.003


@dataclass(frozen=True)
class Act:
    """What `who` does at the time `at`, in seconds since 1970.

    `way` is click, reply, api or cancel. `guest`: the rule does not let them decide.
    """

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
class Response:
    """The response to an act.

    `answer` is decided, already, refused, busy, nothing (it still waits), failed visibly or
    otherwise; `words` is its text and `status` the HTTP status. Times are in seconds.
    """

    act: Act
    answer: str
    words: str = ""
    status: int = 0
    late: float = 0.0
    seconds: float = 0.0
    busy: int = 0


def actors(url: str, threads: int, pipe: Pipe) -> None:
    """A process that performs the acts it receives, `threads` at a time."""
    with UseCases(url) as use_cases, ThreadPoolExecutor(threads) as pool:
        perform = _Performer(use_cases).perform
        pipe.send("ready")
        while True:
            try:
                acts = sorted(pipe.recv(), key=lambda act: act.at)
            except EOFError:
                return
            pipe.send([*pool.map(lambda act: _perform_on_time(perform, act), acts)])


def tick(url: str, pipe: Pipe) -> None:
    """A process that expires due checkpoints repeatedly until the pipe closes."""
    with UseCases(url) as use_cases:
        pipe.send("ready")
        while not pipe.poll(LOOK):
            with suppress(Busy):
                use_cases.state.expire_due(limit=20)


def _perform_on_time(perform: Callable[[Act], Response], act: Act) -> Response:
    time.sleep(max(0.0, act.at - time.time()))
    late, started, busy = time.time() - act.at, time.monotonic(), 0
    while (response := perform(act)).answer == "busy" and busy < TRIES:
        busy += 1
    return replace(response, late=late, seconds=time.monotonic() - started, busy=busy)


class _Performer:
    def __init__(self, use_cases: UseCases) -> None:
        self._state = use_cases.state
        api = create_api(
            state=use_cases.state,
            reads=use_cases.reads,
            tokens=use_cases.tokens,
            idempotency_keys=use_cases.idempotency_keys,
            crews={},
            door=None,
            config=ApiConfig(hosts=loopback_hosts("127.0.0.1", 8000), version="1"),
        )
        self._api = TestClient(api, base_url=ADDRESS, raise_server_exceptions=False)
        self._api.__enter__()  # keeps one event loop for all calls; it ends with the process

    def perform(self, act: Act) -> Response:
        try:
            return self._perform(act)
        except Busy:
            return Response(act, "busy")
        except CountersignError as error:
            answers = {AlreadyDecided: "already", NotAllowed: "refused"}
            return Response(act, answers.get(type(error), "otherwise"), refusals.refusal(error))

    def _perform(self, act: Act) -> Response:
        match act.way:
            case "api":
                return self._by_api(act)
            case "reply":
                if not isinstance(self._state.reply(_reply(act)), Decided):
                    return Response(act, "nothing")
            case "cancel":
                self._state.cancel(act.execution, actor=member(act.who))
            case _:
                who = replace(member(act.who), guest=act.guest)
                self._state.decide(Decision(act.checkpoint, Action(act.action), who, text=act.text))
        return Response(act, "decided")

    def _by_api(self, act: Act) -> Response:
        """Decide through the routes and the guard of the real API."""
        body = {
            "execution_id": act.execution,
            "checkpoint_id": act.checkpoint,
            "action": act.action,
            "feedback": "shorter",
        }
        answer = self._api.post("/api/crew/feedback", json=body)
        kind = {200: "decided", 503: "busy"}.get(answer.status_code, "otherwise")
        return Response(act, kind, answer.text, answer.status_code)


def _reply(act: Act) -> Reply:
    return Reply(
        channel=CHANNEL,
        thread_ts=act.thread_ts,
        ts=f"9{act.thread_ts}",
        text="shorter",
        actor=member(act.who),
        mentions_bot=True,
    )
