"""Reads a YAML file into pydantic models; errors name the key, the problem and what is allowed.

It knows nothing about the content of the file.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self, TypeAlias, TypeVar

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

E = TypeVar("E", bound="Entry")

KeyPath: TypeAlias = tuple[int | str, ...]

_NO_MAPPING: Final = "must be a mapping of keys to values, not {}"


class BadFile(Exception):
    """The file cannot be used. The message names the file and key of every problem."""

    def __init__(self, path: Path, problems: Iterable[str]) -> None:
        super().__init__("\n".join(f"{path}: {problem}" for problem in problems))


# --- models, and their error messages -------------------------------------------------------


class Entry(BaseModel):
    """A mapping in the file. A key with an empty value counts as missing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def problems(self) -> Iterator[tuple[KeyPath, str]]:
        """Problems with keys that are each valid by themselves: a path and a message."""
        yield from ()

    @model_validator(mode="before")
    @classmethod
    def _name_the_known_keys(cls, value: object) -> object:
        """Replace the value of an unknown key by the known keys, for its error message."""
        if not isinstance(value, dict):
            raise ValueError(_NO_MAPPING.format(kind(value)))
        known = tuple(cls.model_fields)
        return {
            key: each if key in known else known
            for key, each in value.items()
            if each is not None or key not in known
        }

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        problems = [
            InitErrorDetails(type=PydanticCustomError("problem", message), loc=path, input=None)
            for path, message in self.problems()
        ]
        if problems:
            raise ValidationError.from_exception_data(type(self).__name__, problems)
        return self


def fails_with(message: Callable[[Any], str]) -> WrapValidator:
    """Replace pydantic's error message by `message(value)`."""

    def validate(value: object, inner: ValidatorFunctionWrapHandler) -> object:
        try:
            return inner(value)
        except ValidationError:
            raise ValueError(message(value)) from None

    return WrapValidator(validate)


def must_be(what: str) -> WrapValidator:
    return fails_with(lambda value: f"must be {what}, not {kind(value)}")


def expects(what: str) -> WrapValidator:
    return fails_with(lambda value: f"{value!r} is not allowed: expected {what}")


def one_of(choices: Iterable[str]) -> WrapValidator:
    allowed = [str(choice) for choice in choices]

    def message(value: object) -> str:
        hint = _did_you_mean(str(value), allowed, "; {}")
        return f"{value!r} is not allowed: expected one of {', '.join(allowed)}{hint}"

    return fails_with(message)


def list_of(what: str, *, empty: str | None = None) -> BeforeValidator:
    """Require a list. `empty`: the error message for an empty one; None allows it."""

    def validate(value: object) -> object:
        if not isinstance(value, list):
            raise ValueError(f"must be a list of {what}, not {kind(value)}")
        if not value and empty is not None:
            raise ValueError(f"is empty: {empty}")
        return value

    return BeforeValidator(validate)


def kind(value: object) -> str:
    """Describes a value in YAML's terms."""
    if value is None or value == "":
        return "nothing" if value is None else "empty text"
    if isinstance(value, bool):
        return f"{str(value).lower()} (a yes or no)"
    if isinstance(value, str):
        return f"the text {value!r}"
    if isinstance(value, int | float):
        return f"the number {value}"
    return {"list": "a list", "dict": "a mapping"}.get(name := type(value).__name__, f"a {name}")


# --- reading --------------------------------------------------------------------------------


def read(path: Path, model: type[E]) -> E:
    """The file as an instance of `model`. Raises BadFile with every problem."""
    try:
        return model.model_validate(_load(path))
    except ValidationError as error:
        raise BadFile(path, [_problem(each) for each in error.errors()]) from None


def _problem(error: ErrorDetails) -> str:
    loc, value = error["loc"], error["input"]
    path = loc[:-1] if loc[-1:] == ("[key]",) else loc
    message = error["msg"].removeprefix("Value error, ")
    match error["type"]:
        case "missing":
            message = "is missing"
        case "dict_type":
            message = _NO_MAPPING.format(kind(value))
        case "invalid_key" | "string_type":  # of a key; values have their own messages
            path, key = path[:-1], path[-1]
            message = f"the key {key!r} must be text: put it in quotes"
        case "extra_forbidden":
            hint = _did_you_mean(str(path[-1]), value, "{} ")
            message = f"is not a known key; {hint}{hint and ' '}Allowed here: {', '.join(value)}"
    at = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)
    return f"{at}: {message}".removeprefix(".") if at else message


def _did_you_mean(word: str, known: Sequence[str], hint: str) -> str:
    matches = difflib.get_close_matches(word, known, n=1)
    return hint.format(f"did you mean {matches[0]!r}?") if matches else ""


class _StrictLoader(yaml.SafeLoader):
    """Rejects duplicate keys, of which the second would silently replace the first."""


def _mapping(loader: _StrictLoader, node: yaml.MappingNode) -> Mapping[Any, Any]:
    loader.flatten_mapping(node)
    keys: set[object] = set()
    for key_node, _value in node.value:
        key = loader.construct_object(key_node, deep=True)
        if key in keys:
            raise yaml.constructor.ConstructorError(
                None, None, f"duplicate key {key!r}", key_node.start_mark
            )
        keys.add(key)
    return loader.construct_mapping(node, deep=True)


_StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def _load(path: Path) -> object:
    try:
        return yaml.load(path.read_text(encoding="utf-8"), _StrictLoader)  # noqa: S506 a SafeLoader
    except FileNotFoundError:
        message = "the file does not exist"
    except (OSError, UnicodeDecodeError) as error:
        message = f"cannot be read: {error}"
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        message = f"{where}{error.problem}"
    except (yaml.YAMLError, TypeError) as error:
        message = f"is not valid YAML: {error}"
    raise BadFile(path, [message])
