"""Projects as CrewAI's own command line creates them, without network and prompts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

KINDS = {
    "json_crew": ("crew", "--skip-provider"),
    "classic_crew": ("crew", "--classic", "--skip-provider"),
    "python_flow": ("flow",),
    "declared_flow": ("flow", "--declarative"),
}


def create(folder: Path, name: str) -> Path:
    """The folder of a new project; `name` is one of KINDS."""
    kind, *options = KINDS[name]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "CREWAI_DMN": "true",  # asks nothing
        "CREWAI_DISABLE_TELEMETRY": "true",
        "OTEL_SDK_DISABLED": "true",
    }
    crewai = Path(sys.executable).with_name("crewai")
    subprocess.run(
        [crewai, "create", kind, *options, name],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
    )
    return folder / name
