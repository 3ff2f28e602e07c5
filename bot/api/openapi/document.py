"""The OpenAPI document: what FastAPI makes of the routes, and what it cannot know."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

from bot.api.openapi import examples, texts
from bot.api.paths import OPEN, UNLIMITED
from bot.api.problems import AMP_PATH, MEDIA_TYPE, AmpErrorBody, ProblemBody, problem_body

Document: TypeAlias = dict[str, Any]

_METHODS: Final = frozenset({"get", "put", "post", "delete", "patch", "head", "options"})

_CLASHING: Final = re.compile(r"bot__api__(?:(amp)__)?\w+?__(\w+)")
"""How FastAPI names two schemas of the same name: by their modules."""

_WITHOUT_TOKEN: Final = UNLIMITED | OPEN

_SCHEMES: Final = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "From `countersign tokens create`. As long as there is none, programs on "
        "the bot's own machine need none.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "countersign_session",
        "description": "Of somebody who has signed in to the board.",
    },
}


def complete(document: Document) -> Document:
    """Add to FastAPI's document, in place, and return it with the schemas' plain names."""
    document["info"]["description"] = texts.DESCRIPTION
    document["info"]["license"] = {"name": "Apache 2.0", "identifier": "Apache-2.0"}
    document["tags"] = [{"name": name, "description": text} for name, text in texts.TAGS.items()]
    document["security"] = [{"token": []}, {"session": []}]
    components = document["components"]
    components["securitySchemes"] = _SCHEMES
    for path, operation in operations(document):
        _complete_operation(path, operation)
    document["webhooks"] = _webhooks()
    components["responses"] = _responses()
    for unused in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(unused, None)
    document = _with_plain_names(document)
    for name, example in examples.BODIES.items():
        document["components"]["schemas"][name].setdefault("examples", [example])
    return document


def operations(document: Document) -> Iterator[tuple[str, Document]]:
    """Each operation with its path."""
    for path, item in document["paths"].items():
        yield from ((path, call) for method, call in item.items() if method in _METHODS)


def _complete_operation(path: str, operation: Document) -> None:
    name = operation["operationId"]
    operation["summary"] = texts.SUMMARIES.get(name, operation.get("summary", name))
    if name in texts.DESCRIPTIONS:
        operation["description"] = texts.DESCRIPTIONS[name]
    for parameter in operation.get("parameters", ()):
        _complete_parameter(name, parameter)
    responses = operation["responses"]
    if "HTTPValidationError" in str(responses.get("422")):
        del responses["422"]  # here bad input is a 400, and its shape is ours
    for code, response in responses.items():
        if response.get("description") in (None, "", "Successful Response"):
            response["description"] = texts.RESPONSES.get(code, "The answer")
    if path.startswith(AMP_PATH):
        operation["responses"] = _amp_responses(responses)
        return
    if path in _WITHOUT_TOKEN:
        operation["security"] = [{}]
    for code in _common_errors(path, operation):
        responses[code] = {"$ref": f"#/components/responses/Problem{code}"}
    operation["responses"] = dict(sorted(responses.items()))


def _amp_responses(responses: Document) -> Document:
    """The errors as AMP shapes them, also those of the middlewares."""
    schema = {"$ref": f"#/components/schemas/{AmpErrorBody.__name__}"}
    errors = {code for code in responses if code >= "400"} | {"400", "403", "414", "431"}
    shaped = {
        code: {
            "description": texts.PROBLEMS[code][0] if code in texts.PROBLEMS else "Wrong input",
            "content": {"application/json": {"schema": schema}},
        }
        for code in errors
    }
    return dict(sorted({**responses, **shaped}.items()))


def _common_errors(path: str, operation: Document) -> list[str]:
    """The errors that the middlewares answer, whatever the route is."""
    always = ["403", "414", "431"]
    if path not in _WITHOUT_TOKEN:
        always += ["401", "429"]
    if "requestBody" in operation or operation.get("parameters"):
        always += ["400"]
    if "requestBody" in operation:
        always += ["413"]
    return [*{*always, *_of_writing(operation), "503"} - {*_own(operation)}]


def _of_writing(operation: Document) -> list[str]:
    takes_key = any(p["name"].lower() == "idempotency-key" for p in operation.get("parameters", ()))
    return ["409", "415"] if takes_key or "requestBody" in operation else []


def _own(operation: Document) -> set[str]:
    """The errors that the route describes with more than a reference to ProblemBody."""
    return {
        code
        for code, response in operation["responses"].items()
        if code >= "400" and MEDIA_TYPE not in response.get("content", {MEDIA_TYPE: {}})
    }


def _complete_parameter(operation: str, parameter: Document) -> None:
    name = parameter["name"].lower()
    schema = parameter.get("schema", {})
    text = parameter.get("description") or schema.get("description") or texts.PARAMETERS.get(name)
    if text is not None:
        parameter["description"] = text
    example = examples.PARAMETERS.get(f"{operation}.{name}", examples.PARAMETERS.get(name))
    if example is not None and "example" not in parameter and "examples" not in parameter:
        parameter["example"] = example


def _responses() -> Document:
    schema = {"$ref": f"#/components/schemas/{ProblemBody.__name__}"}
    responses: Document = {}
    for code, (description, detail) in texts.PROBLEMS.items():
        example = problem_body(int(code), detail).model_dump()
        response: Document = {
            "description": description,
            "content": {MEDIA_TYPE: {"schema": schema, "example": example}},
        }
        if code in texts.HEADERS:
            name, text = texts.HEADERS[code]
            response["headers"] = {name: {"description": text, "schema": {"type": "string"}}}
        responses[f"Problem{code}"] = response
    return responses


def _webhooks() -> Document:
    schema = {
        "type": "object",
        "required": ["type", "timestamp", "data"],
        "properties": {
            "type": {"type": "string"},
            "timestamp": {"type": "string", "format": "date-time"},
            "data": {"type": "object", "required": ["execution_id", "status"]},
        },
    }
    headers = [
        {
            "name": name,
            "in": "header",
            "required": True,
            "description": text,
            "schema": {"type": "string"},
        }
        for name, text in texts.WEBHOOK_HEADERS.items()
    ]
    body = {"schema": schema, "example": examples.WEBHOOK}
    call = {
        "operationId": "execution_event",
        "summary": "Something happened to an execution",
        "description": texts.WEBHOOK,
        "tags": ["webhooks"],
        "security": [{}],
        "parameters": headers,
        "requestBody": {"required": True, "content": {"application/json": body}},
        "responses": {"2XX": {"description": "Received. Any other answer is tried again."}},
    }
    return {"executionEvent": {"post": call}}


def _with_plain_names(document: Document) -> Document:
    """Give schemas that share a name with one of AMP's their own name, and AMP's `Amp` before."""

    def plain(match: re.Match[str]) -> str:
        return f"{'Amp' if match[1] else ''}{match[2]}"

    renamed: Document = json.loads(_CLASHING.sub(plain, json.dumps(document)))
    return renamed
