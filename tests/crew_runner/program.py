"""A command crew whose behaviour is chosen by the request."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def main() -> None:
    inputs = json.loads(sys.stdin.readline() or sys.stdin.read())
    request = inputs["user_input"].split()[0]
    if request == "noise":
        sys.stdout.write("loading the model… {not json}\n")
        sys.stderr.write("warning: {\n\x00\xff plain noise\n" * 3)
        sys.stderr.write('{"type":"other"}\n[1]\n')
    if request == "runaway":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        helper = subprocess.Popen(["sleep", "600"])
        ids = Path(os.environ["IDS"])
        ids.with_suffix(".new").write_text(json.dumps([os.getpid(), helper.pid]))
        ids.with_suffix(".new").rename(ids)
        time.sleep(600)
    disturb(request)
    if request == "flood":
        sys.stdout.write("x" * (11 * 1024 * 1024))
    if request == "crash":
        sys.stderr.write("no such table\n")
        sys.exit(3)
    if request == "error":
        answer({"status": "error", "error": "the printer is out of paper"})
        return
    if request == "strange":
        answer({"status": "complete", "output": {"not": "a text"}})
        return
    for task in ("think", "write"):
        line = {"type": "progress", "agent": "Ada", "task": task, "timestamp": time.time()}
        sys.stderr.write(json.dumps(line) + "\n")
        sys.stderr.flush()
    if request == "wait":
        until = Path(os.environ["GO"])
        while not until.exists():
            time.sleep(0.02)
    if request == "halves":
        sys.stderr.write('{"type":"progress","agent":"Ada","task":"\\ud83d smile"}\n')
        one = {"task": "\udc00", "agent": "Ada", "output": "half \ud83d a smile"}
        answer({"status": "complete", "output": one["output"], "task_outputs": [one]})
        return
    output = {"inputs": inputs, "environment": sorted(os.environ), "cwd": os.getcwd()}
    result: dict[str, object] = {
        "status": "complete",
        "output": json.dumps(output),
        "task_outputs": [{"task": "write", "agent": "Ada", "output": "written"}],
        "token_usage": {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12},
    }
    answer(result)


def disturb(request: str) -> None:
    """Disturbances that a program may cause beside its answer."""
    if request == "helper":
        subprocess.Popen(["sleep", "600"])  # it keeps both outputs open
    if request == "nested":
        sys.stdout.write('{"a":' * 100_000 + "\n")
    if request == "chatty":
        for number in range(3_000):
            line = {"type": "progress", "agent": "Ada" * 1_000, "task": f"step {number}"}
            sys.stderr.write(json.dumps(line) + "\n")


def answer(result: dict[str, object]) -> None:
    json.dump(result, sys.stdout, indent=2)


main()
