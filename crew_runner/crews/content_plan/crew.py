"""The crew behind `/crew plan`: a content plan, its analysis, and the strategy that follows."""

from __future__ import annotations

from typing import Any

from crewai import Agent, Crew, Process, Task
from crewai.project import CrewBase, agent, before_kickoff, crew, task

from crew_runner.crews.content_plan.checks import scores_within_range, shares_sum_to_100

NO_BACKGROUND = "None given."
LANGUAGE_OF_THE_REQUEST = "The language of the request; English if that is unclear."


@CrewBase
class ContentPlanCrew:
    """Four agents and five sequential tasks.

    Inputs: `user_input` or `message` is required; `campaign_context`, `language` and
    `output_language` (which takes precedence over `language`) are optional.
    """

    agents_config: Any = "agents.yaml"
    tasks_config: Any = "tasks.yaml"
    agents: list[Agent]
    tasks: list[Task]

    @before_kickoff
    def brief(self, inputs: dict[str, Any] | None) -> dict[str, Any]:
        """Add the inputs that the prompts use: `request`, `background` and `write_in`."""
        texts = {name: str(text or "").strip() for name, text in (inputs or {}).items()}
        requests = dict.fromkeys(texts.get(name, "") for name in ("user_input", "message"))
        return {
            **(inputs or {}),
            "request": "\n".join(text for text in requests if text),
            "background": texts.get("campaign_context") or NO_BACKGROUND,
            "write_in": texts.get("output_language")
            or texts.get("language")
            or LANGUAGE_OF_THE_REQUEST,
        }

    @agent
    def content_planner(self) -> Agent:
        return self._agent("content_planner")

    @agent
    def sentiment_analyst(self) -> Agent:
        return self._agent("sentiment_analyst")

    @agent
    def trend_researcher(self) -> Agent:
        return self._agent("trend_researcher")

    @agent
    def strategist(self) -> Agent:
        return self._agent("strategist")

    @task
    def create_content_plan(self) -> Task:
        return Task(**self.tasks_config["create_content_plan"])

    @task
    def analyze_sentiment(self) -> Task:
        return Task(**self.tasks_config["analyze_sentiment"], guardrail=shares_sum_to_100)

    @task
    def research_trends(self) -> Task:
        return Task(**self.tasks_config["research_trends"], guardrail=scores_within_range)

    @task
    def draft_strategy(self) -> Task:
        return Task(**self.tasks_config["draft_strategy"])

    @task
    def finalize_strategy(self) -> Task:
        return Task(**self.tasks_config["finalize_strategy"])

    @crew
    def crew(self) -> Crew:
        return Crew(agents=[*self.agents], tasks=self.tasks, process=Process.sequential)

    def _agent(self, name: str) -> Agent:
        # The runner retries a failing model with backoff, so CrewAI need not.
        return Agent(config=self.agents_config[name], allow_delegation=False, max_retry_limit=0)
