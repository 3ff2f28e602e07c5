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
    """Four people, five tasks, one after another.

    Inputs, all optional but one of the first two: `user_input`, `message`, `campaign_context`,
    `language`, `output_language` (which goes before `language`).
    """

    agents_config: Any = "agents.yaml"
    tasks_config: Any = "tasks.yaml"
    agents: list[Agent]
    tasks: list[Task]

    @before_kickoff
    def brief(self, inputs: dict[str, Any] | None) -> dict[str, Any]:
        """Add what the prompts speak of: `request`, `background` and `write_in`."""
        given = {name: str(text or "").strip() for name, text in (inputs or {}).items()}
        spoken = dict.fromkeys(given.get(name, "") for name in ("user_input", "message"))
        return {
            **(inputs or {}),
            "request": "\n".join(text for text in spoken if text),
            "background": given.get("campaign_context") or NO_BACKGROUND,
            "write_in": given.get("output_language")
            or given.get("language")
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
        # A failing model is tried again by the runner, with backoff; once here is enough.
        return Agent(config=self.agents_config[name], allow_delegation=False, max_retry_limit=0)
