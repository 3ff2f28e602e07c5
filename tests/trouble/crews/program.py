"""The command crew of the trouble tests: a phase is a part of a text, and every step is logged.

Its environment: EFFECTS is the log; SECONDS, a JSON object, is how long a phase takes by its name
if the request contains "slowly", and "otherwise". "fails" in a request makes the check fail the
first time. A request that is a token alone gets a marked text; others get their own words back.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from tests.trouble.crews.effects import EFFECTS, TOKEN, append, effects, hash_of, write


def main() -> None:
    inputs = json.load(sys.stdin)
    request, phase, feedback = inputs["user_input"], inputs["phase"], inputs.get("feedback", "")
    log, found = Path(os.environ[EFFECTS]), TOKEN.search(request)
    token = found.group() if found else request
    append(log, "begin", token, phase, feedback=feedback)
    line = {"type": "progress", "agent": "Ada", "task": phase, "timestamp": time.time()}
    print(json.dumps(line), file=sys.stderr, flush=True)  # noqa: T201  # the crews' protocol
    seconds = json.loads(os.environ.get("SECONDS", "{}"))
    time.sleep(seconds.get(phase if "slowly" in request else "otherwise", 0))
    if "fails" in request and phase == "check" and not has_failed(log, token):
        append(log, "fail", token, phase, feedback=feedback)
        json.dump({"status": "error", "error": "the check fell over"}, sys.stdout)
        return
    if request == token and found:
        outputs = [*inputs["outputs"].values(), inputs.get("previous_output", "")]
        given = "\n".join([request, *outputs, feedback])
        text = write(log, token=token, part=phase, given=given, feedback=feedback)
    else:
        text = f"# {phase}\n\n{request}\n\n{feedback}"
        append(log, "end", token, phase, wrote=hash_of(text), given=request, feedback=feedback)
    json.dump({"status": "complete", "output": text, "task_outputs": []}, sys.stdout)


def has_failed(log: Path, token: str) -> bool:
    return any(effect.event == "fail" for effect in effects(log) if effect.token == token)


if __name__ == "__main__":
    main()
