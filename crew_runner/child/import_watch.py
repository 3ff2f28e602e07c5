"""Learns what building a project's crew imports, and what of it all children can share.

Installed packages are shared unless their import depends on a variable that only the child has.
The project's own modules are shared if they are slow and only define things.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath
from types import FrameType, ModuleType
from typing import Any, Final

from .messages import Job, ProjectImports

SLOW_SECONDS: Final = 0.3
"""A project whose build takes more of a processor shares its own modules. Waiting does not count,
so a busy machine changes nothing."""

_UNSHARED: Final = frozenset({"_countersign", "__main__", "__mp_main__", "sitecustomize"})

_Environ: Any = type(os.environ)


class ImportWatch:
    """Notes what is imported while it is active. Belongs to one child."""

    def __init__(self, job: Job) -> None:
        self._folders = tuple({folder for folder in (job.project, job.origin) if folder})
        self._origin = job.origin
        self._project = job.project
        self._already = frozenset(sys.modules)
        self._variables = dict(os.environ)
        self._threads = threading.active_count()
        self._dependent: set[str] = set()
        self._own_is_apart = False
        self._seconds = 0.0

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Note the modules that import something else in a child than in the fork server."""
        began = time.process_time()
        os.environ.__class__ = _watched(self)
        try:
            yield
        finally:
            os.environ.__class__ = _Environ
            self._seconds = time.process_time() - began

    def keep_own_modules_apart(self) -> None:
        """Each child imports the project's modules anew, for example because one ran something."""
        self._own_is_apart = True

    def report(self) -> ProjectImports | None:
        """What the next fork server should import; None if there is nothing new."""
        new = [(name, module) for name, module in list(sys.modules.items()) if self._is_new(name)]
        own = [(name, module) for name, module in new if self._is_own(module)]
        own_names = {name for name, _module in own}
        dependent = sorted(
            {name.partition(".")[0] for name in self._dependent} - self._own_packages(own)
        )
        packages = [
            name
            for name, module in new
            if name not in own_names
            and getattr(module, "__spec__", None) is not None
            and name.partition(".")[0] not in dependent
        ]
        shared = own_names if self._can_share(own) else set[str]()
        if not packages and not shared:
            return None
        return ProjectImports(
            packages=tuple(packages),
            own=tuple(name for name, _module in own if name in shared),
            path=tuple(self._own_path()),
            dependent=tuple(dependent),
        )

    def _is_new(self, name: str) -> bool:
        return name not in self._already and name.partition(".")[0] not in _UNSHARED

    def _is_own(self, module: ModuleType) -> bool:
        file = getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", ())), "")
        return is_own(str(file), self._folders)

    def _own_packages(self, own: list[tuple[str, ModuleType]]) -> set[str]:
        return {name.partition(".")[0] for name, _module in own}

    def _can_share(self, own: list[tuple[str, ModuleType]]) -> bool:
        return (
            bool(own)
            and self._seconds > SLOW_SECONDS
            and not self._own_is_apart
            and not self._dependent & {name for name, _module in own}
            and threading.active_count() <= self._threads
            and all(self._only_defines(module) for _name, module in own)
        )

    def _only_defines(self, module: ModuleType) -> bool:
        """Whether the module holds nothing that belongs to one run or to one folder."""
        from crewai import Agent, Crew, Flow, Task
        from crewai.llms.base_llm import BaseLLM

        for value in list(vars(module).values()):
            if isinstance(value, Agent | BaseLLM | Crew | Flow | Task):
                return False
            if isinstance(value, list | tuple | set | frozenset) and any(map(self._is_path, value)):
                return False
            if isinstance(value, dict) and any(map(self._is_path, value.values())):
                return False
        return True

    def _is_path(self, value: object) -> bool:
        return isinstance(value, str | PurePath) and is_own(str(value), self._folders)

    def _own_path(self) -> Iterator[str]:
        """The entries of `sys.path` in the project, as they are in its own folder."""
        for entry in sys.path:
            if is_own(f"{entry}/", self._folders):
                yield moved(entry, self._project, self._origin)

    def note_read(self, name: str | None) -> None:
        """Called when a variable is read, or all of them if `name` is None."""
        if name is None:
            now = {each: _value(each) for each in _Environ.__iter__(os.environ)}
            differs = self._variables != now
        else:
            differs = self._variables.get(name) != _value(name)
        if differs:
            self._dependent.update(
                name
                for name in _importing(sys._getframe(2))
                if name.partition(".")[0] not in _UNSHARED
            )


