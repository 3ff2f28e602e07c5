"""A command crew for tests that kill: three phases, each of which logs its start and its end.

Environment: EFFECTS is the file that it appends to; SECONDS is how long a phase takes, as a JSON
object by phase ({"check": 1.5}), if the request contains the word "slowly".
A line of the file is a JSON object: `at`, `event` ("begin" or "end"), `phase`, `again` (whether it
revises), `words` (the request) and `pid`.
"""

from __future__ import annotations

import json
import os
import sys
import time


def main() -> None:
    inputs = json.load(sys.stdin)
    phase, feedback = inputs["phase"], inputs.get("feedback", "")
    effect("begin", inputs)
    line = {"type": "progress", "agent": "Ada", "task": phase, "timestamp": time.time()}
    sys.stderr.write(json.dumps(line) + "\n")
    sys.stderr.flush()
    if "slowly" in inputs["user_input"]:
        time.sleep(json.loads(os.environ["SECONDS"]).get(phase, 0))
    effect("end", inputs)
    output = f"# {phase}\n\n{inputs['user_input']}"
    if feedback:
        output += f"\n\nRevised as asked: {feedback}"
    json.dump({"status": "complete", "output": output, "task_outputs": []}, sys.stdout)


def effect(event: str, inputs: dict[str, str]) -> None:
    line = {
        "at": time.time(),
        "event": event,
        "phase": inputs["phase"],
        "again": "feedback" in inputs,
        "words": inputs["user_input"],
        "pid": os.getpid(),
    }
    with open(os.environ["EFFECTS"], "a") as effects:
        effects.write(json.dumps(line) + "\n")
        effects.flush()
        os.fsync(effects.fileno())


if __name__ == "__main__":
    main()
