"""CrewAI: a flow with `@human_feedback`, paused by its provider and continued with `resume`.

The pause is CrewAI's own: a provider that raises HumanFeedbackPending ends the run and stores the
pending feedback in CrewAI's SQLite file; `from_pending(…).resume(…)` is the decision. CrewAI's
persistence opens its file for each write, in WAL mode with SQLite's default `synchronous=FULL`.
"""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path
from typing import Any, Never

os.environ |= {
    "CREWAI_DISABLE_TELEMETRY": "true",
    "CREWAI_TRACING_ENABLED": "false",
    "CREWAI_DISABLE_VERSION_CHECK": "true",
}  # read when it is imported

from crewai import Flow
from crewai.flow import human_feedback, listen, start
from crewai.flow.async_feedback.types import HumanFeedbackPending, PendingFeedbackContext
from crewai.flow.flow_config import flow_config
from crewai.flow.human_feedback import HumanFeedbackResult
from crewai.flow.persistence.sqlite import SQLiteFlowPersistence
from pydantic import BaseModel

from tests.peers.peer import TEXT, Cycle

BEGAN = [0.0]
"""When a phase last started."""


class Outputs(BaseModel):
    id: str = ""
    outputs: list[str] = []


class Campaign(Flow[Outputs]):
    @start()
    @human_feedback(message="Go on?")
    def planning(self) -> str:
        return self._phase()

    @listen(planning)
    @human_feedback(message="Go on?")
    def analysis(self, _past: HumanFeedbackResult) -> str:
        return self._phase()

    @listen(analysis)
    @human_feedback(message="Go on?")
    def strategy(self, _past: HumanFeedbackResult) -> str:
        return self._phase()

    @listen(strategy)
    def finalization(self, _past: HumanFeedbackResult) -> str:
        return self._phase()

    def _phase(self) -> str:
        BEGAN[0] = time.monotonic()
        self.state.outputs.append(TEXT)
        return TEXT


class Pauses:
    """A provider at which every gate pauses."""

    def request_feedback(self, context: PendingFeedbackContext, flow: Flow[Any]) -> Never:
        del flow
        raise HumanFeedbackPending(context=context)


class CrewAIFlow:
    def __init__(self, folder: str) -> None:
        os.environ["CREWAI_STORAGE_DIR"] = folder
        with sqlite3.connect(Path(folder) / "default.db") as connection:
            [[level]] = connection.execute("PRAGMA synchronous").fetchall()
            assert level == 2, "this SQLite does not flush its commits by default"
        flow_config.hitl_provider = Pauses()
        self._persistence = SQLiteFlowPersistence(f"{folder}/flows.db")

    def park(self) -> str:
        result = Campaign(persistence=self._persistence, suppress_flow_events=True).kickoff()
        assert isinstance(result, HumanFeedbackPending), result
        return result.context.flow_id

    def cycle(self, run: str) -> Cycle:
        decided = time.monotonic()
        flow = Campaign.from_pending(run, self._persistence, suppress_flow_events=True)
        result = flow.resume("continue")
        whole = time.monotonic() - decided
        assert isinstance(result, HumanFeedbackPending) or result == TEXT, result
        return Cycle(BEGAN[0] - decided, whole)

    def close(self) -> None:
        pass
