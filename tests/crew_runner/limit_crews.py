"""Crews that exceed their limits."""

from __future__ import annotations

import os
import signal
import stat
import struct
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from crewai import LLM, Agent, Crew, Flow, Task
from crewai.flow.flow import start
from crewai.llms.base_llm import BaseLLM


def _crew(llm: object, *names: str) -> Crew:
    agent = Agent(role="writer", goal="to help", backstory="long", llm=llm)
    tasks = [
        Task(name=name, description=f"Do {name} about {{user_input}}.", expected_output="a line")
        for name in names
    ]
    for task in tasks:
        task.agent = agent
    return Crew(agents=[agent], tasks=tasks)


def three_calls() -> Crew:
    """Uses the model that the operator chose, once for each task."""
    return _crew(None, "one", "two", "three")


def of_unknown_price() -> Crew:
    """A model of no known provider."""
    return _crew(
        LLM(model="openai/of-nobody", base_url=os.environ["OPENAI_BASE_URL"]), "one", "two"
    )


def _drafter() -> LLM:
    return LLM(model="openai/offline-drafter", base_url=os.environ["OPENAI_BASE_URL"])


class CallsDirectly(Flow[dict[str, Any]]):
    """Its method calls the model itself and catches its errors."""

    @start()
    def begin(self) -> str:
        answers = []
        for number in range(3):
            try:
                answers.append(_drafter().call(f"say {number}"))
            except Exception as error:  # noqa: BLE001 flows do so
                answers.append(f"no answer: {error}")
        return " ".join(map(str, answers))


class Talker(BaseLLM):
    def call(self, *_asked: Any, **_named: Any) -> str:
        return "Thought: I know\nFinal Answer: " + "é" * 600


def talks_much() -> Crew:
    return _crew(Talker(model="talker"), "one")


class Runaway(BaseLLM):
    """Tries everything to stay alive and to disturb its worker."""

    greedy: bool = False

    def call(self, *_asked: Any, **_named: Any) -> str:
        pids = Path(os.environ["TESTS_FOLDER"], f"runaway-{self.greedy}.pids")
        _note(pids)
        for life in (_hop, _stay):
            _daemonise(life, pids)
        for _ in range(3):
            if os.fork() == 0:
                _stay(pids)
        threading.Thread(target=_flood, daemon=True).start()
        if not self.greedy:
            _promise()
        eaten = []
        while self.greedy:
            eaten.append(bytearray(os.urandom(1024)) * (8 * 1024))
            time.sleep(0.02)
        time.sleep(600)
        return "too late"


def _note(pids: Path) -> None:
    with pids.open("a") as pids_file:
        pids_file.write(f"{os.getpid()}\n")


def _daemonise(life: Any, pids: Path) -> None:
    """Fork twice, into a new session, so that no parent knows the process."""
    first = os.fork()
    if first == 0:
        os.setsid()
        if os.fork() == 0:
            life(pids)
        os._exit(0)
    os.waitpid(first, 0)


def _stay(pids: Path) -> None:
    _note(pids)
    time.sleep(600)
    os._exit(0)


def _hop(pids: Path) -> None:
    """Continue in a new process all the time, so that the id keeps changing."""
    while True:
        _note(pids)
        time.sleep(0.02)
        if os.fork() != 0:
            os._exit(0)
        os.setsid()


def _promise() -> None:
    """Start a message to the worker and never finish it."""
    for fd in range(3, 64):
        with suppress(OSError):
            if stat.S_ISSOCK(os.fstat(fd).st_mode):
                os.write(fd, struct.pack("!i", 1000) + b'{"message":')


def _flood() -> None:
    while True:
        sys.stdout.write("all work and no play\n" * 1000)


def runs_away() -> Crew:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    return _crew(Runaway(model="runaway"), "one")


def eats_memory() -> Crew:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    return _crew(Runaway(model="runaway", greedy=True), "one")
