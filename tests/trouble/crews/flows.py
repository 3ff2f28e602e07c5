"""The flows of the trouble tests: gates with and without outcomes, a question and a loop."""

from __future__ import annotations

import os
from pathlib import Path

from crewai import Flow
from crewai.flow import human_feedback, listen, or_, start
from pydantic import BaseModel

from tests.trouble.crews.crews import one_part
from tests.trouble.crews.effects import EFFECTS, part_of, write


class Story(BaseModel):
    """`kept`: the parts that passed their gate."""

    user_input: str = ""
    kept: dict[str, str] = {}


class StoryFlow(Flow[Story]):
    """The base of these flows: writes a part and collects its input."""

    def part(self, name: str, *more: str) -> str:
        context = "\n".join([self.context(name), *more])
        token = self.state.user_input
        return write(Path(os.environ[EFFECTS]), token=token, part=name, context=context)

    def context(self, name: str) -> str:
        """The input of a part: those before it, and the output and feedback of the last gate."""
        last = self.last_human_feedback
        latest = [] if last is None else [str(last.output), str(last.feedback)]
        if last is not None and part_of(str(last.output)) != name:
            self.state.kept[part_of(str(last.output))] = str(last.output)
        return "\n".join([self.state.user_input, *self.state.kept.values(), *latest])


class WithOutcomes(StoryFlow):
    """Two gates; each leads on, or back to its own part."""

    @start()
    def begin(self) -> str:
        return "begun"

    @listen(or_("begin", "again_draft"))
    @human_feedback(message="Is the draft part good?", emit=["good_draft", "again_draft"])
    def draft(self) -> str:
        return self.part("draft")

    @listen(or_("good_draft", "again_check"))
    @human_feedback(message="Is the check part good?", emit=["good_check", "again_check"])
    def check(self) -> str:
        return self.part("check")

    @listen("good_check")
    def finish(self) -> str:
        return self.part("finish")


class WithWords(StoryFlow):
    """Two gates with free-text feedback; a crew writes the draft part."""

    @start()
    @human_feedback(message="What about the draft part?")
    def draft(self) -> str:
        return str(one_part("draft", self.state.user_input).kickoff())

    @listen(draft)
    @human_feedback(message="What about the check part?")
    def check(self) -> str:
        return self.part("check")

    @listen(check)
    def finish(self) -> str:
        return self.part("finish")


class WithQuestion(StoryFlow):
    """Asks a question before it writes the draft part."""

    @start()
    @human_feedback(message="What about the draft part?")
    def draft(self) -> str:
        tone = self.ask(f"Which tone for {self.state.user_input}?")
        return self.part("draft", str(tone))

    @listen(draft)
    @human_feedback(message="What about the check part?")
    def check(self) -> str:
        return self.part("check")

    @listen(check)
    def finish(self) -> str:
        return self.part("finish")


class Loop(StoryFlow):
    """One gate, which the flow reaches more than once."""

    @start()
    def begin(self) -> str:
        return "begun"

    @listen(or_("begin", "again"))
    @human_feedback(message="Is it good now?", emit=["again", "good"])
    def draft(self) -> str:
        return self.part("draft")

    @listen("good")
    def check(self) -> str:
        return self.part("check")
