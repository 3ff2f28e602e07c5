"""Real CrewAI with the offline drafter: one recorded kickoff is shared by the tests."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from crew_runner.child.environment import MODEL_VARIABLES
from crew_runner.models.environment import settings_to_env
from storage.definitions import ModelSettings
from tests.support.drafter import Call, WatchedDrafter

if TYPE_CHECKING:
    from crewai import Crew, CrewOutput

# CrewAI reads these when it is imported, which happens in the tests and never before this file.
os.environ.update(
    CREWAI_DISABLE_TELEMETRY="true",
    CREWAI_TRACING_ENABLED="false",
    CREWAI_DISABLE_VERSION_CHECK="true",
    CREWAI_STORAGE_DIR=str(Path(tempfile.gettempdir()) / f"countersign-tests-{os.getpid()}"),
    OTEL_SDK_DISABLED="true",
)

REQUEST = "plan a summer campaign for a bicycle shop"
TASKS = (
    "create_content_plan",
    "analyze_sentiment",
    "research_trends",
    "draft_strategy",
    "finalize_strategy",
)
CONTEXT_OF = {
    "analyze_sentiment": ("create_content_plan",),
    "research_trends": ("create_content_plan",),
    "draft_strategy": ("create_content_plan", "analyze_sentiment", "research_trends"),
    "finalize_strategy": ("create_content_plan", "draft_strategy"),
}
BETWEEN = "\n\n----------\n\n"

Messages = list[dict[str, Any]]


@dataclass(frozen=True)
class Kickoff:
    """The prompts and results of a kickoff of the shipped crew."""

    prompts: dict[str, Messages]
    outputs: dict[str, str]
    calls: tuple[Call, ...]
    prompt_tokens: int
    completion_tokens: int


def run(crew: Crew, inputs: dict[str, str]) -> CrewOutput:
    result = crew.kickoff(inputs=inputs)
    assert not isinstance(result, Iterator)
    return cast("CrewOutput", result)


def point_at(monkeypatch: pytest.MonkeyPatch, settings: ModelSettings) -> None:
    """Set this process's model variables as the runner sets those of a child."""
    for name in MODEL_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in settings_to_env(settings).items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="session")
def crewai_imported() -> None:
    """Its import warns, and a warning is an error here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import crewai  # noqa: F401


@pytest.fixture(scope="session")
def kickoff(crewai_imported: None) -> Iterator[Kickoff]:
    bodies: list[Messages] = []
    with (
        WatchedDrafter(watch=lambda body: bodies.append(body["messages"])) as drafter,
        pytest.MonkeyPatch.context() as monkeypatch,
    ):
        point_at(monkeypatch, drafter.settings())
        from crew_runner.crews.content_plan.crew import ContentPlanCrew

        result = run(ContentPlanCrew().crew(), inputs_for(REQUEST))
        yield Kickoff(
            prompts=dict(zip(TASKS, bodies, strict=True)),
            outputs={str(output.name): output.raw for output in result.tasks_output},
            calls=drafter.calls,
            prompt_tokens=result.token_usage.prompt_tokens,
            completion_tokens=result.token_usage.completion_tokens,
        )


@pytest.fixture
def drafter() -> Iterator[WatchedDrafter]:
    with WatchedDrafter() as running:
        yield running


def inputs_for(request: str, *, background: str = "", language: str = "") -> dict[str, str]:
    return {
        "user_input": request,
        "message": request,
        "campaign_context": background,
        "language": language,
        "output_language": "",
    }


def prompt_with(
    prompt: Messages,
    *,
    request: str,
    background: str = "None given.",
    language: str | None = None,
    context: str | None = None,
) -> Messages:
    """A prompt that the crew sent, with another request, background, language and context."""
    text = str(prompt[-1]["content"])
    tags = {"request": request, "background": background}
    if language:
        tags["language"] = language
    for tag, value in tags.items():
        whole = f"<{tag}>\n{value}\n</{tag}>"
        before, _, rest = text.partition(f"<{tag}>")
        text = before + whole + rest.partition(f"</{tag}>")[2]
    if context is not None:
        head, separator, rest = text.partition("This is the context you're working with:\n")
        assert separator
        text = f"{head}{separator}{context}\n\n{rest[rest.rindex('Provide your complete') :]}"
    return [*prompt[:-1], {**prompt[-1], "content": text}]


def feedback(text: str) -> dict[str, str]:
    """A reviewer's feedback in the form in which CrewAI passes it to the model."""
    closing = (
        "Instructions: Use this feedback to enhance the next output iteration.\n"
        "Note: Do not respond or add commentary."
    )
    return {"role": "user", "content": f"User feedback: {text}\n{closing}"}
