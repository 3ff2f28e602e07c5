"""Those who race for a checkpoint: clicks, a reply, a call of the API, a cancel, and the tick.

Each act is aimed at a moment shortly before or after the deadline. What its actor was answered is
a line of the journal.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from typing import Any, Final

from starlette.testclient import TestClient

from bot.api.app import create_api
from bot.api.calls import ApiConfig
from bot.api.guard import loopback_hosts
from bot.slack.render import refusals
from storage.errors import Busy, CountersignError
from storage.records import Action, Decided, Decision, Reply
from tests.support.factories import member
from tests.trouble.contention.use_cases import CHANNEL, UseCases

ADDRESS: Final = "http://127.0.0.1:8000"
PATIENCE: Final = 20
LOOK: Final = 0.003
DECIDERS: Final = {"click": "UCLICK", "other click": "UOTHER", "reply": "UREPLY", "api": "loopback"}
"""Who decides, by how they do it."""


@dataclass(frozen=True)
class Race:
    """`aims` are the seconds since 1970 at which each acts; `chosen` the action of each."""

    checkpoint: str
    execution: str
    thread_ts: str
    aims: dict[str, float]
    chosen: dict[str, str]


@dataclass(frozen=True)
class Answer:
    """What an actor was answered. `answer`: done, refused or busy; `status` is HTTP's."""

    checkpoint: str
    way: str
    answer: str
    said: str = ""
    status: int = 0
    late: float = 0.0


def run(url: str, ways: Sequence[str], pipe: Pipe) -> None:
    """A process: races for whatever batch comes in by each of these ways at once."""
    with UseCases(url) as use_cases, ThreadPoolExecutor(len(ways)) as racers:
        acts = {way: _way(use_cases, way) for way in ways}
        pipe.send("ready")
        while True:
            try:
                batch: list[Race] = pipe.recv()
            except EOFError:
                return
            begun = [racers.submit(_race, acts[way], way, batch) for way in ways]
            pipe.send([line for racer in begun for line in racer.result()])


def sweep(url: str, pipe: Pipe) -> None:
    """A process: the tick that lets deadlines pass, again and again until the pipe ends."""
    with UseCases(url) as use_cases:
        pipe.send("ready")
        while not pipe.poll(LOOK):
            with suppress(Busy):
                use_cases.state.expire_due(limit=20)


def _race(act: Callable[[Race], Answer], way: str, batch: Sequence[Race]) -> list[Answer]:
    journal = []
    mine = [race for race in batch if way in race.aims]
    for race in sorted(mine, key=lambda race: race.aims[way]):
        early = race.aims[way] - time.time()
        if early > 0:
            threading.Event().wait(early)
        for _ in range(PATIENCE):
            line = act(race)
            if line.answer != "busy":
                break
        journal.append(line)
    return journal


def _way(use_cases: UseCases, way: str) -> Callable[[Race], Answer]:
    match way:
        case "api":
            return _api(use_cases)
        case "reply":
            return lambda race: _told(race, way, lambda: use_cases.state.reply(_reply(race)))
        case "cancel":
            canceller = member("UASKER")
            return lambda race: _told(
                race, way, lambda: use_cases.state.cancel(race.execution, actor=canceller)
            )
        case _:
            return lambda race: _told(
                race, way, lambda: use_cases.state.decide(_decision(race, way))
            )


def _told(race: Race, way: str, act: Callable[[], object]) -> Answer:
    late = time.time() - race.aims[way]
    try:
        done = act()
    except Busy:
        return Answer(race.checkpoint, way, "busy", late=late)
    except CountersignError as refused:
        return Answer(race.checkpoint, way, "refused", refusals.refusal(refused), late=late)
    if way == "reply" and not isinstance(done, Decided):
        return Answer(race.checkpoint, way, "refused", "nothing waits", late=late)
    return Answer(race.checkpoint, way, "done", late=late)


def _decision(race: Race, way: str) -> Decision:
    action = Action(race.chosen[way])
    text = "shorter" if action is Action.REVISE else ""
    return Decision(race.checkpoint, action, member(DECIDERS[way]), text=text)


def _reply(race: Race) -> Reply:
    return Reply(
        channel=CHANNEL,
        thread_ts=race.thread_ts,
        ts=f"9{race.thread_ts}",
        text="shorter",
        actor=member(DECIDERS["reply"]),
        mentions_bot=True,
    )


def _api(use_cases: UseCases) -> Callable[[Race], Answer]:
    """Through the routes and the guard of the real API."""
    api = create_api(
        state=use_cases.state,
        reads=use_cases.reads,
        crews={},
        door=None,
        config=ApiConfig(hosts=loopback_hosts("127.0.0.1", 8000), version="1"),
    )
    client = TestClient(api, base_url=ADDRESS, raise_server_exceptions=False)
    client.__enter__()  # keeps its event loop from call to call; the process ends it

    def act(race: Race) -> Answer:
        late = time.time() - race.aims["api"]
        body: dict[str, Any] = {
            "execution_id": race.execution,
            "checkpoint_id": race.checkpoint,
            "action": race.chosen["api"],
            "feedback": "shorter",
        }
        answer = client.post("/api/crew/feedback", json=body)
        kind = {200: "done", 503: "busy"}.get(answer.status_code, "refused")
        return Answer(race.checkpoint, "api", kind, answer.text, answer.status_code, late)

    return act
