"""Answers in the format of OpenAI's chat completions API, complete or as a stream of events."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

from crew_runner.models.drafter import conversation, draft, schema

Json = dict[str, Any]

_TOKEN: Final = re.compile(r"\w{1,5}|[^\w\s]")
_CHUNK: Final = 60
"""The characters of each event of a stream."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer with its tokens. `tool` names the function that the caller insists on."""

    text: str
    prompt_tokens: int
    completion_tokens: int
    tool: str | None = None

    @property
    def usage(self) -> Json:
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": self.prompt_tokens + self.completion_tokens,
        }


class Refusal(Exception):
    """The request is not answered. `retry_after`: seconds."""

    def __init__(self, status: int, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after

    @property
    def body(self) -> Json:
        kind = "server_error" if self.status >= 500 else "invalid_request_error"
        return {"error": {"message": str(self), "type": kind, "param": None, "code": None}}


def tokens(text: str) -> int:
    """The token count of a text: one for each five letters or digits, and for each sign."""
    return len(_TOKEN.findall(text))


def reply_to(body: Mapping[str, Any]) -> Reply:
    """Drafts the answer to a request. Raises Refusal if the body is not a request."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise Refusal(400, "'messages' must be a list with at least one message")
    if not all(isinstance(message, Mapping) for message in messages):
        raise Refusal(400, "each message must be an object")
    parsed = conversation.read(messages)
    tool = _forced_tool(body)
    shape = tool["parameters"] if tool else _schema(body)
    if shape is None:
        text = draft.answer(parsed)
    else:
        subject = parsed.feedback[-1] if parsed.feedback else parsed.task
        text = json.dumps(schema.instance(shape, subject), ensure_ascii=False)
    prompt = sum(tokens(conversation.text_of(m.get("content"))) for m in messages)
    return Reply(text, prompt, tokens(text), tool["name"] if tool else None)


def completion(body: Mapping[str, Any], reply: Reply, created: int) -> Json:
    """The answer as one `chat.completion` object."""
    message: Json = {"role": "assistant", "content": reply.text, "refusal": None}
    if reply.tool:
        message |= {"content": None, "tool_calls": [_tool_call(reply)]}
    finish = "tool_calls" if reply.tool else "stop"
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
    return _head(body, "chat.completion", created) | {"choices": [choice], "usage": reply.usage}


def events(body: Mapping[str, Any], reply: Reply, created: int) -> Iterator[bytes]:
    """The answer as server-sent events, with the usage last if it was asked for."""
    head = _head(body, "chat.completion.chunk", created)
    options = body.get("stream_options")
    with_usage = isinstance(options, Mapping) and bool(options.get("include_usage"))

    def event(delta: Json, finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return _event({**head, "choices": [choice], **({"usage": None} if with_usage else {})})

    if reply.tool:
        yield event({"role": "assistant", "tool_calls": [_tool_call(reply) | {"index": 0}]})
    else:
        yield event({"role": "assistant", "content": ""})
        for start in range(0, len(reply.text), _CHUNK):
            yield event({"content": reply.text[start : start + _CHUNK]})
    yield event({}, "tool_calls" if reply.tool else "stop")
    if with_usage:
        yield _event({**head, "choices": [], "usage": reply.usage})
    yield b"data: [DONE]\n\n"


def _head(body: Mapping[str, Any], kind: str, created: int) -> Json:
    return {
        "id": f"chatcmpl-{uuid4().hex}",
        "object": kind,
        "created": created,
        "model": str(body.get("model") or ""),
    }


def _event(chunk: Json) -> bytes:
    return b"data: " + json.dumps(chunk, ensure_ascii=False).encode() + b"\n\n"


def _tool_call(reply: Reply) -> Json:
    return {
        "id": f"call-{uuid4().hex}",
        "type": "function",
        "function": {"name": reply.tool, "arguments": reply.text},
    }


def _forced_tool(body: Mapping[str, Any]) -> Json | None:
    """The function that `tool_choice` insists on; tools that are only offered are left alone."""
    choice = body.get("tool_choice")
    functions = [tool["function"] for tool in body.get("tools") or [] if "function" in tool]
    if isinstance(choice, Mapping):
        name = choice.get("function", {}).get("name")
        functions = [function for function in functions if function.get("name") == name]
    elif choice != "required":
        return None
    if not functions:
        raise Refusal(400, "'tool_choice' names no function of 'tools'")
    return {"name": str(functions[0]["name"]), "parameters": functions[0].get("parameters", {})}


def _schema(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    format_ = body.get("response_format")
    if not isinstance(format_, Mapping):
        return None
    if format_.get("type") == "json_object":
        return {"type": "object", "properties": {"draft": {"type": "string"}}}
    json_schema = format_.get("json_schema")
    shape = json_schema.get("schema") if isinstance(json_schema, Mapping) else None
    return shape if isinstance(shape, Mapping) else None
