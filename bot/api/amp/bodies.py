"""The bodies of CrewAI AMP's API, with its names."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from bot.api.bodies import InputValues, Text, Word
from bot.api.webhook_bodies import Url
from storage.webhooks import NewWebhook, WebhookFormat, WebhookPurpose


class BearerAuthentication(BaseModel):
    strategy: Literal["bearer"]
    token: Annotated[str, Field(pattern=r"^[\x21-\x7e]+$", max_length=2000, repr=False)]


class BasicAuthentication(BaseModel):
    strategy: Literal["basic"]
    username: Annotated[Text, Field(min_length=1)]
    password: Annotated[Text, Field(repr=False)]


class HumanInputWebhookBody(BaseModel):
    """Where to ask a person, and how to authenticate there."""

    url: Url
    authentication: (
        Annotated[BearerAuthentication | BasicAuthentication, Field(discriminator="strategy")]
        | None
    ) = None


class WebhookUrls(BaseModel):
    """What kickoff and resume have in common. URLs that resume leaves out stay as they are."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)

    task_webhook_url: Url | None = Field(None, alias="taskWebhookUrl")
    step_webhook_url: Url | None = Field(None, alias="stepWebhookUrl")
    crew_webhook_url: Url | None = Field(None, alias="crewWebhookUrl")
    human_input_webhook: HumanInputWebhookBody | None = Field(None, alias="humanInputWebhook")

    def webhooks(self, context: dict[str, object]) -> tuple[NewWebhook, ...]:
        """The webhooks to add. `context` is what their bodies need besides the execution."""
        urls = {
            WebhookPurpose.TASK: self.task_webhook_url,
            WebhookPurpose.STEP: self.step_webhook_url,
            WebhookPurpose.CREW: self.crew_webhook_url,
        }
        plain = [
            NewWebhook(url, WebhookFormat.AMP, purpose, context=context)
            for purpose, url in urls.items()
            if url is not None
        ]
        human = self.human_input_webhook
        if human is None:
            return tuple(plain)
        by = human.authentication
        secrets = None if by is None else {str(k): str(v) for k, v in by.model_dump().items()}
        purpose = WebhookPurpose.HUMAN_INPUT
        asks = NewWebhook(human.url, WebhookFormat.AMP, purpose, secrets, context=context)
        return (*plain, asks)


class KickoffBody(WebhookUrls):
    """`meta` is repeated in every webhook. Inputs that the crew does not know are ignored."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "inputs": {"user_input": "a summer campaign"},
                "meta": {"requestId": "r-17"},
                "crewWebhookUrl": "https://example.com/hooks/crew",
                "humanInputWebhook": {
                    "url": "https://example.com/hooks/human",
                    "authentication": {"strategy": "bearer", "token": "a-secret"},
                },
            }
        }
    )

    inputs: InputValues
    meta: InputValues = {}


class ResumeBody(WebhookUrls):
    """`is_approve` continues, or revises the task with `human_feedback`.

    Beyond AMP: `outcome` names the one meant where a flow offers several, `values` fills in the
    checkpoint's form, and with `output_hash` nothing is decided if another output waits by now.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "execution_id": "8d5d2f4e-7a0c-4a52-9e0c-0c7f6c2b1a11",
                "task_id": "research_task",
                "human_feedback": "Name the prices",
                "is_approve": False,
            }
        }
    )

    execution_id: Text
    task_id: Text
    human_feedback: Text = ""
    is_approve: bool
    outcome: Word | None = None
    values: InputValues = {}
    output_hash: Word | None = None


class RespondBody(BaseModel):
    """An answer through a `callback_url`. `source` names the program that sends it.

    Beyond AMP: `outcome` and `is_approve`, if the words are not to be interpreted.
    """

    model_config = ConfigDict(
        extra="ignore",
        json_schema_extra={"example": {"feedback": "Approved", "source": "my_app"}},
    )

    feedback: Annotated[Text, Field(min_length=1)]
    source: Word | None = None
    outcome: Word | None = None
    is_approve: bool | None = None


class InputsBody(BaseModel):
    inputs: list[str]


class KickedOffBody(BaseModel):
    kickoff_id: str


class ProgressBody(BaseModel):
    completed_tasks: int
    total_tasks: int


class WorkingBody(BaseModel):
    """While a person is asked, `current_task` is the one that they are asked about."""

    status: Literal["running", "pending_human_input"]
    current_task: str
    progress: ProgressBody


class TaskResultBody(BaseModel):
    """`execution_time` is in seconds."""

    task_id: str
    output: str
    agent: str
    execution_time: float


class ResultBody(BaseModel):
    output: str
    tasks: list[TaskResultBody]


class CompletedBody(BaseModel):
    """`execution_time` is the crew's own, in seconds, without the time that people took."""

    status: Literal["completed"] = "completed"
    result: ResultBody
    execution_time: float


class FailedBody(BaseModel):
    """The execution failed, or somebody stopped or cancelled it: `error` says which."""

    status: Literal["error"] = "error"
    error: str
    execution_time: float


StatusBody = WorkingBody | CompletedBody | FailedBody


class ResumedBody(BaseModel):
    status: Literal["resumed", "retrying", "completed"]
    message: str


class StoppedBody(BaseModel):
    status: Literal["stopped"] = "stopped"
    kickoff_id: str = Field(serialization_alias="kickoffId")


class RespondedRequestBody(BaseModel):
    id: str
    status: Literal["responded"] = "responded"
    feedback: str
    outcome: str | None
    responded_at: str
    responded_via: str


class RespondedBody(BaseModel):
    status: Literal["accepted"] = "accepted"
    request: RespondedRequestBody
