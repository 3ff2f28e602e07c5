"""Gives a crew the environment that it has when it runs by itself in its project's folder."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Final

from .environment import (
    MODEL_VARIABLES,
    OVERLAY_VARIABLE,
    remove_values,
    without_secrets,
    without_values,
)
from .failures import CrewProblem, summarize
from .messages import Job

_PROXIES: Final = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
_ENV_FILE: Final = ".env"
_replaced_main: list[ModuleType] = []
"""Kept alive: functions of the fork server's program use its names."""


def withhold_secrets(job: Job) -> None:
    """Make the bot's files unreadable. Called before CrewAI, which reads `.env`, is imported."""
    from .secret_files import SecretFiles, filter_dotenv, hide

    files = SecretFiles([*job.withheld.files, *_copies(job)])
    filter_dotenv(files, {**without_secrets(job.extra), **job.model}, _hidden(job))
    hide(files)


def enter_environment(job: Job) -> None:
    """Set variables, working directory, search path and `__main__`. Raises CrewProblem.

    Called before the crew is imported. Of a variable's values the first one counts: of `env` in
    crews.yml, the environment, the project's `.env`, the bot's `.env`.
    """
    for name in MODEL_VARIABLES:
        os.environ.pop(name, None)
    os.environ.update(job.model)
    if job.origin is not None:
        _load_env_file(Path(job.origin))
    for name, value in without_secrets(job.extra).items():
        if name.lower() in _PROXIES:
            os.environ[name] = value
        else:
            os.environ.setdefault(name, value)
    own = without_values(job.env, job.withheld)
    os.environ.update({name: own[name] for name in own if name not in _hidden(job)})
    os.environ["CREWAI_STORAGE_DIR"] = job.storage
    remove_values(job.withheld)
    if job.project is not None:
        _enter_project(Path(job.project), job.target or "")
    else:
        _add_working_directory()
    importlib.invalidate_caches()


def _copies(job: Job) -> Iterator[str]:
    """The bot's files in the working copy of a project that contains them."""
    if job.project is None or job.origin is None or job.project == job.origin:
        return
    origin = os.path.realpath(job.origin)
    for file in job.withheld.files:
        path = os.path.realpath(file)
        if os.path.commonpath([origin, path]) == origin:
            yield os.path.join(job.project, os.path.relpath(path, origin))


def _hidden(job: Job) -> frozenset[str]:
    """Names and addresses of models in the project's files, if crews.yml sets the model.

    They would send its calls, with the operator's key, to the project's server.
    """
    if OVERLAY_VARIABLE not in job.model:
        return frozenset()
    return frozenset(name for name in MODEL_VARIABLES if not name.endswith("_API_KEY"))


def _load_env_file(origin: Path) -> None:
    """Load the first `.env` in the project's folder or above it, as CrewAI's own command does."""
    from dotenv import load_dotenv

    for folder in (origin, *origin.parents):
        file = folder / _ENV_FILE
        if file.is_file():
            try:
                load_dotenv(file, override=False)
            except (OSError, UnicodeDecodeError) as error:
                raise CrewProblem(
                    f"The project's variables in {file} cannot be read: {summarize(error)}"
                ) from error
            return


def _enter_project(project: Path, target: str) -> None:
    try:
        os.chdir(project)
    except OSError as error:
        raise CrewProblem(
            f"The crew's folder {project} cannot be entered: {error.strerror}. "
            "Fix `project` in crews.yml."
        ) from error
    os.environ["PWD"] = str(project)
    own = [str(folder) for folder in (project / "src", project) if folder.is_dir()]
    sys.path[:] = [*own, *(entry for entry in sys.path if entry not in own)]
    _replace_main(_main_file(project, target))


def _main_file(project: Path, target: str) -> Path:
    """The file with which the project would be started."""
    module = target.partition(":")[0].replace(".", os.sep)
    candidates = [
        project / "main.py",
        *sorted(project.glob("src/*/main.py")),
        *(folder / f"{module}.py" for folder in (project / "src", project)),
    ]
    return next((file for file in candidates if file.is_file()), candidates[0])


def _replace_main(file: Path) -> None:
    """Make `__main__` an empty module of the project.

    python-dotenv searches from the calling file's folder if `__main__` has a file, else from the
    working directory. The name in `__spec__` makes multiprocessing's new processes skip the file.
    """
    main = ModuleType("__main__")
    main.__file__ = str(file)
    main.__spec__ = ModuleSpec("__main__", None, origin=str(file))
    _replaced_main.append(sys.modules["__main__"])
    sys.modules["__main__"] = main
    sys.argv[:] = [str(file)]


def _add_working_directory() -> None:
    """Add it to the path after PYTHONPATH and before installed packages."""
    cwd = os.getcwd()
    if cwd not in sys.path:
        python_path = [
            entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry
        ]
        sys.path.insert(len(python_path), cwd)