def _value(name: str) -> str | None:
    try:
        value: str = _Environ.__getitem__(os.environ, name)
    except KeyError:
        return None
    return value


def _importing(frame: FrameType | None) -> Iterator[str]:
    """The modules whose bodies run: the one that reads, and those that import it."""
    while frame is not None:
        if frame.f_code.co_name == "<module>":
            yield str(frame.f_globals.get("__name__", ""))
        frame = frame.f_back


def _watched(watch: ImportWatch) -> Any:
    class Watched(_Environ):  # type: ignore[misc] # the class of os.environ has no public name
        def __getitem__(self, name: str) -> Any:
            watch.note_read(name)
            return super().__getitem__(name)

        def __iter__(self) -> Any:
            watch.note_read(None)
            return super().__iter__()

    return Watched


# --- paths ---------------------------------------------------------------------------------------


def is_own(file: str, folders: tuple[str, ...]) -> bool:
    """Whether a file belongs to the project and not to an environment inside it."""
    for folder in folders:
        if file.startswith(f"{folder}{os.sep}"):
            inside = Path(file).relative_to(folder).parts
            environment = sys.prefix.startswith(folder) and file.startswith(sys.prefix)
            return not environment and "site-packages" not in inside
    return False


def moved(path: str, old: str | None, new: str | None) -> str:
    """The path below `new` that it has below `old`; other paths stay."""
    if old is None or new is None or not f"{path}{os.sep}".startswith(f"{old}{os.sep}"):
        return path
    return new + path[len(old) :]


def use_working_copy(job: Job) -> None:
    """Point the project's modules that the fork server imported at the job's copy of the project.

    Called before the crew is built.
    """
    _seed_numpy()
    origin, copy = job.origin, job.project
    if origin is None or copy is None or origin == copy:
        return
    for module in list(sys.modules.values()):
        if is_own(str(getattr(module, "__file__", None) or ""), (origin,)):
            _move(module, origin, copy)


def _move(module: ModuleType, origin: str, copy: str) -> None:
    spec = module.__spec__
    if spec is not None:
        spec.origin = moved(spec.origin or "", origin, copy) or None
        if spec.submodule_search_locations is not None:
            spec.submodule_search_locations[:] = [
                moved(folder, origin, copy) for folder in spec.submodule_search_locations
            ]
    if hasattr(module, "__path__"):
        module.__path__ = [moved(folder, origin, copy) for folder in module.__path__]
    for owner in [
        module,
        *(value for value in vars(module).values() if _is_class_of(value, module)),
    ]:
        for name, value in list(vars(owner).items()):
            new = _moved_value(value, origin, copy)
            if new is not value:
                setattr(owner, name, new)


def _is_class_of(value: object, module: ModuleType) -> bool:
    return isinstance(value, type) and value.__module__ == module.__name__


def _moved_value(value: object, origin: str, copy: str) -> object:
    if isinstance(value, str) and is_own(value, (origin,)):
        return moved(value, origin, copy)
    if isinstance(value, PurePath) and (str(value) == origin or is_own(str(value), (origin,))):
        return type(value)(moved(str(value), origin, copy))
    return value


def _seed_numpy() -> None:
    """Give each child its own random numbers, as the standard library does after a fork."""
    random = sys.modules.get("numpy.random")
    if random is not None:
        random.seed()
