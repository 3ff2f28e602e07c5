"""Private names of CrewAI and httpx still have the meaning that we rely on.

A test that fails here after an upgrade names the function of crew_runner.child.crewai_internals
that needs to be rewritten.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
import warnings
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from httpx._transports import default
from pydantic import BaseModel

with warnings.catch_warnings():  # CrewAI's own, at its first import
    warnings.simplefilter("ignore")
    from crewai import LLM, Agent, Crew, CrewOutput, Flow, Task, TaskOutput, llm_overlay
    from crewai import task as task_module
    from crewai.agent import core
    from crewai.agents.agent_builder import base_agent as base_agent_module
    from crewai.agents.agent_executor import AgentExecutor
    from crewai.core.providers.human_input import (
        SyncHumanInputProvider,
        reset_provider,
        set_provider,
    )
    from crewai.flow import and_, human_feedback, listen, or_, start
    from crewai.flow.async_feedback.providers import ConsoleProvider
    from crewai.flow.async_feedback.types import HumanFeedbackPending, PendingFeedbackContext
    from crewai.flow.flow_config import flow_config
    from crewai.flow.persistence.factory import set_flow_persistence_factory
    from crewai.llms.base_llm import BaseLLM
    from crewai.tools import tool
    from crewai.tools.structured_tool import CrewStructuredTool
    from crewai.utilities import llm_utils
    from crewai.utilities.prompts import Prompts

    from crew_runner.child import crewai_internals as internals
    from crew_runner.child.flows.persistence import FlowSnapshot

pytestmark = pytest.mark.filterwarnings("ignore")  # CrewAI's own warnings are not tested here


class Counting(BaseLLM):
    """Answers with the number of the call."""

    calls: int = 0

    def call(self, *_asked: Any, **_named: Any) -> str:
        self.calls += 1
        return f"Thought: I know\nFinal Answer: answer {self.calls}"


class Named(BaseModel):
    name: str


@pytest.fixture
def model() -> Counting:
    return Counting(model="own")


def crew_of(model: Counting, *names: str, **more: Any) -> Crew:
    agent = Agent(role="Writer", goal="Write", backstory="Writes", llm=model)
    tasks = [
        Task(name=name, description=name, expected_output="Text", agent=agent) for name in names
    ]
    return Crew(agents=[agent], tasks=tasks, **more)


def outputs_of(crew: Crew) -> list[TaskOutput]:
    result = crew.kickoff()
    assert isinstance(result, CrewOutput)
    return result.tasks_output


# --- crews -------------------------------------------------------------------------------------


def test_a_finished_task_is_not_run_again(model: Counting) -> None:
    crew = crew_of(model, "first", "second")
    done = outputs_of(crew_of(model, "first"))[0]
    crew.tasks[0].output = done
    internals.skip_finished_tasks(crew)

    outputs = outputs_of(crew)

    assert [output.raw for output in outputs] == ["answer 1", "answer 2"]
    assert model.calls == 2


def test_without_the_mark_a_finished_task_is_run_again(model: Counting) -> None:
    crew = crew_of(model, "first", "second")
    crew.tasks[0].output = outputs_of(crew_of(model, "first"))[0]

    crew.kickoff()

    assert model.calls == 3


def test_a_crews_memory_is_disabled(model: Counting) -> None:
    crew = crew_of(model, "first", memory=True)
    before: object = crew._memory
    assert before is not None

    internals.disable_memory(crew)

    assert (crew._memory, crew.memory) == (None, False)


class Reviewing(SyncHumanInputProvider):
    """Keeps the message that a reviewer's feedback would become."""

    def __init__(self) -> None:
        super().__init__()
        self.message: dict[str, Any] = {}

    def handle_feedback(self, formatted_answer: Any, context: Any) -> Any:
        self.message = dict(internals.feedback_message(context, "Make it shorter."))
        return formatted_answer


def test_a_reviewers_feedback_reaches_the_agent_in_crewais_own_message(model: Counting) -> None:
    crew, provider = crew_of(model, "first"), Reviewing()
    crew.tasks[0].human_input = True
    token = set_provider(provider)
    try:
        crew.kickoff()
    finally:
        reset_provider(token)

    assert provider.message["role"] == "user"
    assert "Make it shorter." in provider.message["content"]


def test_the_tool_behind_the_wrapper_of_a_hook_is_found() -> None:
    @tool("Weigh")
    def weigh(thing: str) -> str:
        """Weigh a thing."""
        return thing

    wrapper = weigh.to_structured_tool()

    assert isinstance(wrapper, CrewStructuredTool)
    assert internals.original_tool(wrapper) is weigh
    assert internals.original_tool(object()) is None


def test_a_held_output_file_is_named_and_not_written(
    model: Counting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Task, "_save_file", Task._save_file)  # to be restored
    crew = crew_of(model, "first", "second")
    for task in crew.tasks:
        task.output_file = f"{tmp_path}/{task.name}-{{topic}}.md"
    internals.hold_output_file(crew.tasks[0])
    crew.kickoff(inputs={"topic": "bees"})

    assert [path.name for path in tmp_path.iterdir()] == ["second-bees.md"]
    assert crew.tasks[0].output_file == f"{tmp_path}/first-bees.md"


