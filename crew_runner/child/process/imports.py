"""What building a project imports, and how a fork server imports it once for all children.

A child reports the modules that it had to import, and the project's next fork server imports them
before it forks. Left to the children are packages that start threads, because a process with
threads must not be forked, and those whose import depends on variables that only a child has.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final, NoReturn

from ..messages import ProjectImports

_MAX_SKIPPED: Final = 5
"""After so many packages that cannot be imported in advance, none is."""

_TASKS: Final = Path("/proc/self/task")


@dataclass(frozen=True)
class Plan:
    """The modules to import before forking. `skipped` are packages that are left to children."""

    imports: ProjectImports
    skipped: tuple[str, ...] = ()

    def write(self, file: Path) -> None:
        file.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, file: Path) -> Plan:
        values = json.loads(file.read_text())
        imports = values["imports"]
        return cls(
            ProjectImports(
                packages=tuple(imports["packages"]),
                own=tuple(imports["own"]),
                path=tuple(imports["path"]),
                dependent=tuple(imports["dependent"]),
            ),
            tuple(values["skipped"]),
        )


def import_planned(file: Path) -> None:
    """Import the modules of the plan in `file`. Errors are left to the children.

    Does not return if a module cannot be shared: the process then starts over without it.
    """
    plan = Plan.read(file)
    threads = _thread_count()
    dependent = tuple(name for name in plan.imports.dependent if name not in sys.modules)
    for name in plan.imports.packages:
        if package_of(name) in plan.skipped:
            continue
        _import(name)
        if _thread_count() > threads or _imported(dependent):
            _start_over(replace(plan, skipped=(*plan.skipped, package_of(name))), file)
    own_is_safe = not plan.imports.own or _import_own(plan.imports, threads)
    if not own_is_safe or _imported(dependent):
        _start_over(replace(plan, imports=replace(plan.imports, own=())), file)


def package_of(module: str) -> str:
    return module.partition(".")[0]


def _imported(packages: tuple[str, ...]) -> bool:
    return any(package in sys.modules for package in packages)


def _import_own(imports: ProjectImports, threads: int) -> bool:
    """Import the project's modules; whether that only defined things."""
    path = list(sys.path)
    sys.path[:0] = imports.path
    try:
        with _nothing_runs():
            for name in imports.own:
                _import(name)
    except _HasRun:
        return False
    finally:
        sys.path[:] = path
    return _thread_count() <= threads


def _import(name: str) -> None:
    with suppress(Exception, SystemExit):
        importlib.import_module(name)


class _HasRun(BaseException):
    """A module kicks a crew off while it is imported."""


@contextmanager
def _nothing_runs() -> Iterator[None]:
    """Make every kickoff raise _HasRun."""
    from crewai import Agent, Crew, Flow

    def refuse(*_arguments: object, **_named: object) -> NoReturn:
        raise _HasRun

    replaced = [
        (owner, name, method)
        for owner in (Agent, Crew, Flow)
        for name, method in list(vars(owner).items())
        if "kickoff" in name and callable(method)
    ]
    for owner, name, _method in replaced:
        setattr(owner, name, refuse)
    try:
        yield
    finally:
        for owner, name, method in replaced:
            setattr(owner, name, method)


def _start_over(plan: Plan, file: Path) -> NoReturn:
    """Replace this process by a new fork server with this plan."""
    if len(plan.skipped) > _MAX_SKIPPED:
        plan = Plan(ProjectImports())
    plan.write(file)
    signal.signal(signal.SIGIO, signal.SIG_IGN)  # until the new program handles it
    os.execv(sys.executable, [sys.executable, *sys.argv])  # noqa: S606 this program


def _thread_count() -> int:
    """The threads that a fork does not end by itself.

    Libraries that support forks, such as OpenBLAS, stop their threads before one, so it is tried.
    """
    if threading.active_count() > 1 or not _TASKS.exists():
        return threading.active_count()
    if len(os.listdir(_TASKS)) > 1:
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
    return len(os.listdir(_TASKS))
