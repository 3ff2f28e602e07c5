"""A command crew under siege: it writes down what it was given and what it did.

Its environment: EFFECTS is the file that it appends to. Words of the request: "slowly" makes a
phase outlast a renewal of its lease; "fails" lets the second phase fail the first time.
A line of the file is a JSON object: `at`, `event` ("begin", "fail" or "end"), `phase`, `token`,
`feedback` and `pid`.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time

TOKEN = re.compile(r"q\d{4}x[0-9a-f]{6}")
BRIEFLY = 0.25
SLOWLY = 1.6


def main() -> None:
    inputs = json.load(sys.stdin)
    words = inputs["user_input"]
    token = TOKEN.findall(words)[0]
    effect("begin", token, inputs)
    line = {"type": "progress", "agent": "Ada", "task": inputs["phase"], "timestamp": time.time()}
    print(json.dumps(line), file=sys.stderr, flush=True)  # noqa: T201  # the crew's own protocol
    time.sleep(SLOWLY if "slowly" in words else BRIEFLY)
    if "fails" in words and inputs["phase"] == "check" and not has_failed(token):
        effect("fail", token, inputs)
        json.dump({"status": "error", "error": "the check fell over"}, sys.stdout)
        return
    effect("end", token, inputs)
    output = f"# {inputs['phase']}\n\n{words}\n\n{inputs.get('feedback', '')}"
    json.dump({"status": "complete", "output": output, "task_outputs": []}, sys.stdout)


def has_failed(token: str) -> bool:
    with open(os.environ["EFFECTS"]) as effects:
        return any(token in line and '"fail"' in line for line in effects)


def effect(event: str, token: str, inputs: dict[str, str]) -> None:
    line = {
        "at": time.time(),
        "event": event,
        "phase": inputs["phase"],
        "token": token,
        "feedback": inputs.get("feedback", ""),
        "pid": os.getpid(),
    }
    with open(os.environ["EFFECTS"], "a") as effects:
        effects.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
