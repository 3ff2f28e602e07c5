"""Model providers on loopback: each has its protocol, counts tokens and records the requests."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

GOOD_KEY = "sk-of-the-operator"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that reached the server, answered or refused."""

    path: str
    key: str
    model: str
    prompt: str
    tokens: int
    status: int


@dataclass(frozen=True, slots=True)
class Protocol:
    """A provider's paths, the header for its key, and the shape of its responses."""

    chat: str
    listing: str
    counting: str = ""
    """The path that counts tokens, at no cost and without a completion."""
    key_header: str = "Authorization"
    must_have: tuple[str, ...] = ("model", "messages")
    answer: Callable[[str, str, int, int], dict[str, Any]] = lambda *_: {}

    def key_of(self, sent: str | None) -> str:
        return (sent or "").removeprefix("Bearer ")


def _completion(model: str, text: str, prompt: int, completion: int) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {
        "id": "chat-1",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
        },
    }


def _message(model: str, text: str, prompt: int, completion: int) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": prompt, "output_tokens": completion},
    }


OPENAI = Protocol("/v1/chat/completions", "/v1/models", answer=_completion)
OPENROUTER = Protocol("/api/v1/chat/completions", "/api/v1/key", answer=_completion)
OLLAMA = Protocol("/v1/chat/completions", "/v1/models", answer=_completion)
GEMINI = Protocol("/v1beta/openai/chat/completions", "/v1beta/openai/models", answer=_completion)
ANTHROPIC = Protocol(
    "/v1/messages",
    "/v1/models",
    counting="/v1/messages/count_tokens",
    key_header="x-api-key",
    must_have=("model", "messages", "max_tokens"),
    answer=_message,
)


class ProviderServer:
    """A context manager. `keys` are accepted; `refuses` is a path that accepts no key."""

    def __init__(self, protocol: Protocol, *keys: str) -> None:
        self.protocol = protocol
        self.keys = set(keys or (GOOD_KEY,))
        self.refuses = ""
        self.says = "heard"
        self.asked: list[Asked] = []
        self.listed = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), daemon=True
        )

    def reply(self, _messages: list[dict[str, Any]]) -> str:
        """What the model answers."""
        return self.says

    @property
    def address(self) -> str:
        """Scheme, host and port."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def base_url(self) -> str:
        """The URL before `/chat/completions`."""
        return self.address + self.protocol.chat.removesuffix("/chat/completions")

    @property
    def tokens(self) -> int:
        """All tokens so far, prompts and completions."""
        return sum(each.tokens for each in self.asked if each.status == 200)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)


def _handler(provider: ProviderServer) -> type[BaseHTTPRequestHandler]:
    protocol = provider.protocol

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            provider.listed += 1
            if self.path != protocol.listing:
                self._send(404, _refusal("no such path"))
            elif not self._may_ask(protocol.listing):
                self._send(401, _refusal("invalid key"))
            else:
                self._send(200, {"data": []})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            prompt = json.dumps(body.get("messages", ""))
            asked = len(prompt.split())
            if self.path == protocol.counting:
                self._send(200, {"input_tokens": asked})
                return
            refused = self._refuse(body)
            text = "" if refused else provider.reply(body["messages"])
            tokens = (asked, len(text.split()))
            status, answer = refused or (200, protocol.answer(body["model"], text, *tokens))
            key = protocol.key_of(self.headers[protocol.key_header])
            model = str(body.get("model"))
            provider.asked.append(Asked(self.path, key, model, prompt, sum(tokens), status))
            self._send(status, answer)

        def _refuse(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]] | None:
            if self.path != protocol.chat:
                return 404, _refusal("no such path")
            if not self._may_ask(protocol.chat):
                return 401, _refusal("invalid key")
            missing = [name for name in protocol.must_have if name not in body]
            if missing:
                return 400, _refusal(f"missing: {missing}")
            return None

        def _may_ask(self, path: str) -> bool:
            key = protocol.key_of(self.headers[protocol.key_header])
            return path != provider.refuses and key in provider.keys

        def _send(self, status: int, body: dict[str, Any]) -> None:
            payload = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, format: str, *args: Any) -> None:
            """Print nothing."""

    return Handler


def _refusal(words: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": "error", "message": words, "code": None}}
