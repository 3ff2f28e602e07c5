"""The offline drafter as a server, asked by the real OpenAI client and by bare HTTP."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from pydantic import BaseModel, Field

from crew_runner.models.drafter import openai_protocol
from crew_runner.models.drafter.label import LABEL
from tests.support.drafter import WatchedDrafter

if TYPE_CHECKING:  # its import takes two seconds, in every process of tests
    import openai

pytestmark = pytest.mark.usefixtures("crewai_imported")

QUESTION: list[Any] = [{"role": "user", "content": "Write a short note on rain for gardeners."}]


class Rating(BaseModel):
    title: str
    score: int = Field(ge=0, le=100)
    share: float = Field(gt=0, lt=1)
    tags: list[str] = Field(min_length=2)
    verdict: str = Field(pattern="go|caution|no-go", json_schema_extra={"enum": ["go", "no-go"]})
    note: str | None = Field(default=None, max_length=30)
    good: bool


class Node(BaseModel):
    name: str
    children: list[Node]
    parent: Node | None = None


def client(drafter: WatchedDrafter) -> openai.OpenAI:
    import openai

    return openai.OpenAI(base_url=drafter.base_url, api_key="any", max_retries=0)


def ask(drafter: WatchedDrafter, **more: Any) -> openai.types.chat.ChatCompletion:
    answer = client(drafter).chat.completions.create(
        model="offline-drafter", messages=QUESTION, **more
    )
    given: openai.types.chat.ChatCompletion = answer
    return given


def structured(drafter: WatchedDrafter, kind: type[BaseModel]) -> str:
    schema = {"name": kind.__name__, "schema": kind.model_json_schema()}
    answer = ask(drafter, response_format={"type": "json_schema", "json_schema": schema})
    return answer.choices[0].message.content or ""


def test_it_answers_the_openai_client_and_counts_its_tokens(drafter: WatchedDrafter) -> None:
    answer = ask(drafter)
    text = answer.choices[0].message.content or ""

    assert answer.choices[0].finish_reason == "stop"
    assert LABEL in text
    assert "rain" in text
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == openai_protocol.tokens(QUESTION[0]["content"])
    assert answer.usage.completion_tokens == openai_protocol.tokens(text)
    assert answer.usage.total_tokens == (
        answer.usage.prompt_tokens + answer.usage.completion_tokens
    )


def test_a_stream_gives_the_same_text_in_pieces_with_the_usage_last(
    drafter: WatchedDrafter,
) -> None:
    whole = ask(drafter)
    chunks = list(
        client(drafter).chat.completions.create(
            model="offline-drafter",
            messages=QUESTION,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    said = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]

    assert "".join(said) == whole.choices[0].message.content
    assert len([piece for piece in said if piece]) > 3
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage == whole.usage
    assert drafter.calls[-1].streamed


def test_a_stream_ends_with_done_and_without_usage_where_none_was_asked_for(
    drafter: WatchedDrafter,
) -> None:
    body = {"model": "m", "messages": QUESTION, "stream": True}
    with httpx.stream("POST", f"{drafter.base_url}/chat/completions", json=body) as answer:
        events = [line for line in answer.iter_lines() if line]

    assert answer.headers["content-type"].startswith("text/event-stream")
    assert events[-1] == "data: [DONE]"
    assert not any("usage" in json.loads(event[6:]) for event in events[:-1])


def test_crewai_streams_from_it(drafter: WatchedDrafter) -> None:
    from crewai import LLM

    model = LLM(model="openai/offline-drafter", base_url=drafter.base_url, api_key="k", stream=True)

    assert LABEL in str(model.call(QUESTION))
    assert drafter.calls[-1].streamed


def test_a_json_schema_is_answered_with_a_valid_instance(drafter: WatchedDrafter) -> None:
    rating = Rating.model_validate_json(structured(drafter, Rating))

    assert LABEL in rating.title
    assert len(rating.tags) == 2
    assert rating.good


def test_a_nested_and_recursive_schema_is_answered_too(drafter: WatchedDrafter) -> None:
    assert Node.model_validate_json(structured(drafter, Node)).children


def test_any_json_object_is_an_answer_where_no_schema_is_given(drafter: WatchedDrafter) -> None:
    answer = ask(drafter, response_format={"type": "json_object"})

    assert LABEL in json.loads(answer.choices[0].message.content or "")["draft"]


def test_a_tool_is_called_only_where_the_caller_insists(drafter: WatchedDrafter) -> None:
    tools = [
        {
            "type": "function",
            "function": {"name": "rate", "parameters": Rating.model_json_schema()},
        }
    ]
    free = ask(drafter, tools=tools)
    insisted = ask(
        drafter, tools=tools, tool_choice={"type": "function", "function": {"name": "rate"}}
    )

    assert free.choices[0].message.tool_calls is None
    calls = insisted.choices[0].message.tool_calls or []
    (call,) = [call for call in calls if call.type == "function"]
    assert insisted.choices[0].finish_reason == "tool_calls"
    assert Rating.model_validate_json(call.function.arguments).good


def test_a_crew_with_tools_structure_and_a_planning_agent_comes_to_its_end(
    drafter: WatchedDrafter,
) -> None:
    from crewai import LLM, Agent, Crew, Task
    from crewai.agent.planning_config import PlanningConfig
    from crewai.tools import tool

    from tests.crew_runner.models.conftest import run

    @tool("lookup")
    def lookup(word: str) -> str:
        """Look a word up."""
        return word

    model = LLM(model="openai/offline-drafter", base_url=drafter.base_url, api_key="k")
    writer = Agent(
        role="Writer",
        goal="write",
        backstory="You write.",
        llm=model,
        tools=[lookup],
        planning_config=PlanningConfig(),
    )
    task = Task(
        description="Rate the subject rain",
        expected_output="a rating",
        agent=writer,
        output_pydantic=Rating,
        guardrail="It must be polite.",
    )

    result = run(Crew(agents=[writer], tasks=[task]), {})

    assert isinstance(result.pydantic, Rating)
    assert len(drafter.calls) < 8


def test_a_prompt_that_asks_for_thought_and_final_answer_gets_them(
    drafter: WatchedDrafter,
) -> None:
    prompt = (
        "You ONLY have access to the following tools …\n```\nThought: I now know the final answer\n"
        "Final Answer: the final answer to the original input question\n```"
    )
    messages: list[Any] = [
        {"role": "system", "content": prompt},
        {"role": "user", "content": "\nCurrent Task: Write a haiku"},
    ]
    answer = client(drafter).chat.completions.create(model="m", messages=messages)

    said = answer.choices[0].message.content or ""
    assert said.startswith("Thought: I now can give a great answer\nFinal Answer: # ")


@pytest.mark.parametrize(
    ("status", "kind"),
    [(500, "InternalServerError"), (401, "AuthenticationError"), (429, "RateLimitError")],
)
def test_a_refusal_has_the_shape_that_the_openai_client_knows(
    drafter: WatchedDrafter, status: int, kind: str
) -> None:
    import openai

    drafter.fail_next(1, status, retry_after=7)

    with pytest.raises(getattr(openai, kind)) as refused:
        ask(drafter)

    assert refused.value.response.headers["retry-after"] == "7"
    assert ask(drafter).choices[0].message.content


@pytest.mark.parametrize(
    ("send", "status"),
    [
        (lambda url: httpx.get(f"{url}/models"), 200),
        (lambda url: httpx.get(f"{url}/nothing"), 404),
        (lambda url: httpx.post(f"{url}/nothing", json={}), 404),
        (lambda url: httpx.post(f"{url}/chat/completions", json=[1]), 400),
        (lambda url: httpx.post(f"{url}/chat/completions", content=b"\xff{"), 400),
        (lambda url: httpx.post(f"{url}/chat/completions", json={}), 400),
        (lambda url: httpx.post(f"{url}/chat/completions", json={"messages": []}), 400),
        (lambda url: httpx.post(f"{url}/chat/completions", json={"messages": ["x"]}), 400),
        (lambda url: httpx.post(f"{url}/chat/completions", json={"messages": [{}]}), 200),
        (lambda url: httpx.post(f"{url}/chat/completions", content=iter([b"{}"])), 411),
    ],
)
def test_what_is_no_request_is_refused_in_openais_words(
    drafter: WatchedDrafter, send: Callable[[str], httpx.Response], status: int
) -> None:
    answer = send(drafter.base_url)

    assert answer.status_code == status
    assert ("error" in answer.json()) == (status != 200)


def test_it_starts_within_milliseconds_and_needs_no_crewai() -> None:
    program = (
        "import sys, time\n"
        "from crew_runner.models.drafter.server import OfflineDrafter\n"
        "begun = time.perf_counter()\n"
        "drafter = OfflineDrafter()\n"
        "drafter.start()\n"
        "took = time.perf_counter() - begun\n"
        "drafter.stop()\n"
        "print('crewai' in sys.modules, took < 0.25)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True
    )

    assert done.stdout.split() == ["False", "True"]


def test_stopping_twice_and_starting_again_is_no_trouble(drafter: WatchedDrafter) -> None:
    assert drafter.start() == drafter.base_url
    drafter.stop()
    drafter.stop()
    with pytest.raises(RuntimeError, match="not started"):
        _ = drafter.base_url

    drafter.start()
    assert ask(drafter).choices[0].message.content
