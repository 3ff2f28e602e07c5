"""Finds crews and flows in Python files by reading them. Nothing is imported."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Final, TypeAlias

_SKIPPED: Final = frozenset({"venv", "env", "node_modules", "site-packages", "tests", "test"})
_MAX_FILES: Final = 400
_USUAL_NAMES: Final = ("crew.py", "flow.py", "main.py")
_STARTERS: Final = frozenset({"run", "kickoff", "main", "start"})

_Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


class Rank(IntEnum):
    """What was found, best first: a flow calls the crews beside it."""

    FLOW = 1
    CREW_CLASS = 2
    CREW_FUNCTION = 3
    CREW = 4
    STARTER = 5
    CLASS_WITH_CREW = 6


_WHAT: Final = {
    Rank.FLOW: "a flow",
    Rank.CREW_CLASS: "a @CrewBase class",
    Rank.CREW_FUNCTION: "a function that returns a crew",
    Rank.CREW: "a crew",
    Rank.STARTER: "a function that starts a crew",
    Rank.CLASS_WITH_CREW: "a class that makes a crew",
}


@dataclass(frozen=True, slots=True)
class Definition:
    """A crew or flow in a file: its `module:name`, and where it stands."""

    target: str
    rank: Rank
    file: str
    line: int

    @property
    def what(self) -> str:
        return _WHAT[self.rank]


@dataclass(frozen=True, slots=True)
class SourceSearch:
    """The definitions, best first, and the files that could not be read, each as a sentence."""

    definitions: tuple[Definition, ...]
    problems: tuple[str, ...]


def search(folder: Path) -> SourceSearch:
    """Search the usual files (crew.py, flow.py, main.py) and, if they have none, all others."""
    usual = list(_usual_files(folder))
    result = _search(folder, usual)
    if result.definitions or result.problems:
        return result
    known = set(usual)
    return _search(folder, [file for file in python_files(folder) if file not in known])


def crew_classes(file: Path) -> list[ast.ClassDef]:
    """The `@CrewBase` classes of a file; none if it cannot be read."""
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError):
        return []
    return [
        node
        for node in tree.body
        if isinstance(node, ast.ClassDef) and _rank_of_class(node, set()) is Rank.CREW_CLASS
    ]


def _search(folder: Path, files: Iterable[Path]) -> SourceSearch:
    definitions: list[Definition] = []
    problems: list[str] = []
    for file in files:
        shown = file.relative_to(folder).as_posix()
        try:
            tree = ast.parse(file.read_text(encoding="utf-8"))
        except SyntaxError as error:
            problems.append(f"{shown}, line {error.lineno}: {error.msg}.")
            continue
        except (OSError, ValueError) as error:
            problems.append(f"{shown} cannot be read: {error}.")
            continue
        module = _module_name(file.relative_to(folder))
        definitions += [
            Definition(f"{module}:{name}", rank, shown, line)
            for name, rank, line in _definitions(tree)
        ]
    return SourceSearch(tuple(sorted(definitions, key=lambda each: each.rank)), tuple(problems))


def _usual_files(folder: Path) -> Iterator[Path]:
    packages = [*sorted((folder / "src").glob("*/")), folder, *sorted(folder.glob("*/"))]
    packages = [each for each in packages if each == folder or not _is_skipped(each)]
    for name in _USUAL_NAMES:
        yield from (each / name for each in packages if (each / name).is_file())


def python_files(folder: Path) -> Iterator[Path]:
    """The project's own files, without those of environments and tests."""
    count = 0
    folders = [folder]
    while folders and count < _MAX_FILES:
        here = folders.pop(0)
        for each in sorted(here.iterdir()):
            if each.is_dir() and not each.is_symlink() and not _is_skipped(each):
                folders.append(each)
            elif each.suffix == ".py" and each.is_file():
                count += 1
                yield each


def _is_skipped(folder: Path) -> bool:
    return (
        folder.name.startswith((".", "__"))
        or folder.name in _SKIPPED
        or ((folder / "pyvenv.cfg").exists())
    )


def _module_name(file: Path) -> str:
    parts = file.with_suffix("").parts
    parts = parts[1:] if parts[0] == "src" and len(parts) > 1 else parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


# --- one file -------------------------------------------------------------------------------


def _definitions(tree: ast.Module) -> Iterator[tuple[str, Rank, int]]:
    flows = _flow_classes(tree)
    for node in tree.body:
        match node:
            case ast.ClassDef(name=name, lineno=line):
                rank = _rank_of_class(node, flows)
                if rank is not None:
                    yield name, rank, line
            case (
                ast.FunctionDef(name=name, lineno=line)
                | ast.AsyncFunctionDef(name=name, lineno=line)
            ):
                if not name.startswith("_") and _returns_crew(node):
                    yield name, Rank.CREW_FUNCTION, line
                elif name in _STARTERS and _calls(node, "kickoff", "kickoff_async"):
                    yield name, Rank.STARTER, line
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call() as call, lineno=line):
                if _name(call.func) == "Crew":
                    yield name, Rank.CREW, line
            case _:
                continue


def _flow_classes(tree: ast.Module) -> set[str]:
    """The subclasses of Flow, without those from which others in the file derive."""
    flows: set[str] = set()
    bases: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            of_class = {_name(base) for base in node.bases}
            if of_class & {"Flow", *flows}:
                flows.add(node.name)
                bases |= of_class
    return flows - bases


def _rank_of_class(node: ast.ClassDef, flows: set[str]) -> Rank | None:
    if node.name in flows:
        return Rank.FLOW
    if any(_name(decorator) == "CrewBase" for decorator in node.decorator_list):
        return Rank.CREW_CLASS
    if any(_name(base) == "Flow" for base in node.bases):
        return None
    return Rank.CLASS_WITH_CREW if _calls(node, "Crew") else None


def _returns_crew(function: _Function) -> bool:
    if function.returns is not None and _name(function.returns) == "Crew":
        return True
    return any(
        isinstance(node, ast.Return)
        and isinstance(node.value, ast.Call)
        and _name(node.value.func) == "Crew"
        for node in ast.walk(function)
    )


def _calls(node: ast.AST, *names: str) -> bool:
    return any(isinstance(each, ast.Call) and _name(each.func) in names for each in ast.walk(node))


def _name(node: ast.expr) -> str:
    """The last part of a name: `crewai.Flow[State]`, `"Flow"` and `Flow()` are all `Flow`."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(value=value) | ast.Call(func=value):
            return _name(value)
        case ast.Constant(value=str(text)):
            return text.rpartition(".")[2]
        case _:
            return ""
