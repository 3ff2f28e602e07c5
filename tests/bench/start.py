"""How soon the bot serves, compared with importing crewai."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from crew_runner.child.environment import SILENT_CREWAI
from tests.bench.figures import Result, median, ratio, seconds
from tests.support.processes import BotProcess, clean_environment
from tests.support.workspace import Workspace

IMPORT_CREWAI = ("-c", "import crewai")


def measure(folder: Path, *, rounds: int = 5, reference: Sequence[str] = IMPORT_CREWAI) -> Result:
    """Each round starts the bot on a new database, then Python with `reference`."""
    served, imported = [], []
    with Workspace() as workspace:
        for _ in range(rounds):
            with TemporaryDirectory(dir=folder) as place:
                bot = BotProcess(Path(place), env=workspace.env())
                began = time.perf_counter()
                with bot:
                    served.append(time.perf_counter() - began)
                imported.append(_run(reference, Path(place)))
    return Result(
        name="start",
        about="`python -m bot serve`: from exec to the first 200 of /health",
        samples=len(served),
        figures=(
            seconds("serve to /health", median(served)),
            seconds("python -c 'import crewai'", median(imported)),
            ratio("serve, of the import", median(served), median(imported)),
        ),
    )


def _run(arguments: Sequence[str], folder: Path) -> float:
    environment = clean_environment(**SILENT_CREWAI, CREWAI_STORAGE_DIR=str(folder))
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=folder, env=environment, check=True)
    return time.perf_counter() - began
