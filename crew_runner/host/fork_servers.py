"""The fork servers of a worker: one for each project's environment, and one for all other crews.

A project's fork server runs the project's own interpreter. It is started when it is first needed,
and replaced when the environment changes. After it has been idle for a while it is stopped. For
projects that run under our interpreter, the shared fork server stands in for the first.

The first children import what the project needs, and report it. A successor is then started in the
background, which has imported all of that when it takes over.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, TypeAlias

from crew_runner.child.messages import ProjectImports
from crew_runner.host.fork_server_client import (
    NOTHING_IMPORTED,
    Child,
    ForkServerClient,
    ForkServerUnavailable,
)
from storage.definitions import CrewDefinition, CrewKind

log = logging.getLogger(__name__)

IDLE_SECONDS: Final = 600.0
"""How long a project's fork server stays without a child."""

_WATCHED_FILES: Final = ("pyproject.toml", "uv.lock", ".env")

Signature: TypeAlias = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Environment:
    """What children of one fork server have in common; without a project, the worker's own."""

    python: str
    project: str | None


def environment_of(definition: CrewDefinition) -> Environment | None:
    """The crew's own environment; None if it shares the worker's."""
    project = definition.project
    if definition.kind is not CrewKind.CREW or (project is None and definition.python is None):
        return None
    return Environment(_python_of(Path(project or os.getcwd()), definition.python), project)


def starts_in_ours(definition: CrewDefinition) -> bool:
    """Whether the crew's first children come from the shared fork server."""
    environment = environment_of(definition)
    return environment is None or environment.python == sys.executable


def _python_of(project: Path, python: str | None) -> str:
    """The interpreter, which is not resolved: a virtual environment's is a symbolic link."""
    if python is not None:
        named = shutil.which(python) if os.sep not in python else None
        return named or str(project / python)
    environment = project / os.environ.get("UV_PROJECT_ENVIRONMENT", ".venv")
    return str(environment / "bin" / "python") if environment.is_dir() else sys.executable


@dataclass(eq=False, slots=True)
class _Running:
    """A fork server. `users` are its children and their directories."""

    environment: Environment | None
    client: ForkServerClient
    signature: Signature
    imports: ProjectImports = NOTHING_IMPORTED
    users: int = 0
    is_retired: bool = False
    used_at: float = field(default_factory=time.monotonic)