def test_an_output_file_is_written_as_by_a_task_that_ends(model: Counting, tmp_path: Path) -> None:
    task = crew_of(model, "first").tasks[0]
    task.output_file = f"{tmp_path}/deep/file"
    output = TaskOutput(description="first", agent="Writer", raw="words")

    contents = []
    for typed in ({}, {"pydantic": Named(name="Ada")}, {"json_dict": {"name": "Bo"}}):
        internals.write_output_file(task, output.model_copy(update=typed))
        contents.append((tmp_path / "deep" / "file").read_text())

    assert contents == ["words", '{"name":"Ada"}', '{\n  "name": "Bo"\n}']


class Hearing(Counting):
    """Remembers what it is asked."""

    heard: list[str] = []  # noqa: RUF012 pydantic copies it

    def call(self, messages: Any, *_others: Any, **_named: Any) -> str:
        self.heard.append("\n".join(str(message["content"]) for message in messages))
        return super().call()


def asked(inputs: dict[str, Any]) -> str:
    """What a crew asks its model whose texts have placeholders."""
    model = Hearing(model="own")
    agent = Agent(role="{topic} writer", goal="Write {topic}", backstory="Likes {tone}", llm=model)
    task = Task(description="On {topic}, {tone}", expected_output="{tone}", agent=agent)
    Crew(agents=[agent], tasks=[task]).kickoff(inputs=inputs)
    return model.heard[0]


QUOTING: Final = "{tone} {role} {backstory} {input} {tools}"


def test_crewai_fills_in_placeholders_that_came_in_with_an_input() -> None:
    assert QUOTING not in asked({"topic": QUOTING, "tone": "calm"})


def test_placeholders_that_came_in_with_an_input_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    for holder, name in (
        (task_module, "interpolate_only"),
        (base_agent_module, "interpolate_only"),
        (Prompts, "_build_prompt"),
    ):
        monkeypatch.setattr(holder, name, getattr(holder, name))  # to be restored
    as_before = staticmethod(AgentExecutor._format_prompt)
    monkeypatch.setattr(AgentExecutor, "_format_prompt", as_before)
    plain = asked({"topic": "bees", "tone": "calm"})

    internals.fill_placeholders_once()

    assert asked({"topic": "bees", "tone": "calm"}) == plain
    assert asked({"topic": QUOTING, "tone": "calm"}) == plain.replace("bees", QUOTING)
    with pytest.raises(ValueError, match="tone"):
        asked({"topic": "bees"})


# --- flows -------------------------------------------------------------------------------------


class Letter(BaseModel):
    subject: str = "none"


class Joined(Flow[Letter]):
    """Pauses at `review` while a join is half complete."""

    @start()
    def greet(self) -> str:
        return "hello"

    @listen("greet")
    @human_feedback(message="Is it good?")
    def review(self) -> str:
        return "a letter"

    @listen(and_("greet", "review"))
    def send(self) -> str:
        return f"sent about {self.state.subject}"


class Pausing:
    def request_feedback(self, context: PendingFeedbackContext, flow: Flow[Any]) -> str:
        del flow
        raise HumanFeedbackPending(context=context)


def test_a_flows_definition_names_its_methods_and_gates() -> None:
    methods = internals.definition_of(Joined()).methods

    assert {str(name) for name in methods} == {"greet", "review", "send"}
    assert [str(name) for name, each in methods.items() if each.human_feedback] == ["review"]


def test_the_state_of_a_flow_is_the_model_itself() -> None:
    assert isinstance(internals.state_of(Joined()), Letter)


