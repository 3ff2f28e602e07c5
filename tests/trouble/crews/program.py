"""The command crew of the trouble tests: a phase writes one part of a text, and logs every step.

In its environment, EFFECTS is the log, and SECONDS a JSON object with the duration of each phase
for requests that contain "slowly", and of any phase "otherwise". "fails" in a request makes the
check fail the first time. A request that is only a token gets a marked text; any other request is
echoed.
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
    log, match = Path(os.environ[EFFECTS]), TOKEN.search(request)
    token = match.group() if match else request
    append(log, "begin", token, phase, feedback=feedback)
    line = {"type": "progress", "agent": "Ada", "task": phase, "timestamp": time.time()}
    print(json.dumps(line), file=sys.stderr, flush=True)  # noqa: T201  # the crews' protocol
    seconds = json.loads(os.environ.get("SECONDS", "{}"))
    time.sleep(seconds.get(phase if "slowly" in request else "otherwise", 0))
    if "fails" in request and phase == "check" and not has_failed(log, token):
        append(log, "fail", token, phase, feedback=feedback)
        json.dump({"status": "error", "error": "the check fell over"}, sys.stdout)
        return
    if request == token and match:
        outputs = [*inputs["outputs"].values(), inputs.get("previous_output", "")]
        context = "\n".join([request, *outputs, feedback])
        text = write(log, token=token, part=phase, context=context, feedback=feedback)
    else:
        text = f"# {phase}\n\n{request}\n\n{feedback}"
        append(log, "end", token, phase, wrote=hash_of(text), context=request, feedback=feedback)
    json.dump({"status": "complete", "output": text, "task_outputs": []}, sys.stdout)


def has_failed(log: Path, token: str) -> bool:
    return any(effect.event == "fail" for effect in effects(log) if effect.token == token)


if __name__ == "__main__":
    main()
