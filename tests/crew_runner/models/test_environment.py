"""CrewAI sends the operator's key and model to the operator's address, seen by a real server."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from crew_runner.child.environment import MODEL_VARIABLES
from crew_runner.models.environment import ModelChoice, Route, choose, settings_to_env
from storage.definitions import ModelSettings

pytestmark = pytest.mark.usefixtures("crewai_imported")

OPENROUTER = "https://openrouter.ai/api/v1"


@dataclass
class Endpoint:
    """A server that answers every chat completion and records the requests."""

    base_url: str
    requests: list[tuple[str, str, str]] = field(default_factory=list)


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            recorder.requests.append((self.path, self.headers["Authorization"], body["model"]))
            message = {"role": "assistant", "content": "heard"}
            answer = json.dumps(
                {
                    "id": "a",
                    "object": "chat.completion",
                    "created": 1,
                    "model": body["model"],
                    "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
                    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
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
    recorder = Endpoint(f"http://127.0.0.1:{server.server_address[1]}/v1")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield recorder
    server.shutdown()
    server.server_close()
    thread.join(timeout=5)


def ask_default_model(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> str:
    """Call the default model of agents."""
    from crewai.utilities.llm_utils import create_llm

    for name in MODEL_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    model = create_llm(None)
    assert model is not None
    return str(model.call("Say something."))


@pytest.mark.parametrize(
    ("configured", "sent"),
    [
        ("gpt-4o-mini", "gpt-4o-mini"),
        ("openai/gpt-4o-mini", "openai/gpt-4o-mini"),
        ("openai/gpt-oss-20b", "openai/gpt-oss-20b"),
        ("anthropic/claude-sonnet-4", "anthropic/claude-sonnet-4"),
        ("claude-3-5-sonnet", "claude-3-5-sonnet"),
        ("llama3.1:8b", "llama3.1:8b"),
        (None, "gpt-4.1-mini"),
    ],
)
def test_a_compatible_endpoint_receives_the_model_name_unchanged(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, configured: str | None, sent: str
) -> None:
    settings = ModelSettings("my-key", endpoint.base_url, configured)

    answer = ask_default_model(monkeypatch, settings_to_env(settings))

    assert answer == "heard"
    assert endpoint.requests == [("/v1/chat/completions", "Bearer my-key", sent)]


@pytest.mark.parametrize(
    ("configured", "sent"),
    [
        ("openai/gpt-4o-mini", "openai/gpt-4o-mini"),
        ("openrouter/openai/gpt-4o-mini", "openai/gpt-4o-mini"),
        ("gpt-4o-mini", "openai/gpt-4o-mini"),
        ("anthropic/claude-3.5-sonnet", "anthropic/claude-3.5-sonnet"),
        ("openrouter/auto", "openrouter/auto"),
        (None, "openai/gpt-4.1-mini"),
    ],
)
def test_an_openrouter_key_goes_to_openrouter_with_its_model_name(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, configured: str | None, sent: str
) -> None:
    settings = ModelSettings(None, OPENROUTER, configured, openrouter_api_key="router-key")

    # CrewAI's own variable stands in for OpenRouter's address; ours name no address at all.
    variables = {**settings_to_env(settings), "OPENROUTER_BASE_URL": endpoint.base_url}
    ask_default_model(monkeypatch, variables)

    assert endpoint.requests == [("/v1/chat/completions", "Bearer router-key", sent)]
    assert not {"OPENAI_BASE_URL", "OPENAI_API_BASE", "OPENAI_API_KEY"} & set(variables)


def test_an_agent_that_names_its_model_goes_to_the_endpoint_as_well(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    from crewai import LLM

    ask_default_model(
        monkeypatch, settings_to_env(ModelSettings("my-key", endpoint.base_url, "llama3"))
    )
    LLM(model="gpt-4o").call("Say something.")

    assert endpoint.requests[-1] == ("/v1/chat/completions", "Bearer my-key", "gpt-4o")


def test_an_openrouter_key_set_as_openai_key_works_with_openrouters_address() -> None:
    settings = ModelSettings("router-key", OPENROUTER, "openai/gpt-4o-mini")

    assert choose(settings) == ModelChoice(Route.COMPATIBLE, "openai/gpt-4o-mini", OPENROUTER)
    assert settings_to_env(settings) == {
        "MODEL": "openai/openai/gpt-4o-mini",
        "OPENAI_MODEL_NAME": "openai/openai/gpt-4o-mini",
        "OPENAI_API_KEY": "router-key",
        "OPENAI_BASE_URL": OPENROUTER,
        "OPENAI_API_BASE": OPENROUTER,
    }


def test_openais_own_api_gets_no_address_and_the_bare_name() -> None:
    settings = ModelSettings("key", None, "openai/gpt-4o")

    assert choose(settings) == ModelChoice(Route.OPENAI, "gpt-4o")
    assert settings_to_env(settings) == {
        "MODEL": "gpt-4o",
        "OPENAI_MODEL_NAME": "gpt-4o",
        "OPENAI_API_KEY": "key",
    }


@pytest.mark.parametrize(
    ("settings", "route"),
    [
        (ModelSettings(), Route.OFFLINE),
        (ModelSettings(openai_base_url="http://127.0.0.1:1/v1"), Route.COMPATIBLE),
        (ModelSettings(openai_api_key="key"), Route.OPENAI),
        (ModelSettings("key", "https://api.openai.com/v1"), Route.OPENAI),
        (ModelSettings("key", "http://127.0.0.1:1/v1"), Route.COMPATIBLE),
        (ModelSettings(openrouter_api_key="key"), Route.OPENROUTER),
        (ModelSettings("key", openrouter_api_key="key"), Route.OPENAI),
        (ModelSettings("key", OPENROUTER, "a/b", "key"), Route.OPENROUTER),
        (ModelSettings("key", None, "openrouter/a/b", "key"), Route.OPENROUTER),
    ],
)
def test_the_keys_decide_the_route(settings: ModelSettings, route: Route) -> None:
    assert choose(settings).route is route


def test_every_variable_that_is_set_is_one_that_is_cleared_before() -> None:
    some = (
        ModelSettings("key", "http://127.0.0.1:1/v1", "m"),
        ModelSettings("key"),
        ModelSettings(openrouter_api_key="key"),
    )

    assert all(set(settings_to_env(settings)) <= MODEL_VARIABLES for settings in some)
    assert settings_to_env(ModelSettings()) == {}
