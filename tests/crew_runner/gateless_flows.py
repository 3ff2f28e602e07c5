"""Flows without a gate of their own, for checkpoints that crews.yml puts at their methods."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from crewai import LLM, Agent, Crew, Flow, Task
from crewai.crews.crew_output import CrewOutput
from crewai.flow import and_, human_feedback, listen, or_, router, start
from pydantic import BaseModel

from tests.crew_runner.crews import Scribe
from tests.crew_runner.flows import Writing


def scribe(task: str) -> CrewOutput:
    """A crew of one agent, which answers `answer N`."""
    agent = Agent(role="writer", goal="to help", backstory="long", llm=Scribe(model="scribe"))
    crew = Crew(
        agents=[agent], tasks=[Task(description=task, expected_output="a line", agent=agent)]
    )
    output = crew.kickoff()
    assert isinstance(output, CrewOutput)
    return output


class Line(Writing):
    """Three methods in a row; the last one sends something that cannot be taken back."""

    @start()
    def draft(self) -> CrewOutput:
        self.state.notes.append("drafted")
        self.did("draft")
        return scribe(f"Write about {self.state.user_input}.")

    @listen(draft)
    def polish(self, drafted: CrewOutput) -> str:
        self.did("polish")
        return f"polished: {drafted.raw} ({len(drafted.tasks_output)}, {len(self.state.notes)})"

    @listen(polish)
    def send(self, text: str) -> str:
        self.did("send")
        return f"sent: {text}"


class Offer(BaseModel):
    title: str
    prices: dict[int, float]


@dataclass
class Stamp:
    at: tuple[int, int]


class Typed(Writing):
    """Its methods hand on objects, and keep some on the flow itself."""

    @start()
    def offer(self) -> tuple[Offer, Stamp, set[str]]:
        self.seen = ["offer"]
        return Offer(title="tea", prices={1: 2.5}), Stamp((1, 2)), {"a"}

    @listen(offer)
    def use(self, made: tuple[Offer, Stamp, set[str]]) -> str:
        offer, stamp, names = made
        return f"{offer.title} {offer.prices[1]} {stamp.at[1]} {names & {'a'}} {self.seen}"


class Plain(Writing):
    """Calls no model: it reads the reviewer's words itself."""

    @start()
    async def draft(self) -> str:
        await asyncio.sleep(0)
        words = self.last_human_feedback.feedback if self.last_human_feedback else "nothing"
        return f"draft with {words}"

    @listen(draft)
    def end(self, text: str) -> str:
        assert self.last_human_feedback is None
        return text


class Chooses(Writing):
    """A router between the draft and what follows, and a way back."""

    @start("again")
    def begin(self) -> None:
        self.state.round += 1
        self.state.notes.append(f"round {self.state.round}")
        self.did(f"begin {self.state.round}")

    @router(begin)
    def choose(self) -> Literal["again", "enough"]:
        self.did("choose")
        return "again" if self.state.round < 2 else "enough"

    @listen("enough")
    def end(self) -> str:
        self.did("end")
        return f"ended in round {self.state.round} with {self.state.notes}"


class Joins(Writing):
    """Two branches at the same time, which a join brings together."""

    @start()
    def begin(self) -> str:
        return "begun"

    @listen(begin)
    def left(self) -> str:
        self.did("left")
        return "left"

    @listen(begin)
    async def right(self) -> str:
        await asyncio.sleep(0.2)
        self.did("right")
        return "right"

    @listen(and_(left, right))
    def join(self) -> str:
        self.did("join")
        return "joined"

    @listen(or_(join, "never"))
    def end(self, text: str) -> str:
        return f"{text} and ended"


class AlsoAsks(Writing):
    """Has a gate of its own between two methods."""

    @start()
    def draft(self) -> str:
        self.did("draft")
        return self.draft_text()

    @listen(or_(draft, "revise"))
    @human_feedback(message="Good?", emit=["revise", "approve"], llm="no-such-model")
    def review(self) -> str:
        self.did("review")
        return f"reviewed {self.state.round}"

    @listen("approve")
    def publish(self) -> str:
        self.did("publish")
        feedback = [past.outcome for past in self.human_feedback_history]
        return f"published after {feedback}"

    @listen(publish)
    def tell(self, text: str) -> str:
        return f"{text}, told"


def declared() -> object:
    """The flow of a `flow.yaml`."""
    return Flow.from_declaration(
        contents="""
schema: crewai.flow/v1
name: declared
methods:
  draft:
    start: true
    do: {call: expression, expr: "'draft about ' + state.user_input"}
  polish:
    listen: draft
    do: {call: expression, expr: "outputs.draft + ', polished'"}
  publish:
    listen: polish
    do: {call: expression, expr: "outputs.draft + ' and ' + outputs.polish"}
"""
    )


class Post(BaseModel):
    """The state of the flow below, which `crewai create flow` makes with one crew."""

    user_input: str = ""
    facts: str = ""
    outline: str = ""
    draft: str = ""
    headline: str = ""
    final_post: str = ""


def work(role: str, *tasks: str) -> str:
    """A crew of an agent without a model of its own."""
    agent = Agent(role=role, goal=f"to be a good {role}", backstory="long experience")
    crew = Crew(
        agents=[agent],
        tasks=[
            Task(name=f"{role} {number}", description=task, expected_output="a text", agent=agent)
            for number, task in enumerate(tasks, start=1)
        ],
    )
    output = crew.kickoff()
    assert isinstance(output, CrewOutput)
    return output.raw


class FiveCrews(Flow[Post]):
    """Five crews; its methods return nothing and keep what they make in the state."""

    @start()
    def research(self) -> None:
        self.state.facts = work("researcher", f"List the facts about {self.state.user_input}")

    @listen(research)
    def outline_post(self) -> None:
        self.state.outline = work("planner", f"Write an outline from: {self.state.facts[:200]}")

    @listen(outline_post)
    def write_post(self) -> None:
        subject = self.state.user_input
        self.state.draft = work("writer", f"Write a post about {subject}", "Check the post")

    @listen(write_post)
    def find_headline(self) -> None:
        self.state.headline = work("headliner", f"Find a headline: {self.state.draft[:100]}")

    @listen(find_headline)
    def edit_post(self) -> None:
        self.state.final_post = work("editor", f"Edit this post: {self.state.draft[:500]}")

    @listen(edit_post)
    def save_post(self) -> None:
        folder = Path(os.environ["TESTS_FOLDER"], self.state.user_input)
        folder.mkdir()
        (folder / "post.md").write_text(self.state.final_post)


class CallsModels(Flow[Post]):
    """Calls models without a crew: an agent of its own, and a model."""

    @start()
    def draft(self) -> str:
        agent = Agent(role="writer", goal="to write", backstory="long experience")
        answer = agent.kickoff(f"Write about {self.state.user_input}")
        called = LLM(model="gpt-4.1-mini").call(f"Title for {self.state.user_input}")
        return f"{answer}\n\n{called}"

    @listen(draft)
    def end(self, text: str) -> str:
        return text
