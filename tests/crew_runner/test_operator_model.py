"""The model that crews.yml sets for a crew, called by real crews on stand-in servers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from crew_runner.host.worker import WorkerPool
from crew_runner.queues.local import LocalDispatch
from storage.definitions import (
    CrewDefinition,
    CrewKind,
    DecisionRule,
    ModelSettings,
    PhaseDefinition,
)
from storage.records import Execution
from storage.states import ExecutionState
from tests.crew_runner.harness import Harness
from tests.support.prefork_server import PreforkServer
from tests.support.preforked_fork_server import from_prefork_server
from tests.support.providers import (
    ANTHROPIC,
    GEMINI,
    GOOD_KEY,
    OLLAMA,
    OPENAI,
    OPENROUTER,
    ProviderServer,
)

PROTOCOLS = {
    "openai": OPENAI,
    "openrouter": OPENROUTER,
    "anthropic": ANTHROPIC,
    "gemini": GEMINI,
    "ollama": OLLAMA,
    "author": ANTHROPIC,
}


@dataclass(frozen=True, slots=True)
class Market:
    """A harness whose pool has a key for every provider, and the providers."""

    harness: Harness
    servers: dict[str, ProviderServer]

    def run(self, target: str, model: str | None) -> Execution:
        return self.harness.ended(self.harness.start(crew(target, model), "harbours"))

    def forget(self) -> None:
        for server in self.servers.values():
            server.asked.clear()
            server.refuses = ""


TASKS = {"names_models": ("0", "1", "2", "3")}


def crew(target: str, model: str | None) -> CrewDefinition:
    """A crew of tests.crew_runner.model_crews in one phase."""
    tasks = TASKS.get(target)
    return CrewDefinition(
        name=target,
        kind=CrewKind.CREW,
        target=f"tests.crew_runner.model_crews:{target}",
        rule=DecisionRule(approvers=("@channel",)),
        phases=(PhaseDefinition("all", tasks),) if tasks else (),
        model=model,
    )


@contextmanager
def pool_of(harness: Harness, dispatch: LocalDispatch, model: ModelSettings) -> Iterator[None]:
    pool = WorkerPool(
        state=harness.state,
        reads=harness.reads,
        model=model,
        crews={},
        slots=2,
        lease=harness.lease,
    )
    dispatch.bind(pool)
    pool.start()
    try:
        yield
    finally:
        pool.stop(timedelta(seconds=4))


@pytest.fixture(scope="module")
def providers(
    tmp_path_factory: pytest.TempPathFactory, crewai_prefork_server: PreforkServer
) -> Iterator[Market]:
    dispatch = LocalDispatch()
    harness = Harness(tmp_path_factory.mktemp("models") / "models.db", dispatch=dispatch)
    with ExitStack() as stack:
        stack.enter_context(from_prefork_server(crewai_prefork_server))
        servers = {
            name: stack.enter_context(ProviderServer(protocol))
            for name, protocol in PROTOCOLS.items()
        }
        servers["ollama"].keys = {"ollama"}
        environment = stack.enter_context(pytest.MonkeyPatch.context())
        environment.setenv("AUTHORS_ADDRESS", servers["author"].address)
        settings = ModelSettings(
            openai_api_key=GOOD_KEY,
            openai_base_url=servers["openai"].base_url,
            openai_model="house-model",
            openrouter_api_key=GOOD_KEY,
            openrouter_base_url=servers["openrouter"].base_url,
            anthropic_api_key=GOOD_KEY,
            anthropic_base_url=servers["anthropic"].address,
            gemini_api_key=GOOD_KEY,
            gemini_base_url=servers["gemini"].address,
            ollama_host=servers["ollama"].address,
        )
        stack.enter_context(pool_of(harness, dispatch, settings))
        yield Market(harness, servers)


@pytest.fixture
def market(providers: Market) -> Market:
    providers.forget()
    return providers


@pytest.mark.parametrize(
    ("model", "server", "path", "key", "sent"),
    [
        (None, "openai", "/v1/chat/completions", GOOD_KEY, "house-model"),
        ("gpt-4o", "openai", "/v1/chat/completions", GOOD_KEY, "gpt-4o"),
        (
            "openrouter/meta/llama-4",
            "openrouter",
            "/api/v1/chat/completions",
            GOOD_KEY,
            "meta/llama-4",
        ),
        ("anthropic/claude-haiku-4-5", "anthropic", "/v1/messages", GOOD_KEY, "claude-haiku-4-5"),
        (
            "gemini/gemini-2.5-flash",
            "gemini",
            "/v1beta/openai/chat/completions",
            GOOD_KEY,
            "gemini-2.5-flash",
        ),
        ("ollama/llama3.2", "ollama", "/v1/chat/completions", "ollama", "llama3.2"),
    ],
)
def test_a_crew_is_answered_by_the_provider_that_its_model_names(
    market: Market, model: str | None, server: str, path: str, key: str, sent: str
) -> None:
    ended = market.run("plain", model)

    assert ended.state is ExecutionState.COMPLETED, ended.error
    requests = market.servers[server].asked
    assert [(each.path, each.key, each.model) for each in requests] == [(path, key, sent)]
    assert sum(len(other.asked) for other in market.servers.values()) == 1
    (run,) = market.harness.runs(ended.id)
    assert run.output is not None
    assert run.output.output == "heard"
    (used,) = run.output.usage.values()
    assert used["prompt_tokens"] + used["completion_tokens"] == market.servers[server].tokens


@pytest.mark.parametrize(("target", "calls"), [("names_models", 4), ("managed", 1), ("Asking", 2)])
def test_the_model_in_crews_yml_overrides_every_model_key_and_address_in_the_code(
    market: Market, target: str, calls: int
) -> None:
    ended = market.run(target, "chosen-model")

    assert ended.state is ExecutionState.COMPLETED, ended.error
    requests = market.servers["openai"].asked
    assert {(each.key, each.model) for each in requests} == {(GOOD_KEY, "chosen-model")}
    assert len(requests) == calls == sum(len(each.asked) for each in market.servers.values())


def test_an_authors_key_is_not_sent_to_the_same_provider_either(market: Market) -> None:
    ended = market.run("names_anthropics", "anthropic/claude-sonnet-4-6")

    assert ended.state is ExecutionState.COMPLETED, ended.error
    (requests,) = market.servers["anthropic"].asked
    assert (requests.key, requests.model) == (GOOD_KEY, "claude-sonnet-4-6")
    assert market.servers["author"].asked == []


def test_without_a_model_in_crews_yml_the_code_keeps_its_own(market: Market) -> None:
    market.servers["author"].keys = {"sk-of-the-author"}

    market.run("names_anthropics", None)

    (requests, *_more) = market.servers["author"].asked
    assert (requests.key, requests.model) == ("sk-of-the-author", "claude-3-5-haiku-latest")


def test_a_refused_key_is_used_once_and_reported_readably(market: Market) -> None:
    market.servers["anthropic"].refuses = ANTHROPIC.chat

    ended = market.run("stubborn", "anthropic/claude-haiku-4-5")

    assert ended.state is ExecutionState.ERROR
    assert len(market.servers["anthropic"].asked) == 1
    assert len(market.harness.runs(ended.id)) == 1
    assert "refused the API key (HTTP 401)" in (ended.error or "")
    assert "countersign doctor" in (ended.error or "")


def test_a_bad_key_is_reported_before_the_first_phase_and_no_model_is_called(
    tmp_path: Path, market: Market
) -> None:
    dispatch = LocalDispatch()
    harness = Harness(tmp_path / "bad.db", dispatch=dispatch)
    server = market.servers["openai"]
    listed = server.listed
    settings = ModelSettings("sk-hunter2", server.base_url, "house-model")

    with pool_of(harness, dispatch, settings):
        ids = [harness.start(crew("plain", None), "harbours") for _ in range(3)]
        ended = [harness.ended(each) for each in ids]

    for each in ended:
        assert each.state is ExecutionState.ERROR
        assert "refused the key in OPENAI_API_KEY (401 from 127.0.0.1" in (each.error or "")
        assert "hunter2" not in (each.error or "")
        assert [run.attempt for run in harness.runs(each.id)] == [1]
    assert server.asked == []
    assert server.listed == listed + 1


def test_offline_the_drafter_answers_for_models_named_in_the_code(
    tmp_path: Path, market: Market
) -> None:
    dispatch = LocalDispatch()
    harness = Harness(tmp_path / "offline.db", dispatch=dispatch)

    with pool_of(harness, dispatch, ModelSettings()):
        ended = harness.ended(harness.start(crew("names_models", None), "harbours"))

    assert ended.state is ExecutionState.COMPLETED, ended.error
    assert {model for run in harness.runs(ended.id) for model in run.usage} == {"offline-drafter"}
    assert all(not each.asked for each in market.servers.values())
