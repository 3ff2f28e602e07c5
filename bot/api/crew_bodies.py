"""What REST tells about crews: their phases, their pauses, and a JSON Schema of their inputs."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel

from storage.crew_inputs import is_required, known_inputs, open_inputs, taker_of
from storage.definitions import CrewDefinition, CrewInput, CrewKind, CrewReport, InputType

_SCHEMA: Final = "https://json-schema.org/draft/2020-12/schema"

_TYPES: Final[dict[InputType, dict[str, Any]]] = {
    InputType.TEXT: {"type": "string"},
    InputType.NUMBER: {"type": "number"},
    InputType.YES_NO: {"type": "boolean"},
    InputType.CHOICE: {"type": "string"},
    InputType.DATE: {"type": "string", "format": "date"},
    InputType.JSON: {"type": ["object", "array"]},
}


class CrewBody(BaseModel):
    """A crew. `inputs` is a JSON Schema of the `inputs` that execute takes; `problem` says why the
    crew cannot be started. `kind` is null until the crew has been examined."""

    name: str
    description: str
    kind: str | None
    phases: list[str]
    pauses: list[str]
    inputs: dict[str, Any]
    problem: str | None


class CrewsBody(BaseModel):
    items: list[CrewBody]
    next: str | None


def crew(definition: CrewDefinition, report: CrewReport | None, now: datetime) -> CrewBody:
    examination = None if report is None else report.examination
    phases = [phase.name for phase in definition.phases]
    is_program = definition.kind is CrewKind.COMMAND
    return CrewBody(
        name=definition.name,
        description=definition.description,
        kind=(examination and examination.kind) or ("program" if is_program else None),
        phases=phases or ([] if report is None else [*report.phases]),
        pauses=_pauses(definition, report),
        inputs=_schema(definition, report, now),
        problem=None if report is None else report.problem,
    )


def _pauses(definition: CrewDefinition, report: CrewReport | None) -> list[str]:
    """Where a person is asked: as examined or, before that, as crews.yml says."""
    if report is not None and report.examination.pauses:
        return [*report.examination.pauses]
    checkpoints = (*definition.checkpoints, *definition.gates)
    return list(dict.fromkeys([*(c.name for c in checkpoints), *definition.approve_tools]))


def _schema(definition: CrewDefinition, report: CrewReport | None, now: datetime) -> dict[str, Any]:
    known = known_inputs(definition, None if report is None else report.examination)
    asked = open_inputs(known, now)
    taker = taker_of(asked)
    schema: dict[str, Any] = {
        "$schema": _SCHEMA,
        "type": "object",
        "properties": {each.name: _property(each, takes=each is taker) for each in asked},
        "required": [each.name for each in asked if is_required(each)],
        "additionalProperties": known.takes_any,
    }
    return schema


def _property(crew_input: CrewInput, *, takes: bool) -> dict[str, Any]:
    schema: dict[str, Any] = dict(_TYPES[crew_input.type])
    if crew_input.label:
        schema["title"] = crew_input.label
    if crew_input.choices:
        schema["enum"] = [*crew_input.choices]
    if crew_input.default is not None:
        schema["default"] = crew_input.default
    if takes:
        schema["description"] = "Takes `message` if it is not given by name."
    return schema
