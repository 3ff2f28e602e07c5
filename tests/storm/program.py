"""The program of a storm: a part is a phase, with JSON in and JSON out."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from tests.storm.slips import EFFECTS, write


def main() -> None:
    inputs = json.load(sys.stdin)
    given = [
        inputs["user_input"],
        *inputs["outputs"].values(),
        inputs.get("previous_output", ""),
        inputs.get("feedback", ""),
    ]
    slip = write(
        Path(os.environ[EFFECTS]),
        token=inputs["user_input"],
        part=inputs["phase"],
        given="\n".join(given),
    )
    json.dump({"status": "complete", "output": slip, "task_outputs": []}, sys.stdout)


if __name__ == "__main__":
    main()
