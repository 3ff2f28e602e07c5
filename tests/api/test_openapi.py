"""The OpenAPI document is valid, and says of each call what a client has to know."""

from __future__ import annotations

import re
from typing import Any

import pytest
from fastapi.testclient import TestClient
from jsonschema import Draft202012Validator
from schemathesis.specs.openapi.definitions import OPENAPI_31

from bot.api.export_openapi import openapi
from bot.api.openapi.document import operations
from bot.api.problems import MEDIA_TYPE

DOCUMENT = openapi()
OPERATIONS = [
    pytest.param(path, call, id=call["operationId"]) for path, call in operations(DOCUMENT)
]


def resolved(schema: Any) -> dict[str, Any]:
    """The schema as one that stands alone."""
    return {"$ref": "#/it", "it": schema, "components": DOCUMENT["components"]}


def test_the_document_is_valid_openapi_3_1() -> None:
    Draft202012Validator(OPENAPI_31).validate(DOCUMENT)


def test_the_document_is_the_one_that_the_server_gives(client: TestClient) -> None:
    served = client.get("/openapi.json").json()

    assert served["paths"].keys() == DOCUMENT["paths"].keys()


def test_operation_ids_are_names_that_a_client_can_use_as_methods() -> None:
    names = [call["operationId"] for _, call in operations(DOCUMENT)]

    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", name) for name in names)


@pytest.mark.parametrize(("path", "call"), OPERATIONS)
def test_each_call_has_words_and_examples(path: str, call: dict[str, Any]) -> None:
    assert call["summary"]
    assert call["description"]
    assert call["tags"]
    for parameter in call.get("parameters", []):
        assert parameter["description"], parameter["name"]
        example = parameter.get("example", parameter.get("examples"))
        assert example is not None, parameter["name"]
        Draft202012Validator(resolved(parameter["schema"])).validate(example)
    problems = [code for code in call["responses"] if code >= "400"]
    assert {"401", "403", "503"} <= {*problems} or not path.startswith("/api/e")
    assert all(
        response.get("description", "$ref" in response) for response in call["responses"].values()
    )


@pytest.mark.parametrize(
    "name", [n for n, s in DOCUMENT["components"]["schemas"].items() if "examples" in s]
)
def test_the_examples_of_bodies_fit_their_schemas(name: str) -> None:
    schema = DOCUMENT["components"]["schemas"][name]

    for example in schema["examples"]:
        Draft202012Validator(resolved(schema)).validate(example)


def test_errors_of_the_api_are_problems() -> None:
    for name, response in DOCUMENT["components"]["responses"].items():
        (kind,) = response["content"]
        assert kind == MEDIA_TYPE, name


def test_the_pages_load_nothing_from_elsewhere(client: TestClient) -> None:
    for path in ("/docs", "/redoc"):
        page = client.get(path)
        assert page.status_code == 200
        assert "http" not in re.sub(r"http-equiv", "", page.text)
        assert "default-src 'none'" in page.headers["content-security-policy"]
        for asset in re.findall(r'(?:src|href)="(/docs/[^"]+)"', page.text):
            assert client.get(asset).status_code == 200, asset
    assert client.get("/docs/assets/core.py").status_code == 404
    assert b"cdn.redoc" not in client.get("/docs/assets/redoc.standalone.js").content
