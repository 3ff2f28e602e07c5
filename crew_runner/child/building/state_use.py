"""Reads the source of a flow for what it does with its state and its trigger payload.

The state of a flow holds inputs and results. A field that the flow sets itself is a result, unless
a start method reads it first.
"""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

_PAYLOAD: Final = "crewai_trigger_payload"
_NEVER: Final = sys.maxsize
_NOT_OWN: Final = frozenset({"abc", "builtins", "collections", "crewai", "pydantic", "typing"})
_CHANGES: Final = frozenset(
    {"append", "add", "clear", "extend", "insert", "pop", "remove", "setdefault", "update"}
)


@dataclass(slots=True)
class StateUse:
    """What the methods of a flow do. `payload`: the keys that a start method reads, with defaults.

    `readable` is False if there is no source. `passed_on`: the state is used as a whole, so a field
    may be read that the source does not name.
    """

    readable: bool = False
    passed_on: bool = False
    takes_payload: bool = False
    read: set[str] = field(default_factory=set)
    set_by_flow: set[str] = field(default_factory=set)
    read_at_start: list[str] = field(default_factory=list)
    payload: dict[str, Any] = field(default_factory=dict)
    defaults: dict[str, Any] = field(default_factory=dict)

    def is_input(self, name: str) -> bool:
        """Whether the field may be meant to be given from outside."""
        if not self.readable or name in self.read_at_start:
            return True
        return name not in self.set_by_flow and (self.passed_on or name in self.read)


def state_use(flow: type, start_methods: Collection[str]) -> StateUse:
    """What the source of the flow's own classes says."""
    use = StateUse()
    own = [each for each in flow.__mro__ if each.__module__.partition(".")[0] not in _NOT_OWN]
    try:
        trees = [ast.parse(textwrap.dedent(inspect.getsource(each))) for each in own]
    except (OSError, TypeError, SyntaxError):
        return use
    use.readable = bool(trees)
    for tree in trees:
        for method in ast.walk(tree):
            if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef):
                _read_method(method, use, is_start=method.name in start_methods)
    return use


def _read_method(
    method: ast.FunctionDef | ast.AsyncFunctionDef, use: StateUse, *, is_start: bool
) -> None:
    reads: dict[str, int] = {}
    sets: dict[str, int] = {}
    whole = 0
    for node in ast.walk(method):
        whole += _is_state(node)
        name, is_set, default = _access(node)
        if name is None:
            continue
        whole -= 1
        lines = sets if is_set else reads
        lines[name] = min(getattr(node, "lineno", 0), lines.get(name, _NEVER))
        if default is not None:
            use.defaults[name] = default
    for node in ast.walk(method):
        name = _changed_field(node)
        if name is not None:
            sets[name] = min(getattr(node, "lineno", 0), sets.get(name, _NEVER))
    use.passed_on |= whole > 0
    use.read |= reads.keys()
    use.set_by_flow |= sets.keys()
    if is_start:
        first = sorted(reads, key=lambda name: reads[name])
        use.read_at_start += [n for n in first if reads[n] <= sets.get(n, _NEVER)]
        if any(argument.arg == _PAYLOAD for argument in _arguments(method)):
            use.takes_payload = True
            use.payload.update(_payload_keys(method))


def _arguments(method: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.arg]:
    yield from (*method.args.posonlyargs, *method.args.args, *method.args.kwonlyargs)


def _is_state(node: ast.AST) -> bool:
    """`self.state`"""
    return (
        isinstance(node, ast.Attribute)
        and node.attr == "state"
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    )


def _access(node: ast.AST) -> tuple[str | None, bool, Any]:
    """The field that the node reads or sets, whether it sets it, and the default it reads with."""
    if isinstance(node, ast.Attribute) and _is_state(node.value):
        if node.attr in ("get", "model_dump", "model_copy", "items", "keys", "values"):
            return None, False, None
        return node.attr, not isinstance(node.ctx, ast.Load), None
    if isinstance(node, ast.Subscript) and _is_state(node.value):
        name = _text(node.slice)
        return name, not isinstance(node.ctx, ast.Load), None
    call = _get_call(node)
    if call is not None and isinstance(call.func, ast.Attribute) and _is_state(call.func.value):
        return _text(call.args[0]), False, _default_of(call)
    return None, False, None


def _changed_field(node: ast.AST) -> str | None:
    """The field whose value the node changes: `self.state.list.append(…)`, `self.state.d[k] = …`"""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr in _CHANGES:
            return _access(node.func.value)[0]
    elif isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
        return _access(node.value)[0]
    return None


def _payload_keys(method: ast.AST) -> dict[str, Any]:
    keys: dict[str, Any] = {}
    for node in ast.walk(method):
        call = _get_call(node)
        if call is not None and isinstance(call.func, ast.Attribute):
            name = _text(call.args[0]) if _is_payload(call.func.value) else None
            default = _default_of(call)
        elif isinstance(node, ast.Subscript) and _is_payload(node.value):
            name, default = _text(node.slice), None
        else:
            continue
        if name is not None and keys.get(name) is None:
            keys[name] = default
    return keys


def _is_payload(node: ast.AST) -> bool:
    """The payload, also as `(crewai_trigger_payload or {})`."""
    if isinstance(node, ast.BoolOp):
        return any(map(_is_payload, node.values))
    return isinstance(node, ast.Name) and node.id == _PAYLOAD


def _get_call(node: ast.AST) -> ast.Call | None:
    is_get = (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "get"
        and bool(node.args)
    )
    return node if is_get and isinstance(node, ast.Call) else None


def _text(node: ast.AST) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return None


def _default_of(call: ast.Call) -> Any:
    if len(call.args) < 2:
        return None
    try:
        return ast.literal_eval(call.args[1])
    except ValueError:
        return None
