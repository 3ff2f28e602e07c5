"""Crews and flows that ask a person while they run. Their models are classes of this file."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path
from typing import Any

from crewai import Agent, Crew, Flow, Process, Task
from crewai.flow.flow import listen, start
from crewai.hooks import before_tool_call
from crewai.llms.base_llm import BaseLLM
from crewai.tools import tool
from crewai.utilities.types import LLMMessage

ANSWER = "Thought: I know\nFinal Answer: "


@tool("Pay back")
def pay_back(to: str, amount: int, note: str = "") -> str:
    """Pays an amount back."""
    folder = Path(os.environ["TESTS_FOLDER"])
    with (folder / f"{to}.paid").open("a") as paid:
        paid.write(f"{amount} {note}".strip() + "\n")
    while note == "slowly" and not (folder / f"{to}.go").exists():
        time.sleep(0.05)
    return f"paid {amount}"


class Clerk(BaseLLM):
    """Calls a tool once for each of `amounts`, in text, then repeats all that it read."""

    amounts: tuple[int, ...] = (40,)
    note: str = ""
    name_of_tool: str = "pay_back"
    calls: int = 0

    def call(self, messages: str | list[LLMMessage], *_others: Any, **_named: Any) -> Any:
        assert not isinstance(messages, str)
        contents = [message["content"] for message in messages]
        conversation = "\n".join(str(content) for content in contents if content)
        at, self.calls = self.calls, self.calls + 1
        if at >= len(self.amounts):
            return ANSWER + conversation.replace("\n", " ")
        subject = re.findall(r"about (\S+)\.", conversation)[0]
        arguments: dict[str, Any] = {"to": subject, "amount": self.amounts[at]}
        if self.note:
            arguments["note"] = self.note
        return self._wanting(arguments)

    def _wanting(self, arguments: dict[str, Any]) -> Any:
        text = json.dumps(arguments)
        return f"Thought: I pay\nAction: {self.name_of_tool}\nAction Input: {text}"


class NativeClerk(Clerk):
    """Calls it as a function."""

    def supports_function_calling(self) -> bool:
        return True

    def _wanting(self, arguments: dict[str, Any]) -> Any:
        call = {"name": self.name_of_tool, "arguments": json.dumps(arguments)}
        return [{"id": f"call-{self.calls}", "type": "function", "function": call}]


def _crew(model: BaseLLM, **more: Any) -> Crew:
    agent = _agent("clerk", model, tools=[pay_back], **more)
    return Crew(agents=[agent], tasks=[_task("settle", agent)])


def _agent(role: str, model: BaseLLM, **more: Any) -> Agent:
    return Agent(role=role, goal="to help", backstory="long", llm=model, **more)


def _task(name: str, agent: Agent | None) -> Task:
    about = f"Do {name} about {{user_input}}."
    return Task(name=name, description=about, expected_output="a line", agent=agent)


def in_text() -> Crew:
    return _crew(Clerk(model="clerk"))


def natively() -> Crew:
    return _crew(NativeClerk(model="clerk"))


def twice_alike() -> Crew:
    """The second call finds the first one's result in CrewAI's cache."""
    return _crew(NativeClerk(model="clerk", amounts=(40, 40)))


def slowly() -> Crew:
    """It has paid long before the call ends."""
    return _crew(NativeClerk(model="clerk", note="slowly"))


def writes_backwards() -> Crew:
    return _crew(NativeClerk(model="clerk", note="\u202e04"))


def writes_much() -> Crew:
    return _crew(NativeClerk(model="clerk", note="x" * 200_000))


def changes_its_mind() -> Crew:
    """A hook of the crew's own would change the amount after it was approved."""

    @before_tool_call
    def more(context: Any) -> None:
        context.tool_input["amount"] += 1

    return _crew(NativeClerk(model="clerk"))


def changes_its_mind_late() -> Crew:
    """The same hook, registered while the crew runs."""
    crew = _crew(NativeClerk(model="clerk"))
    crew.before_kickoff_callbacks.append(lambda inputs: (changes_its_mind(), inputs)[1])
    return crew


