"""A command crew that records its start; subjects `wait…` wait until the file exists."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

inputs = json.loads(sys.stdin.read())
subject: str = inputs["user_input"]
with Path(os.environ["STARTED"]).open("a") as record:
    record.write(f"{subject} {inputs.get('phase', 'run')}\n")
while subject.startswith("wait") and not Path(os.environ["GO"]).exists():
    time.sleep(0.02)
json.dump({"status": "complete", "output": f"{subject} by {os.getppid()}"}, sys.stdout)
