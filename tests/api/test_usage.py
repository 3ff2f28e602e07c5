"""Tokens and cost in the status of a run."""

from __future__ import annotations

from storage.records import Actor, ActorKind, Failure, PhaseOutput
from tests.api.conftest import Api, Service

PRICED = {"gpt": {"calls": 1, "prompt_tokens": 900, "completion_tokens": 100, "microdollars": 4200}}
LOCAL = {"llama": {"calls": 2, "prompt_tokens": 30, "uncounted_calls": 1, "unpriced_calls": 2}}


def test_a_run_that_has_not_started_used_nothing(api: Api) -> None:
    assert api.execute()["usage"] == {
        "tokens": 0,
        "at_least": False,
        "cost": None,
        "price_unknown": [],
        "by_phase": [],
        "by_model": [],
    }


def test_the_status_has_tokens_and_cost_by_phase_and_model_including_failed_attempts(
    api: Api, service: Service
) -> None:
    run = api.execute()["execution_id"]
    service.state.phase_done(service.claim(), PhaseOutput("a draft"), usage=PRICED)
    api.decide(api.checkpoint(run), "continue")
    service.state.fail(service.claim(), Failure("away", retryable=False), usage=PRICED)
    service.state.retry(run, actor=Actor(ActorKind.API, "loopback", decides_everything=True))
    service.state.phase_done(service.claim(), PhaseOutput("checked"), usage=LOCAL)

    used = api.status(run)["usage"]

    gpt = {"tokens": 1000, "at_least": False, "cost": 0.0042, "price_unknown": []}
    llama = {"tokens": 30, "at_least": True, "cost": None, "price_unknown": ["llama"]}
    assert used["by_phase"] == [
        gpt | {"phase": "draft"},
        {
            "phase": "check",
            "tokens": 1030,
            "at_least": True,
            "cost": 0.0042,
            "price_unknown": ["llama"],
        },
    ]
    assert used["by_model"] == [
        {**gpt, "tokens": 2000, "cost": 0.0084, "model": "gpt"},
        llama | {"model": "llama"},
    ]
    assert (used["tokens"], used["cost"], used["at_least"]) == (2030, 0.0084, True)
    assert used["price_unknown"] == ["llama"]
