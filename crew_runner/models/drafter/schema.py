"""A valid instance of a JSON schema, drafted: for prompts that ask for JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from crew_runner.models.drafter.label import LABEL

Schema = Mapping[str, Any]

_DEPTH: Final = 6
"""Below this depth, objects get only their required properties and lists are empty."""

_FORMATS: Final = {
    "date": "2030-01-01",
    "date-time": "2030-01-01T00:00:00Z",
    "time": "12:00:00",
    "email": "draft@example.com",
    "uri": "https://example.com/draft",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def instance(schema: Schema, text: str) -> Any:
    """An instance of `schema` whose free strings hold `text`, labelled as a draft.

    Known: what Pydantic writes for types, lists, enumerations, unions, references, bounds of
    numbers, lengths, and formats of dates and addresses.
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
        if choices := schema.get("anyOf") or schema.get("oneOf"):
            possible = (choice for choice in choices if choice.get("type") != "null")
            return self.make(next(possible, choices[0]), name=name, depth=depth)
        return self.of_kind(schema, name=name, depth=depth)

    def of_kind(self, schema: Schema, *, name: str, depth: int) -> Any:
        kind = schema.get("type", "object" if "properties" in schema else "string")
        match kind[0] if isinstance(kind, list) else kind:
            case "object":
                return self.object(schema, depth=depth)
            case "array":
                least = int(schema.get("minItems", 1 if depth < _DEPTH else 0))
                items: Schema = schema.get("items") or {}
                return [self.make(items, name=name, depth=depth + 1) for _ in range(least)]
            case "integer" | "number":
                return _number(schema)
            case "boolean":
                return True
            case "null":
                return None
            case _:
                return self.string(schema, name=name)

    def resolved(self, schema: Schema) -> Schema:
        """The schema with its reference followed."""
        while "$ref" in schema:
            node: Any = self.root
            for part in str(schema["$ref"]).lstrip("#/").split("/"):
                node = node[part]
            schema = {**node, **{k: v for k, v in schema.items() if k != "$ref"}}
        return schema

    def among(self, values: list[Any]) -> Any:
        """The allowed value that the text mentions, else the first."""
        tail = self.text.casefold()
        mentioned = (v for v in values if isinstance(v, str) and v.casefold() in tail)
        return next(mentioned, values[0])

    def object(self, schema: Schema, *, depth: int) -> dict[str, Any]:
        properties: Mapping[str, Schema] = schema.get("properties", {})
        required = schema.get("required", [])
        return {
            key: self.make(part, name=key, depth=depth + 1)
            for key, part in properties.items()
            if depth < _DEPTH or key in required
        }

    def string(self, schema: Schema, *, name: str) -> str:
        if fixed := _FORMATS.get(str(schema.get("format"))):
            return fixed
        about = f"{name.replace('_', ' ')}: " if name else ""
        text = f"{LABEL} – {about}{self.text}".ljust(int(schema.get("minLength", 0)), ".")
        return text[: int(schema.get("maxLength", len(text)))]


def _number(schema: Schema) -> float:
    """A number between the bounds."""
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    if low is None:
        low = 0 if high is None else high - 2
    middle = float(low + (low + 2 if high is None else high)) / 2
    return round(middle) if schema.get("type") == "integer" or middle.is_integer() else middle
