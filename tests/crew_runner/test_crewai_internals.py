"""Private names of CrewAI and httpx still have the meaning that we rely on.

A test that fails here after an upgrade names the function of crew_runner.child.crewai_internals
that needs to be rewritten.
"""

from __future__ import annotations

import ssl
import threading
import warnings
from typing import Any

import httpx
import pytest
from httpx._transports import default
from pydantic import BaseModel

with warnings.catch_warnings():  # CrewAI's own, at its first import
    warnings.simplefilter("ignore")
    from crewai import LLM, Agent, Crew, CrewOutput, Flow, Task, TaskOutput, llm_overlay
    from crewai.agent import core
    from crewai.core.providers.human_input import (
        SyncHumanInputProvider,
        reset_provider,
        set_provider,
    )
    from crewai.flow import and_, human_feedback, listen, start
    from crewai.flow.async_feedback.providers import ConsoleProvider
    from crewai.flow.async_feedback.types import HumanFeedbackPending, PendingFeedbackContext
    from crewai.flow.flow_config import flow_config
    from crewai.flow.persistence.factory import set_flow_persistence_factory
    from crewai.llms.base_llm import BaseLLM
    from crewai.tools import tool
    from crewai.tools.structured_tool import CrewStructuredTool
    from crewai.utilities import llm_utils

    from crew_runner.child import crewai_internals as internals
    from crew_runner.child.flows.persistence import FlowSnapshot

pytestmark = pytest.mark.filterwarnings("ignore")  # CrewAI's own warnings are not tested here


class Counting(BaseLLM):
    """Answers with the number of the call."""

    calls: int = 0

    def call(self, *_asked: Any, **_named: Any) -> str:
        self.calls += 1
        return f"Thought: I know\nFinal Answer: answer {self.calls}"


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
