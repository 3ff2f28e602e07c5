"""Answers in the shapes of the OpenAI chat completions API, whole or as a stream of events."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from crew_runner.models.drafter import conversation, draft, generic, schema

_TOKEN = re.compile(r"\w{1,5}|[^\w\s]")
_PIECE = re.compile(r"\S+\s*|\s+")
_PIECES_A_CHUNK = 12

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer with what it cost. `tool` names the function that the caller insisted on."""

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


class BadRequest(ValueError):
    """The body is not a chat completion request; `param` names the part that is wrong."""

    def __init__(self, message: str, param: str) -> None:
        super().__init__(message)
        self.param = param


def tokens(text: str) -> int:
    """How many tokens a text counts for: runs of five letters or figures, and each sign."""
    return len(_TOKEN.findall(text))


def reply_to(body: Mapping[str, Any]) -> Reply:
    """Draft the answer to a request. Raises BadRequest for what is none."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise BadRequest("'messages' must be a list with at least one message", "messages")
    if not all(isinstance(message, Mapping) for message in messages):
        raise BadRequest("each message must be an object", "messages")
    said = conversation.read(messages)
    tool = _forced_tool(body)
    wanted = tool["parameters"] if tool else _schema(body)
    if wanted is None:
        text = draft.answer(said)
    else:
        about = generic.summary(said)
        text = json.dumps(schema.instance(wanted, about), ensure_ascii=False)
    prompt = sum(tokens(conversation.text_of(m.get("content"))) for m in messages)
    return Reply(text, prompt, tokens(text), tool["name"] if tool else None)


def outline(body: Mapping[str, Any]) -> tuple[str, int]:
    """The first line of the task that a request holds, and its rounds of feedback."""
    messages = body.get("messages")
    fit = [m for m in messages if isinstance(m, Mapping)] if isinstance(messages, list) else []
    said = conversation.read(fit)
    return next(iter(said.task.splitlines()), ""), len(said.feedback)


def completion(body: Mapping[str, Any], reply: Reply, *, number: int, created: int) -> Json:
    """The answer as one `chat.completion` object."""
    message: Json = {"role": "assistant", "content": reply.text, "refusal": None}
    if reply.tool:
        message |= {"content": None, "tool_calls": [_tool_call(reply, number)]}
    choice = {
        "index": 0,
        "message": message,
        "logprobs": None,
        "finish_reason": "tool_calls" if reply.tool else "stop",
    }
    return {
        "id": f"chatcmpl-offline-{number}",
        "object": "chat.completion",
        "created": created,
        "model": str(body.get("model") or ""),
        "choices": [choice],
        "usage": reply.usage,
    }


def events(body: Mapping[str, Any], reply: Reply, *, number: int, created: int) -> Iterator[bytes]:
    """The answer as server-sent events, with the usage last where it was asked for."""
    head = {
        "id": f"chatcmpl-offline-{number}",
        "object": "chat.completion.chunk",
        "created": created,
        "model": str(body.get("model") or ""),
    }
    options = body.get("stream_options")
    with_usage = isinstance(options, Mapping) and bool(options.get("include_usage"))

    def event(delta: Json, finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        chunk = {**head, "choices": [choice], **({"usage": None} if with_usage else {})}
        return _event(chunk)

    if reply.tool:
        yield event({"role": "assistant", "tool_calls": [_tool_call(reply, number) | {"index": 0}]})
    else:
        yield event({"role": "assistant", "content": ""})
        pieces = _PIECE.findall(reply.text)
        for start in range(0, len(pieces), _PIECES_A_CHUNK):
            yield event({"content": "".join(pieces[start : start + _PIECES_A_CHUNK])})
    yield event({}, "tool_calls" if reply.tool else "stop")
    if with_usage:
        yield _event({**head, "choices": [], "usage": reply.usage})
    yield b"data: [DONE]\n\n"


def error(message: str, *, kind: str, code: str | None = None, param: str | None = None) -> Json:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def _event(chunk: Json) -> bytes:
    return b"data: " + json.dumps(chunk, ensure_ascii=False).encode() + b"\n\n"


def _tool_call(reply: Reply, number: int) -> Json:
    return {
        "id": f"call-offline-{number}",
        "type": "function",
        "function": {"name": reply.tool, "arguments": reply.text},
    }


def _forced_tool(body: Mapping[str, Any]) -> Json | None:
    """The function that `tool_choice` insists on; tools on offer are left alone otherwise."""
    choice = body.get("tool_choice")
    functions = [
        tool["function"]
        for tool in body.get("tools") or []
        if isinstance(tool, Mapping) and isinstance(tool.get("function"), Mapping)
    ]
    if choice == "required" and functions:
        named = functions[0]
    elif isinstance(choice, Mapping) and isinstance(choice.get("function"), Mapping):
        wanted = choice["function"].get("name")
        named = next((f for f in functions if f.get("name") == wanted), None)
    else:
        return None
    if named is None:
        raise BadRequest("'tool_choice' names no function of 'tools'", "tool_choice")
    return {"name": str(named.get("name")), "parameters": named.get("parameters") or {}}


def _schema(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    wanted = body.get("response_format")
    if not isinstance(wanted, Mapping):
        return None
    if wanted.get("type") == "json_object":
        return {"type": "object", "properties": {"draft": {"type": "string"}}}
    given = wanted.get("json_schema")
    found = given.get("schema") if isinstance(given, Mapping) else None
    return found if isinstance(found, Mapping) else None
