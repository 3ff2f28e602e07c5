"""Tells what code of a crew does not run because it follows the intercepted kickoff."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Collection, Iterable, Iterator
from types import CodeType, FrameType
from typing import Final, TypeAlias

_Block: TypeAlias = list[ast.stmt]

_HARMLESS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Pass, ast.Return)
_LOOPS: Final = (ast.For, ast.AsyncFor, ast.While)


def what_follows(frames: Iterable[FrameType], kickoffs: Collection[str]) -> str | None:
    """A sentence about the code after the current lines of these frames, or None.

    `kickoffs` are the names of methods that start a crew.
    """
    left_out = [each for frame in frames for each in _statements_after(frame)]
    names = [name for statement in left_out for name in _called(statement)]
    if any(name in kickoffs for name in names):
        return (
            "It starts another crew after that, or the same one again, which is left out. Make "
            "the crews the steps of a flow."
        )
    return "What its code does after that is left out." if names else None


def _statements_after(frame: FrameType) -> Iterator[ast.stmt]:
    """The statements of the frame's function that would run after its current line."""
    tree, first_line = _parsed(frame.f_code)
    if tree is None:
        return
    line = frame.f_lineno - first_line + 1
    block: _Block = tree.body
    if frame.f_code.co_name != "<module>" and isinstance(block[0], _HARMLESS[:2]):
        block = block[0].body
    while block:
        position = next((n for n, each in enumerate(block) if _contains(each, line)), None)
        if position is None:
            return
        current = block[position]
        yield from (each for each in block[position + 1 :] if not _is_harmless(each))
        if isinstance(current, _LOOPS):
            yield current
        block = _inner_block(current, line)


def _parsed(code: CodeType) -> tuple[ast.Module | None, int]:
    try:
        lines, first_line = inspect.getsourcelines(code)
        return ast.parse(textwrap.dedent("".join(lines))), max(first_line, 1)
    except (OSError, SyntaxError, IndexError):
        return None, 1


def _contains(statement: ast.stmt, line: int) -> bool:
    return statement.lineno <= line <= (statement.end_lineno or statement.lineno)


def _inner_block(statement: ast.stmt, line: int) -> _Block:
    """The statements below this one to which the line belongs."""
    for name in ("body", "orelse", "finalbody"):
        block = getattr(statement, name, [])
        if isinstance(block, list) and any(_contains(each, line) for each in block):
            return block
    return []


def _is_harmless(statement: ast.stmt) -> bool:
    """Whether leaving it out changes nothing: definitions, output, and guarded entry points."""
    if isinstance(statement, _HARMLESS):
        return True
    if isinstance(statement, ast.If) and "__name__" in ast.unparse(statement.test):
        return True
    return isinstance(statement, ast.Expr) and set(_called(statement)) <= {"print"}


def _called(statement: ast.stmt) -> Iterator[str]:
    for node in ast.walk(statement):
        if isinstance(node, ast.Call):
            yield str(getattr(node.func, "attr", None) or getattr(node.func, "id", ""))