def test_a_built_flow_resumes_in_another_object_with_its_join_half_complete(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept = FlowSnapshot()
    monkeypatch.setattr(flow_config, "hitl_provider", Pausing())
    set_flow_persistence_factory(lambda: kept)
    first = Joined()
    first.persistence = kept
    paused = first.kickoff(inputs={"subject": "oats"})
    assert isinstance(paused, HumanFeedbackPending)
    progress = internals.progress_of(first)
    assert progress["joins"], "CrewAI keeps half-met joins elsewhere"
    assert set(progress) == {"joins", "fired", "completed", "calls"}

    second = Joined()
    second.persistence = kept
    internals.restore_pending(second, paused.context.flow_id, kept)
    internals.restore_progress(second, progress)

    assert internals.progress_of(second) == progress
    assert second.resume("fine") == "sent about oats"


class Keyed(Flow[Any]):
    """Its state is a dictionary."""

    @start()
    def begin(self) -> str:
        return str(self.state.get("left"))


def test_a_flows_state_is_replaced_also_where_keys_are_gone() -> None:
    letters, keys = Joined(), Keyed()
    keys._state["left"] = "behind"

    internals.restore_state(letters, {"subject": "oats"})
    internals.restore_state(keys, {"id": "1"})

    assert letters.state.subject == "oats"
    assert keys.kickoff() == "None"


def test_a_flow_runs_the_methods_that_replace_its_own() -> None:
    flow = Keyed()

    internals.replace_methods(flow, lambda name, _method: lambda: f"instead of {name}")

    assert flow.kickoff() == "instead of begin"


class Racing(Flow[Any]):
    @start()
    def begin(self) -> None: ...

    @listen("begin")
    def one(self) -> None: ...

    @listen("begin")
    def other(self) -> None: ...

    @listen("begin")
    def before_later(self) -> None: ...

    @listen("before_later")
    def later(self) -> None: ...

    @listen(or_("one", "other", "later"))
    def end(self) -> None: ...

    @listen(or_("an_outcome", "another_outcome"))
    def never(self) -> None: ...


def test_only_methods_that_start_together_race() -> None:
    assert {*internals.racing_methods(Racing())} == {frozenset({"one", "other"})}


@pytest.mark.parametrize("asynchronous", [False, True])
def test_an_agent_answers_what_a_provider_has_added(model: Counting, *, asynchronous: bool) -> None:
    class Reopening(SyncHumanInputProvider):
        def handle_feedback(self, formatted_answer: Any, context: Any) -> Any:
            del formatted_answer
            context.ask_for_human_input = False
            return internals.continue_conversation(context)

        async def handle_feedback_async(self, formatted_answer: Any, context: Any) -> Any:
            del formatted_answer
            context.ask_for_human_input = False
            return await internals.continue_conversation_async(context)

    crew = crew_of(model, "first")
    crew.tasks[0].human_input = True
    token = set_provider(Reopening())
    try:
        result: Any = asyncio.run(crew.akickoff()) if asynchronous else crew.kickoff()
    finally:
        reset_provider(token)

    assert result.raw == "answer 2"


def test_a_question_goes_to_the_provider_that_crewai_would_ask(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    provider = ConsoleProvider()
    monkeypatch.setattr(flow_config, "input_provider", provider)

    assert internals.input_provider_of(Joined()) is provider


def test_every_flow_asks_through_the_replacement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Flow, "ask", Flow.ask)

    internals.replace_ask(lambda _flow, message, **_named: f"answer to {message}")

    assert Joined().ask("Who?") == "answer to Who?"


def test_an_output_is_saved_as_json_values() -> None:
    assert internals.json_safe(Letter(subject="oats")) == {"subject": "oats"}


# --- models ------------------------------------------------------------------------------------


def test_a_gates_model_is_built_from_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")

    assert internals.model_from("openai/gpt-4.1-mini").model == "gpt-4.1-mini"


def test_the_operators_model_replaces_what_crews_name_in_every_thread(
    monkeypatch: pytest.MonkeyPatch, model: Counting
) -> None:
    for module, name in (
        (llm_overlay, "active"),
        (core, "overlay_active"),
        (llm_utils, "PROVIDER_SETTINGS"),
        (llm_utils, "overlay_model_for_llm"),
    ):
        monkeypatch.setattr(module, name, getattr(module, name))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")
    internals.override_models("openai/gpt-4.1-nano")
    built: list[Any] = []

    def build() -> None:
        named = LLM(model="openai/gpt-4.1-mini")
        models = ("openai/gpt-4.1-mini", named, model)
        built.extend(Agent(role="r", goal="g", backstory="b", llm=each).llm for each in models)

    thread = threading.Thread(target=build)
    thread.start()
    thread.join()

    assert [each.model for each in built] == ["gpt-4.1-nano", "gpt-4.1-nano", "own"]


def test_clients_share_one_trust_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        default,
        "create_ssl_context",
        default.create_ssl_context,  # type: ignore[attr-defined] # not exported
    )
    internals.share_trust_store()

    def trusted(client: httpx.Client) -> ssl.SSLContext:
        context: ssl.SSLContext = client._transport._pool._ssl_context  # type: ignore[attr-defined]
        return context

    with httpx.Client() as one, httpx.Client() as two, httpx.Client(verify=False) as other:
        assert trusted(one) is trusted(two)
        assert trusted(other) is not trusted(one)


def test_agents_share_the_class_of_their_state_and_not_the_state() -> None:
    internals.share_agent_state()

    first, second = (
        Agent(role="r", goal="g", backstory="b", llm=Counting(model="own")) for _ in range(2)
    )
    states = []
    for agent in (first, second):
        agent.create_agent_executor(tools=[])
        states.append(internals.state_of(agent.agent_executor))  # type: ignore[arg-type] # a flow

    assert type(states[0]) is type(states[1])
    assert states[0].id != states[1].id  # type: ignore[attr-defined] # CrewAI adds it
    states[0].messages.append({"role": "user", "content": "hello"})  # type: ignore[attr-defined]
    assert states[1].messages == []  # type: ignore[attr-defined]
