"""The flows of a storm: gates with outcomes and without, and a loop."""

from __future__ import annotations

import os
from pathlib import Path

from crewai import Flow
from crewai.flow import human_feedback, listen, or_, start
from pydantic import BaseModel

from tests.storm.crews import one_part
from tests.storm.slips import EFFECTS, part_of, write


class Story(BaseModel):
    """`kept` holds the parts that were let pass."""

    user_input: str = ""
    kept: dict[str, str] = {}


class Telling(Flow[Story]):
    """What the flows share."""

    def part(self, name: str, *more: str) -> str:
        given = "\n".join([self.given(name), *more])
        token = self.state.user_input
        return write(Path(os.environ[EFFECTS]), token=token, part=name, given=given)

    def given(self, name: str) -> str:
        """The parts before this one, and what the last gate gave: its output and the words."""
        last = self.last_human_feedback
        latest = [] if last is None else [str(last.output), str(last.feedback)]
        if last is not None and part_of(str(last.output)) != name:
            self.state.kept[part_of(str(last.output))] = str(last.output)
        return "\n".join([self.state.user_input, *self.state.kept.values(), *latest])


class WithOutcomes(Telling):
    """Two gates; each leads on or back to its own part."""

    @start()
    def begin(self) -> str:
        return "begun"

    @listen(or_("begin", "again_first"))
    @human_feedback(message="Is the first part good?", emit=["good_first", "again_first"])
    def first(self) -> str:
        return self.part("first")

    @listen(or_("good_first", "again_second"))
    @human_feedback(message="Is the second part good?", emit=["good_second", "again_second"])
    def second(self) -> str:
        return self.part("second")

    @listen("good_second")
    def third(self) -> str:
        return self.part("third")


class WithWords(Telling):
    """Two gates at which people may say something; a crew writes the first part."""

    @start()
    @human_feedback(message="What about the first part?")
    def first(self) -> str:
        return str(one_part("first", self.state.user_input).kickoff())

    @listen(first)
    @human_feedback(message="What about the second part?")
    def second(self) -> str:
        return self.part("second")

    @listen(second)
    def third(self) -> str:
        return self.part("third")


class WithQuestion(Telling):
    """Asks in words before it writes the first part."""

    @start()
    @human_feedback(message="What about the first part?")
    def first(self) -> str:
        tone = self.ask(f"Which tone for {self.state.user_input}?")
        return self.part("first", str(tone))

    @listen(first)
    @human_feedback(message="What about the second part?")
    def second(self) -> str:
        return self.part("second")

    @listen(second)
    def third(self) -> str:
        return self.part("third")


class Loop(Telling):
    """One gate, at which it stands more than once."""

    @start()
    def begin(self) -> str:
        return "begun"

    @listen(or_("begin", "again"))
    @human_feedback(message="Is it good now?", emit=["again", "good"])
    def first(self) -> str:
        return self.part("first")

    @listen("good")
    def second(self) -> str:
        return self.part("second")
