"""A valid instance of a JSON schema, drafted: for prompts that ask for JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crew_runner.models.drafter.label import LABEL

Schema = Mapping[str, Any]

_DEPTH = 12


def instance(schema: Schema, text: str) -> Any:
    """An instance of `schema` whose free strings hold `text`, labelled as a draft.

    Known: type (also as a list), properties, required, items, enum, const, anyOf, oneOf, allOf,
    $ref into $defs or definitions, bounds of numbers, lengths, and formats of dates and addresses.
    """
    return _Maker(schema, text).make(schema, name="", depth=0)


class _Maker:
    def __init__(self, root: Schema, text: str) -> None:
        self.root = root
        self.text = text

    def make(self, schema: Schema, *, name: str, depth: int) -> Any:
        schema = self.resolved(schema)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return self.among(schema["enum"])
        for key in ("anyOf", "oneOf"):
            if schema.get(key):
                return self.make(self.preferred(schema[key]), name=name, depth=depth)
        return self.of_kind(self.kind(schema), schema, name=name, depth=depth)

    def of_kind(self, kind: str, schema: Schema, *, name: str, depth: int) -> Any:
        made: Any
        match kind:
            case "object":
                made = self.object(schema, depth=depth)
            case "array":
                made = self.array(schema, name=name, depth=depth)
            case "integer" | "number":
                made = self.number(schema)
            case "boolean":
                made = True
            case "null":
                made = None
            case _:
                made = self.string(schema, name=name)
        return made

    def resolved(self, schema: Schema) -> Schema:
        """The schema with its reference followed and `allOf` merged."""
        for _ in range(_DEPTH):
            if "$ref" not in schema:
                break
            node: Any = self.root
            for part in str(schema["$ref"]).lstrip("#/").split("/"):
                node = node[part]
            schema = {**node, **{k: v for k, v in schema.items() if k != "$ref"}}
        if not schema.get("allOf"):
            return schema
        merged: dict[str, Any] = {k: v for k, v in schema.items() if k != "allOf"}
        for each in map(self.resolved, schema["allOf"]):
            properties = {**merged.get("properties", {}), **each.get("properties", {})}
            required = [*merged.get("required", []), *each.get("required", [])]
            merged = {**merged, **each, "properties": properties, "required": required}
        return merged

    def preferred(self, choices: list[Schema]) -> Schema:
        """The first choice that is not null; null only if nothing else is allowed."""
        return next((c for c in choices if self.kind(self.resolved(c)) != "null"), choices[0])

    def among(self, values: list[Any]) -> Any:
        """The allowed value that the end of the prompt mentions, else the first."""
        tail = self.text.casefold()
        mentioned = [v for v in values if isinstance(v, str) and v.casefold() in tail]
        return mentioned[0] if mentioned else values[0]

    @staticmethod
    def kind(schema: Schema) -> str:
        kind = schema.get("type")
        if isinstance(kind, list):
            kind = next((k for k in kind if k != "null"), "null")
        if kind is None:
            kind = (
                "object" if "properties" in schema else "array" if "items" in schema else "string"
            )
        return str(kind)

    def object(self, schema: Schema, *, depth: int) -> dict[str, Any]:
        properties: Mapping[str, Schema] = schema.get("properties", {})
        required = schema.get("required", list(properties))
        chosen = properties if depth < _DEPTH else {k: properties[k] for k in required}
        return {
            key: self.make(part, name=key, depth=depth + 1)
            for key, part in chosen.items()
            if depth < _DEPTH // 2 or key in required
        }

    def array(self, schema: Schema, *, name: str, depth: int) -> list[Any]:
        least = int(schema.get("minItems", 1 if depth < _DEPTH // 2 else 0))
        items: Schema = schema.get("items") or {}
        return [self.make(items, name=name, depth=depth + 1) for _ in range(least)]

    @staticmethod
    def number(schema: Schema) -> float:
        low = schema.get("minimum", schema.get("exclusiveMinimum"))
        high = schema.get("maximum", schema.get("exclusiveMaximum"))
        step = schema.get("multipleOf")
        value = 1.0
        if low is not None and high is not None:
            value = float(low) + (float(high) - float(low)) / 2
        elif low is not None:
            value = float(low) + 1
        elif high is not None:
            value = float(high) - 1
        if step:
            value = -(-value // float(step)) * float(step)
        return round(value) if schema.get("type") == "integer" or value.is_integer() else value

    def string(self, schema: Schema, *, name: str) -> str:
        fixed = {
            "date": "2030-01-01",
            "date-time": "2030-01-01T00:00:00Z",
            "time": "12:00:00",
            "email": "draft@example.com",
            "uri": "https://example.com/draft",
            "uuid": "00000000-0000-4000-8000-000000000000",
        }.get(str(schema.get("format")))
        if fixed:
            return fixed
        about = f"{name.replace('_', ' ')}: " if name else ""
        text = f"{LABEL} – {about}{self.text}"
        text = text.ljust(int(schema.get("minLength", 0)), ".")
        most = schema.get("maxLength")
        return text[: int(most)] if most is not None else text
