"""Reading a YAML file by pydantic models, with problems in words: where, what, and what is allowed.

Nothing here knows what the file is about.
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

_NO_MAPPING: Final = "has to be a mapping of keys to values, not {}"


class BadFile(Exception):
    """The file cannot be used. The message names the file and key of every problem."""

    def __init__(self, path: Path, problems: Iterable[str]) -> None:
        super().__init__("\n".join(f"{path}: {problem}" for problem in problems))


# --- models, and the words for what they refuse ---------------------------------------------


class Entry(BaseModel):
    """A mapping of the file, where an empty value counts as no value."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def problems(self) -> Iterator[tuple[KeyPath, str]]:
        """What is wrong with keys that are right each by itself: the path to one, and words."""
        yield from ()

    @model_validator(mode="before")
    @classmethod
    def _name_the_known_keys(cls, value: object) -> object:
        """An unknown key is refused with the keys that are known here: as its value."""
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
            InitErrorDetails(type=PydanticCustomError("problem", words), loc=path, input=None)
            for path, words in self.problems()
        ]
        if problems:
            raise ValidationError.from_exception_data(type(self).__name__, problems)
        return self


def refused_as(words: Callable[[Any], str]) -> WrapValidator:
    """Say `words(value)` in place of pydantic's own words."""

    def validate(value: object, inner: ValidatorFunctionWrapHandler) -> object:
        try:
            return inner(value)
        except ValidationError:
            raise ValueError(words(value)) from None

    return WrapValidator(validate)


def must_be(what: str) -> WrapValidator:
    return refused_as(lambda value: f"has to be {what}, not {kind(value)}")


def needs(what: str) -> WrapValidator:
    return refused_as(lambda value: f"{value!r} is not allowed: {what} is needed")


def one_of(choices: Iterable[str]) -> WrapValidator:
    allowed = [str(choice) for choice in choices]

    def words(value: object) -> str:
        hint = _did_you_mean(str(value), allowed, "; {}")
        return f"{value!r} is not allowed: one of {', '.join(allowed)} is needed{hint}"

    return refused_as(words)


def list_of(what: str, *, empty: str | None = None) -> BeforeValidator:
    """A list, whose items are judged one by one. `empty`: why an empty one is refused."""

    def validate(value: object) -> object:
        if not isinstance(value, list):
            raise ValueError(f"has to be a list of {what}, not {kind(value)}")
        if not value and empty is not None:
            raise ValueError(f"is empty: {empty}")
        return value

    return BeforeValidator(validate)


def kind(value: object) -> str:
    """What a value is, in YAML's words."""
    if value is None or value == "":
        return "nothing" if value is None else "an empty text"
    if isinstance(value, bool):
        return f"{str(value).lower()} (a yes or no)"
    if isinstance(value, str):
        return f"the text {value!r}"
    if isinstance(value, int | float):
        return f"the number {value}"
    return {"list": "a list", "dict": "a mapping"}.get(name := type(value).__name__, f"a {name}")


# --- reading --------------------------------------------------------------------------------


def read(path: Path, model: type[E]) -> E:
    """The file as its model. Raises BadFile with all that is wrong."""
    try:
        return model.model_validate(_load(path))
    except ValidationError as error:
        raise BadFile(path, [_problem(each) for each in error.errors()]) from None


def _problem(error: ErrorDetails) -> str:
    loc, value = error["loc"], error["input"]
    path = loc[:-1] if loc[-1:] == ("[key]",) else loc
    words = error["msg"].removeprefix("Value error, ")
    match error["type"]:
        case "missing":
            words = "is missing"
        case "dict_type":
            words = _NO_MAPPING.format(kind(value))
        case "invalid_key" | "string_type":  # of a key: values have words of their own
            path, key = path[:-1], path[-1]
            words = f"the key {key!r} has to be a text: put it in quotes"
        case "extra_forbidden":
            hint = _did_you_mean(str(path[-1]), value, "{} ")
            words = f"is not a known key; {hint}{hint and ' '}Allowed here: {', '.join(value)}"
    at = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)
    return f"{at}: {words}".removeprefix(".") if at else words


def _did_you_mean(word: str, known: Sequence[str], hint: str) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    return hint.format(f"did you mean {near[0]!r}?") if near else ""


class _StrictLoader(yaml.SafeLoader):
    """YAML in which a duplicate key is an error: the second would hide the first."""


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
        words = "the file does not exist"
    except (OSError, UnicodeDecodeError) as error:
        words = f"cannot be read: {error}"
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        words = f"{where}{error.problem}"
    except (yaml.YAMLError, TypeError) as error:
        words = f"is not valid YAML: {error}"
    raise BadFile(path, [words])
