"""Revise and repair as CrewAI does them: the saved conversation goes on, with one call a task."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from storage.definitions import ModelSettings
from tests.crew_runner.models.conftest import Kickoff, inputs_for, point_at, run
from tests.support.drafter import WatchedDrafter

pytestmark = pytest.mark.usefixtures("crewai_imported")


def test_a_revised_task_costs_one_call_and_keeps_the_rest_of_its_text(
    kickoff: Kickoff, drafter: WatchedDrafter, monkeypatch: pytest.MonkeyPatch
) -> None:
    from crewai.core.providers import human_input
    from crewai.utilities.types import LLMMessage

    from crew_runner.crews.content_plan.crew import ContentPlanCrew

    point_at(monkeypatch, drafter.settings())
    first = kickoff.outputs["create_content_plan"]
    saved = kickoff.prompts["create_content_plan"]

    class ReopenedTask(human_input.SyncHumanInputProvider):
        def setup_messages(self, context: human_input.ExecutorContext) -> bool:
            context.messages = [
                *(LLMMessage(role=m["role"], content=m["content"]) for m in saved),
                LLMMessage(role="assistant", content=first),
                context._format_feedback_message("Leave out the formats, please."),
            ]
            return True

    crew = ContentPlanCrew().crew()
    crew.tasks = crew.tasks[:1]
    token = human_input.set_provider(ReopenedTask())
    try:
        revised = run(crew, inputs_for("ignored")).raw
    finally:
        human_input.reset_provider(token)

    assert [(call.task, call.revision) for call in drafter.calls] == [
        ("Deliverable: content plan", 1)
    ]
    assert "**“Leave out the formats, please.”**\n\n- Left out the section “Formats”." in revised
    lost = first.partition("\n## Formats\n")[2].partition("\n## Distribution")[0]
    kept = first.replace(f"\n## Formats\n{lost}", "")
    assert set(kept.splitlines()) <= set(revised.splitlines())
    assert "Picture story" in lost
    assert "Picture story" not in revised


def test_shares_that_do_not_sum_to_100_are_returned_once_and_corrected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wrong = _analysis("60 %", "30 %", "15 %")
    right = _analysis("60 %", "30 %", "10 %")

    output, prompts = _one_task("analyze_sentiment", [wrong, right], monkeypatch)

    assert output == right
    assert len(prompts) == 2
    assert "sum to 105, not to 100" in prompts[1]


def test_scores_beyond_100_are_returned_and_corrected(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong, right = (
        f"## Scores\n\n| Topic | Score |\n|---|---|\n| Repair | {score} |\n| Rides | 40 |"
        for score in (140, 90)
    )

    output, prompts = _one_task("research_trends", [wrong, right], monkeypatch)

    assert output == right
    assert "Repair: 140" in prompts[1]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("No table at all, as the reviewer wished.", id="no table"),
        pytest.param("| A | B |\n|---|---|\n| Good | 99.5 % |\n| Bad | 0.5 % |", id="two shares"),
        pytest.param(
            "| A | B |\n|---|---|\n| a | 33,4 % |\n| b | 33,3 % |\n| c | 33,3 % |", id=","
        ),
    ],
)
def test_a_text_that_breaks_no_rule_passes_with_one_call(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, prompts = _one_task("analyze_sentiment", [text], monkeypatch)

    assert output == text
    assert len(prompts) == 1


def _analysis(*shares: str) -> str:
    names = ("Positive", "Neutral", "Negative")
    rows = "\n".join(
        f"| {name} | {share} | why |" for name, share in zip(names, shares, strict=True)
    )
    return f"## Expected response\n\n| Response | Share | Why |\n|---|---|---|\n{rows}\n\n**go**"


def _one_task(
    name: str, answers: list[str], monkeypatch: pytest.MonkeyPatch
) -> tuple[str, list[str]]:
    """Run one task of the crew against a model that gives these answers, one after another."""
    from crewai.tasks.task_output import TaskOutput

    from crew_runner.crews.content_plan.crew import ContentPlanCrew

    with _scripted_model(answers) as (settings, prompts):
        point_at(monkeypatch, settings)
        crew = ContentPlanCrew().crew()
        (task,) = [task for task in crew.tasks if task.name == name]
        crew.tasks[0].output = TaskOutput(
            description="d", raw="The plan.", agent="Content planner", name="create_content_plan"
        )
        crew.tasks = [crew.tasks[0], task]
        crew.checkpoint_kickoff_event_id = "resume"
        return run(crew, inputs_for("plan a campaign")).raw, prompts


@contextmanager
def _scripted_model(answers: list[str]) -> Iterator[tuple[ModelSettings, list[str]]]:
    prompts: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            prompts.append(str(body["messages"][-1]["content"]))
            message = {"role": "assistant", "content": answers[len(prompts) - 1]}
            choice = {"index": 0, "finish_reason": "stop", "message": message}
            usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
            answer = json.dumps(
                {
                    "id": "a",
                    "object": "chat.completion",
                    "created": 1,
                    "model": "scripted",
                    "choices": [choice],
                    "usage": usage,
                }
            ).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        base_url = f"http://127.0.0.1:{server.server_address[1]}/v1"
        yield ModelSettings("key", base_url, "scripted"), prompts
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)
