"""LangGraph: a node that calls `interrupt`, resumed with `Command(resume=…)`.

The pause is LangGraph's own: `invoke` returns at the interrupt with everything in the saver, and
another `invoke` with the decision continues the run. `durability="sync"` writes each step before
the next one starts, as the other peers do. The default, "async", writes a step while the next one
runs and can lose an acknowledged decision; it is measured, too.

SqliteSaver runs on one connection in the WAL mode that it sets itself, with `synchronous=FULL`.
PostgresSaver runs on one connection in autocommit, as its documentation recommends.
"""

from __future__ import annotations

import operator
import sqlite3
import time
from functools import partial
from typing import Annotated, Any, Literal, TypedDict
from uuid import uuid4

import psycopg
from langgraph.checkpoint.postgres import PostgresSaver  # type: ignore[import-not-found] # in tests/peers/requirements.txt
from langgraph.checkpoint.sqlite import SqliteSaver  # type: ignore[import-not-found] # in tests/peers/requirements.txt
from langgraph.graph import END, START, StateGraph  # type: ignore[import-not-found] # in tests/peers/requirements.txt
from langgraph.types import Command, interrupt  # type: ignore[import-not-found] # in tests/peers/requirements.txt
from psycopg.rows import dict_row

from tests.peers.peer import PHASES, TEXT, Cycle


class Campaign(TypedDict):
    outputs: Annotated[list[str], operator.add]
    decisions: Annotated[list[str], operator.add]


class LangGraph:
    def __init__(self, saver: Any, *, durability: Literal["sync", "async"]) -> None:
        saver.setup()
        graph = StateGraph(Campaign)
        graph.add_node("phase", self._phase)
        graph.add_node("gate", self._gate)
        graph.add_edge(START, "phase")
        graph.add_conditional_edges("phase", _onward, ["gate", END])
        graph.add_edge("gate", "phase")
        self._graph = graph.compile(checkpointer=saver)
        self._durability = durability
        self._began = 0.0

    def park(self) -> str:
        run = str(uuid4())
        state = self._invoke(run, {"outputs": [], "decisions": []})
        assert "__interrupt__" in state, state
        return run

    def cycle(self, run: str) -> Cycle:
        decided = time.monotonic()
        state = self._invoke(run, Command(resume="continue"))
        whole = time.monotonic() - decided
        assert state["decisions"][-1] == "continue", state
        return Cycle(self._began - decided, whole)

    def close(self) -> None:
        pass

    def _invoke(self, run: str, what: Any) -> dict[str, Any]:
        at = {"configurable": {"thread_id": run}}
        state: dict[str, Any] = self._graph.invoke(what, at, durability=self._durability)
        return state

    def _phase(self, _state: Campaign) -> dict[str, list[str]]:
        self._began = time.monotonic()
        return {"outputs": [TEXT]}

    def _gate(self, _state: Campaign) -> dict[str, list[str]]:
        return {"decisions": [interrupt("Go on?")]}


def _onward(state: Campaign) -> str:
    return "gate" if len(state["outputs"]) < len(PHASES) else str(END)


def on_sqlite(folder: str, *, durability: Literal["sync", "async"]) -> LangGraph:
    connection = sqlite3.connect(f"{folder}/langgraph-{durability}.db", check_same_thread=False)
    connection.execute("PRAGMA synchronous=FULL")
    return LangGraph(SqliteSaver(connection), durability=durability)


def on_postgresql(url: str, *, durability: Literal["sync", "async"]) -> LangGraph:
    connection = psycopg.connect(
        url.replace("+psycopg", ""), autocommit=True, prepare_threshold=0, row_factory=dict_row
    )
    return LangGraph(PostgresSaver(connection), durability=durability)


sqlite_sync = partial(on_sqlite, durability="sync")
sqlite_async = partial(on_sqlite, durability="async")
postgresql_sync = partial(on_postgresql, durability="sync")
postgresql_async = partial(on_postgresql, durability="async")
