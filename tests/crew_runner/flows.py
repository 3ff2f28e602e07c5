"""Small flows for tests. They record their steps, one per line, in a file for each subject."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from crewai import Agent, Crew, Flow, Task
from crewai.flow import and_, human_feedback, listen, or_, persist, start
from crewai.flow.human_feedback import HumanFeedbackResult
from pydantic import BaseModel

from tests.crew_runner.crews import Scribe


class Brief(BaseModel):
    """The state of the flows below; the request fills `user_input`."""

    user_input: str = ""
    round: int = 0
    notes: list[str] = []


class Writing(Flow[Brief]):
    """The common part of the flows: one draft per round, and a record of the steps."""

    def did(self, step: str) -> None:
        record = Path(os.environ["TESTS_FOLDER"], f"{self.state.user_input}.steps")
        with record.open("a") as steps:
            steps.write(f"{os.getpid()} {step}\n")

    def draft_text(self) -> str:
        self.state.round += 1
        self.did(f"draft {self.state.round}")
        return f"draft {self.state.round} about {self.state.user_input}"


class WithOutcomes(Writing):
    """A loop: `revise` leads back to the draft. Its model must never be called."""

    @start()
    def begin(self) -> str:
        return "begun"

    @listen(or_("begin", "revise"))
    @human_feedback(
        message="Is this draft good enough?",
        emit=["drop", "revise", "approve"],
        llm="anthropic/no-such-model",
        default_outcome="drop",
    )
    def review(self) -> str:
        if self.last_human_feedback is not None:
            self.state.notes.append(self.last_human_feedback.feedback)
        return self.draft_text()

    @listen("approve")
    def publish(self, result: HumanFeedbackResult) -> str:
        self.did("publish")
        notes = "; ".join(self.state.notes)
        return f"published: {result.output} (notes: {notes}) with {result.feedback!r}"

    @listen("drop")
    def drop_it(self) -> str:
        return "dropped"


class WithoutOutcomes(Writing):
    """The reviewer's feedback becomes part of the text."""

    @start()
    @human_feedback(message="Anything to add?")
    def draft(self) -> str:
        return self.draft_text()

    @listen(draft)
    def finish(self, result: HumanFeedbackResult) -> dict[str, object]:
        return {"text": result.output, "added": result.feedback}


class TwoGates(Writing):
    """Two gates behind a crew, and a join that is half complete at the first of them."""

    @start()
    def look(self) -> str:
        agent = Agent(role="writer", goal="to help", backstory="long", llm=Scribe(model="scribe"))
        task = Task(
            name="look",
            description=f"Look about {self.state.user_input}.",
            expected_output="a line",
            agent=agent,
        )
        result: Any = Crew(agents=[agent], tasks=[task]).kickoff()
        return str(result.raw)

    @listen(look)
    @human_feedback(message="The facts?", emit=["right", "wrong"], llm="no-such-model")
    def facts(self, looked: str) -> str:
        return f"facts: {looked}"

    @listen("right")
    @human_feedback(message="The tone?")
    def tone(self) -> str:
        return "a tone"

    @listen(and_("right", tone))
    def end(self) -> str:
        feedback = [past.outcome or past.feedback for past in self.human_feedback_history]
        return f"ended after {feedback}"


class Lingers(Writing):
    """The method after its gate waits for a file."""

    @start()
    @human_feedback(message="Well?", emit=["yes", "no"], llm="no-such-model")
    def gate(self) -> str:
        return self.draft_text()

    @listen("yes")
    def linger(self, result: HumanFeedbackResult) -> str:
        self.did("linger")
        deadline = time.monotonic() + 60
        while not Path(os.environ["TESTS_FOLDER"], "go").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        return f"{result.output}, {result.feedback}, round {self.state.round}"


