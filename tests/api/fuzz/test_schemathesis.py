"""Schemathesis reads the OpenAPI document and sends what fits it, and what does not."""

from __future__ import annotations

import os
from typing import Any

import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from bot.api.export_openapi import openapi
from tests.api.conftest import ADDRESS, Api, Service

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "3"))
"""For each call and mode; `make fuzz-api` tries 200."""

CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
HEADERS = {"Host": ADDRESS.removeprefix("http://")}


def test_every_answer_is_as_the_document_says(service: Service, api: Api) -> None:
    api.execute(crew="plan")
    service.run_phase()
    schema = schemathesis.openapi.from_dict(openapi())
    schema.app = service.api
    complaints = []
    results: Any = schema.get_all_operations()
    for operation in (result.ok() for result in results):
        if operation.path.endswith("/events"):  # a stream, which does not end
            continue
        for mode in GenerationMode:
            complaints += _complaints(operation, mode)

    assert not complaints, "\n\n".join(complaints)


def _complaints(operation: Any, mode: GenerationMode) -> list[str]:
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode))
    def check(case: Any) -> None:
        answer = case.call(base_url=ADDRESS, headers=HEADERS)
        case.validate_response(answer, checks=CHECKS)

    try:
        check()
    except Unsatisfiable:
        return []  # it takes nothing that could be wrong
    except schemathesis.errors.SchemathesisError as error:
        return [f"{operation.label}: {error}"]
    except BaseExceptionGroup as failures:
        return [f"{operation.label}: {failure}" for failure in failures.exceptions]
    return []