class ForkServers:
    """Safe to share between threads.

    `preload`: whether the shared fork server imports CrewAI; `start_shared`: whether it is needed
    from the beginning; `warm`: whether to start successors that have imported what projects need.
    """

    def __init__(self, *, preload: bool, start_shared: bool, warm: bool = True) -> None:
        self._preload = preload
        self._warm = warm
        self._start_shared = start_shared
        self._lock = threading.Lock()
        self._running: dict[Environment | None, _Running] = {}
        self._retired: set[_Running] = set()
        self._imports: dict[Environment, ProjectImports] = {}
        self._successors: dict[Environment, ForkServerClient] = {}
        self._stopped = False

    def start(self) -> None:
        """Start the shared fork server if it is needed. Does not wait for its imports."""
        if self._start_shared:
            with self._lock:
                client = self._current(None).client
            client.start()

    def fork(self, definition: CrewDefinition) -> Child:
        """Fork a child in the crew's environment, which is started first if it is not running.

        Raises EnvironmentUnusable if that cannot run crews, and ForkServerUnavailable.
        """
        environment = environment_of(definition)
        running = self._acquire(environment)
        try:
            if running.environment is not None:
                running.client.wait_until_ready()
            return running.client.fork(on_close=lambda: self._release(running))
        except BaseException:
            self._release(running)
            raise

    @contextmanager
    def job_directory(self, definition: CrewDefinition) -> Iterator[Path]:
        """A new directory for one job, removed afterwards. Raises ForkServerUnavailable."""
        running = self._acquire(environment_of(definition))
        try:
            directory = running.client.job_directory()
            try:
                yield directory
            finally:
                shutil.rmtree(directory, ignore_errors=True)
        finally:
            self._release(running)

    @property
    def is_warming(self) -> bool:
        """Whether a fork server is being started that will replace another one."""
        with self._lock:
            return bool(self._successors)

    def learn(self, definition: CrewDefinition, imports: ProjectImports) -> None:
        """Start a fork server that has imported this, and let it take over when it is ready.

        The project's own modules are added when its packages are there: only then is it known
        whether importing them is slow.
        """
        environment = environment_of(definition)
        if environment is None or not self._warm:
            return
        with self._lock:
            running = self._running.get(environment)
            known = self._known(environment)
            wanted = _added(known, imports)
            is_known = running is not None and wanted == known
            if self._stopped or is_known or environment in self._successors:
                return
            self._imports[environment] = wanted
            client = self._successors[environment] = self._client(environment, wanted)
        threading.Thread(
            target=self._succeed, args=(environment, running, client, wanted), daemon=True
        ).start()

    def _succeed(
        self,
        environment: Environment,
        predecessor: _Running | None,
        client: ForkServerClient,
        imports: ProjectImports,
    ) -> None:
        """Replace `predecessor` when the new fork server is ready, unless it was stopped."""
        is_ready = False
        try:
            client.wait_until_ready()
            is_ready = True
        except ForkServerUnavailable as error:
            log.info("fork_server.not_warm", extra={"python": environment.python, "why": error})
        with self._lock:
            del self._successors[environment]
            takes_over = is_ready and self._running.get(environment) is predecessor
            if takes_over:
                if predecessor is not None:
                    self._retire(environment)
                signature = _signature(environment, imports)
                self._running[environment] = _Running(environment, client, signature, imports)
        if not takes_over:
            client.stop()

    def stop_idle(self) -> None:
        """Stop the fork servers of projects that have had no child for a while."""
        now = time.monotonic()
        with self._lock:
            idle = [
                environment
                for environment, running in self._running.items()
                if environment is not None
                and not running.users
                and now - running.used_at > IDLE_SECONDS
            ]
            stopped = [self._running.pop(environment) for environment in idle]
        for running in stopped:
            running.client.stop()

    def stop(self) -> None:
        """Stop every fork server and every child, for good."""
        with self._lock:
            self._stopped = True
            running = [*self._running.values(), *self._retired]
            clients = [*(each.client for each in running), *self._successors.values()]
            self._running.clear()
            self._retired.clear()
        for client in clients:
            client.stop()

    def _acquire(self, environment: Environment | None) -> _Running:
        with self._lock:
            running = self._current(environment)
            running.users += 1
        return running

    def _release(self, running: _Running) -> None:
        with self._lock:
            running.users -= 1
            running.used_at = time.monotonic()
            is_over = running.is_retired and not running.users
            if is_over:
                self._retired.discard(running)
        if is_over:
            running.client.stop()

    def _current(self, environment: Environment | None) -> _Running:
        """The fork server for this environment as it is now. Called with the lock."""
        if self._stopped:
            raise ForkServerUnavailable("the processes that start crews were stopped")
        running = self._running.get(environment)
        if (
            environment is not None
            and running is not None
            and running.signature != _signature(environment, running.imports)
        ):
            log.info("fork_server.environment_changed", extra={"python": environment.python})
            self._retire(environment)
            # The project's own modules are learned again: they may do something else now.
            self._imports[environment] = replace(self._known(environment), own=(), path=())
            running = None
        if running is None and environment is not None and environment.python == sys.executable:
            return self._current(None)
        if running is None:
            imports = NOTHING_IMPORTED if environment is None else self._known(environment)
            client = self._client(environment, imports)
            signature = _signature(environment, imports)
            running = _Running(environment, client, signature, imports)
            self._running[environment] = running
        return running

    def _known(self, environment: Environment) -> ProjectImports:
        return self._imports.get(environment, NOTHING_IMPORTED)

    def _client(self, environment: Environment | None, imports: ProjectImports) -> ForkServerClient:
        if environment is None:
            return ForkServerClient(preload=self._preload)
        return ForkServerClient(preload=True, python=environment.python, imports=imports)

    def _retire(self, environment: Environment | None) -> None:
        """Let its children finish, and fork no more. Called with the lock."""
        running = self._running.pop(environment)
        running.is_retired = True
        if running.users:
            self._retired.add(running)
        else:
            threading.Thread(target=running.client.stop, name="fork-server-stop").start()


def _added(known: ProjectImports, new: ProjectImports) -> ProjectImports:
    packages = tuple(name for name in new.packages if name not in known.packages)
    dependent = tuple(sorted({*known.dependent, *new.dependent}))
    if packages:
        return replace(known, packages=(*known.packages, *packages), dependent=dependent)
    own = tuple(name for name in new.own if name not in known.own)
    return replace(known, own=(*known.own, *own), path=new.path or known.path, dependent=dependent)


def _signature(environment: Environment | None, imports: ProjectImports) -> Signature:
    """Changes with what was imported from the environment. Cheap enough for every job."""
    if environment is None:
        return ()
    root = Path(environment.python).parent.parent
    files = [Path(environment.python), root / "pyvenv.cfg"]
    if environment.project is not None:
        files += [Path(environment.project, name) for name in _WATCHED_FILES]
        if imports.own:
            files += _sources(Path(environment.project))
    return (*map(_version, files), *_installed(root))


def _sources(folder: Path) -> Iterator[Path]:
    """The project's Python files, without environments and caches."""
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(each for each in folders if not _is_left_out(Path(parent, each)))
        yield from (Path(parent, file) for file in sorted(files) if file.endswith(".py"))


def _is_left_out(folder: Path) -> bool:
    return (
        folder.name.startswith(".")
        or folder.name in ("__pycache__", "node_modules")
        or (folder / "pyvenv.cfg").exists()
    )


def _version(file: Path) -> tuple[int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def _installed(root: Path) -> Iterator[str]:
    """The names and versions of the packages in a virtual environment."""
    for site_packages in sorted(root.glob("lib/python3.*/site-packages")):
        yield from sorted(name for name in os.listdir(site_packages) if name.endswith("-info"))