class Beside(Writing):
    """A slow branch of two steps runs beside the one with the gate; a join brings them together."""

    @start()
    def begin(self) -> str:
        return "begun"

    @listen(begin)
    def prepare(self) -> str:
        return "prepared"

    @listen(prepare)
    @human_feedback(message="Well?")
    def gate(self) -> str:
        return "a draft"

    @listen(begin)
    def dig(self) -> str:
        deadline = time.monotonic() + 30
        while "gate" not in self._method_call_counts and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.2)  # it keeps working after the gate has started to wait
        self.did("dig")
        return "dug"

    @listen(dig)
    def wash(self) -> str:
        time.sleep(0.2)
        self.did("wash")
        return "washed"

    @listen(and_(gate, wash))
    def end(self) -> str:
        return "both came"


class TwoAtOnce(Writing):
    @start()
    def begin(self) -> str:
        return "begun"

    @listen(begin)
    @human_feedback(message="Left?")
    def left(self) -> str:
        return "left"

    @listen(begin)
    @human_feedback(message="Right?")
    def right(self) -> str:
        return "right"


class DropsAListener(WithOutcomes):
    @start()
    def begin(self) -> str:
        return "begun"

    @listen(or_("begin", "revise"))
    @human_feedback(message="Well?", emit=["revise", "approve"])
    def review(self) -> str:
        return "a draft"

    @listen("revise")
    def count(self) -> None:
        self.state.round += 1


class StartsAgain(Writing):
    @start(or_("revise", "begin"))
    def draft(self) -> str:
        return "a draft"

    @listen(draft)
    @human_feedback(message="Well?", emit=["revise", "approve"])
    def review(self) -> str:
        return "a draft"


@persist()
class Persisted(Writing):
    """Also saves its state after each method with CrewAI's own persistence."""

    @start()
    @human_feedback(message="Anything to add?")
    def draft(self) -> str:
        return self.draft_text()

    @listen(draft)
    def finish(self, result: HumanFeedbackResult) -> str:
        return f"{result.output} with {result.feedback} in round {self.state.round}"


class NeverPauses(Flow[Any]):
    @start()
    def begin(self) -> str:
        return f"begun with {self.state['user_input']}"


class AsksInside(Flow[Any]):
    """A crew inside of it has a task with `human_input`."""

    @start()
    def begin(self) -> str:
        agent = Agent(role="writer", goal="to help", backstory="long", llm=Scribe(model="scribe"))
        task = Task(
            name="ask",
            description=f"Ask about {self.state['user_input']}.",
            expected_output="a line",
            agent=agent,
            human_input=True,
            callback=self._publish,
        )
        return str(Crew(agents=[agent], tasks=[task]).kickoff())

    def _publish(self, output: Any) -> None:
        Path(os.environ["TESTS_FOLDER"], f"{self.state['user_input']}.published").write_text(
            output.raw
        )


class KeepsItsResult(Writing):
    """As the flow that `crewai create flow` makes: its last method returns nothing."""

    @start()
    def draft(self) -> None:
        self.state.notes.append(self.draft_text())


class HoldsAConnection(Writing):
    """Its state is not JSON-serializable."""

    @start()
    @human_feedback(message="Well?")
    def draft(self) -> str:
        self.state.notes = [object()]
        return "a draft"


class Changing(Writing):
    """One of the versions that `changing` may deploy."""

    @start()
    @human_feedback(message="Well?", emit=["yes", "no"], llm="no-such-model")
    def gate(self) -> str:
        return self.draft_text()

    @listen("yes")
    def end(self) -> str:
        return "the end"


class Changed(Writing):
    @start()
    def another(self) -> str:
        return "another"


class OtherOutcomes(Writing):
    @start()
    @human_feedback(message="Well?", emit=["sure", "no"], llm="no-such-model")
    def gate(self) -> str:
        return self.draft_text()


def changing() -> Flow[Any]:
    """The version of the flow that the file `deployed` names; it simulates a deployment."""
    deployed = Path(os.environ["TESTS_FOLDER"], "deployed")
    name = deployed.read_text() if deployed.exists() else "Changing"
    flow: Flow[Any] = globals()[name]()
    return flow