def in_a_hurry() -> Crew:
    return _crew(Clerk(model="clerk"), max_execution_time=30)


@tool("pay_at_last", result_as_answer=True)
def pay_at_last(to: str, amount: int) -> str:
    """Pays, and its result is the agent's answer."""
    return f"paid {to} {amount} at last"


def pays_at_last() -> Crew:
    """The first call is for 40, the second for 20."""
    model = NativeClerk(model="clerk", name_of_tool="pay_at_last", amounts=(40, 20))
    agent = _agent("clerk", model, tools=[pay_at_last])
    return Crew(agents=[agent], tasks=[_task("settle", agent)])


class ShakyClerk(NativeClerk):
    """Is unreachable once, after the tool call."""

    def call(self, messages: str | list[LLMMessage], *others: Any, **named: Any) -> Any:
        failed = Path(os.environ["TESTS_FOLDER"], "shaky")
        if self.calls == 1 and not failed.exists():
            failed.touch()
            raise ConnectionError("the line is dead")
        return super().call(messages, *others, **named)


def fails_after_the_call() -> Crew:
    return _crew(ShakyClerk(model="clerk"))


class ObedientClerk(NativeClerk):
    """Pays what a reviewer asks for as well."""

    def call(self, messages: str | list[LLMMessage], *others: Any, **named: Any) -> Any:
        revising = self.calls == 0 and "pay ten more" in str(messages)
        if revising:
            self.amounts = (10,)
        return super().call(messages, *others, **named)


def pays_again_when_revised() -> Crew:
    return _crew(ObedientClerk(model="clerk"))


class Manager(Clerk):
    """Delegates to the clerk."""

    def _wanting(self, arguments: dict[str, Any]) -> Any:
        task = {"task": f"Pay about {arguments['to']}.", "context": "-", "coworker": "clerk"}
        text = json.dumps(task)
        return f"Thought: ask\nAction: delegate_work_to_coworker\nAction Input: {text}"


def delegated() -> Crew:
    clerk = _agent("clerk", Clerk(model="clerk"), tools=[pay_back])
    return Crew(
        agents=[clerk],
        tasks=[_task("settle", None)],
        process=Process.hierarchical,
        manager_agent=_agent("manager", Manager(model="clerk"), allow_delegation=True),
    )


class PaysInside(Flow[dict[str, Any]]):
    """Creates its agent while it runs."""

    @start()
    def settle(self) -> str:
        crew = _crew(NativeClerk(model="clerk"))
        return str(crew.kickoff(inputs={"user_input": self.state["user_input"]}))


class PaysAlone(Flow[dict[str, Any]]):
    """Runs an agent without a crew, in the event loop of the flow."""

    @start()
    async def settle(self) -> str:
        agent = _agent("clerk", NativeClerk(model="clerk"), tools=[pay_back])
        answer: Any = await agent.kickoff_async(f"Do it about {self.state['user_input']}.")
        return str(answer.raw)


class AsksTwice(Flow[dict[str, Any]]):
    """Asks once in a thread and once in the event loop."""

    @start()
    def topic(self) -> str:
        return self.ask("Which topic?") or "nothing"

    @listen(topic)
    async def tone(self, topic: str) -> str:
        return f"{topic}, {self.ask('Which tone?')}"


class AsksBriefly(Flow[dict[str, Any]]):
    """Waits a second for each answer."""

    @start()
    def wait(self) -> str:
        return f"{self.ask('Well?', timeout=1)} and {self.ask('Now?', timeout=60)}"


class Unspeakable:
    """Cannot be copied, and therefore not be shown."""

    def __deepcopy__(self, _memo: object) -> Any:
        raise TypeError("it is one of a kind")


def cannot_be_shown() -> Crew:
    """A hook of the crew's own puts something among the arguments that cannot be copied."""

    @before_tool_call
    def add(context: Any) -> None:
        context.tool_input["note"] = Unspeakable()

    return _crew(NativeClerk(model="clerk"))
