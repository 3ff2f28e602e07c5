"""Says in a sentence why a crew cannot be built, and what to do about it."""

from __future__ import annotations

import difflib
import importlib.util
import linecache
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from ..failures import CrewProblem, error_chain, known_problem

_PACKAGES: Final = {
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "fitz": "PyMuPDF",
    "github": "PyGithub",
    "google.genai": "google-genai",
    "PIL": "Pillow",
    "pptx": "python-pptx",
    "serpapi": "google-search-results",
    "sklearn": "scikit-learn",
    "yaml": "PyYAML",
    "youtube_transcript_api": "youtube-transcript-api",
}
"""Packages whose name differs from that of their module by more than `-`."""


def known_cause(error: BaseException, target: str, project: str | None) -> CrewProblem | None:
    """The problem behind an error of the crew's code, if it has a sentence of its own.

    The crew's code may have wrapped the error.
    """
    for cause in error_chain(error):
        problem = _problem_of(cause, target, project)
        if problem is not None:
            return problem
    message = known_problem(error)
    return None if message is None else CrewProblem(message)


def _problem_of(cause: BaseException, target: str, project: str | None) -> CrewProblem | None:
    if isinstance(cause, CrewProblem):
        return cause
    if isinstance(cause, ModuleNotFoundError):
        return no_module(cause, target.partition(":")[0], project)
    if isinstance(cause, EOFError):
        return CrewProblem(
            f"The crew cannot be built: {target} asks for input on a console, and there is none. "
            "Name the crew or flow itself in crews.yml (`module:Class`), and its inputs are asked "
            "for in Slack."
        )
    if isinstance(cause, SystemExit):
        message = cause.code if isinstance(cause.code, str) else f"exit code {cause.code}"
        return CrewProblem(
            f"The crew cannot be built: {target} calls sys.exit() ({message}). Name the crew "
            "itself, or a function that kicks it off without arguments of a command line."
        )
    if isinstance(cause, IndexError) and _reads_argv(cause):
        return CrewProblem(
            f"The crew cannot be built: {target} reads arguments of a command line (sys.argv), "
            "and there are none. Name the function that kicks the crew off (usually `run`), or "
            "the crew itself."
        )
    return None


def no_module(error: ModuleNotFoundError, target: str, project: str | None) -> CrewProblem:
    """`target` is the module that crews.yml names, `project` the folder that it is in."""
    name = error.name or ""
    if target == name or target.startswith(f"{name}."):
        return CrewProblem(
            f"The crew cannot be built: there is no module {name!r} in {os.getcwd()}, on "
            "PYTHONPATH or installed. Install it, or fix `crew` in crews.yml."
        )
    top = name.partition(".")[0]
    if not top or _is_of_the_project(top):
        return CrewProblem(
            f"The crew cannot be built: it imports {name!r}, which its folders do not contain. "
            "Add the file, or correct the import."
        )
    package = _PACKAGES.get(name) or _PACKAGES.get(top) or top.replace("_", "-")
    return CrewProblem(
        f"The crew cannot be built: the package {package} is not installed. Install it into "
        f"{sys.prefix} with `{_installing(package, project)}`."
    )


def no_attribute(module: str, name: str, names: Iterable[str]) -> CrewProblem:
    similar = difflib.get_close_matches(name, [each for each in names if each[:1] != "_"], n=1)
    suggestion = f" Did you mean {similar[0]!r}?" if similar else ""
    return CrewProblem(f"The crew cannot be built: {module} has no {name!r}.{suggestion}")


def _is_of_the_project(top: str) -> bool:
    folders = (Path(entry) for entry in sys.path if "site-packages" not in entry)
    return any((folder / top).is_dir() or (folder / f"{top}.py").is_file() for folder in folders)


def _installing(package: str, project: str | None) -> str:
    """The command that installs it into this process's environment."""
    environment = Path(sys.prefix).resolve()
    if project is not None and Path(project).resolve() in environment.parents:
        return f"uv add {package}"
    if importlib.util.find_spec("pip") is None:
        return f"uv pip install --python {sys.prefix} {package}"
    return f"{Path(sys.prefix, 'bin', 'python')} -m pip install {package}"


def _reads_argv(error: BaseException) -> bool:
    """Whether the line that failed names `sys.argv`."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    if traceback is None:
        return False
    file, line = traceback.tb_frame.f_code.co_filename, traceback.tb_lineno
    return "argv" in linecache.getline(file, line)
