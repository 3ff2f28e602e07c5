"""What the runner is compared with: `python -m tests.bench.bare`.

Builds the shipped crew and kicks it off once for each line on stdin; says on stdout how many
seconds the kickoff took. Nothing of the runner is in this process.
"""

from __future__ import annotations

import json
import sys
import time

from crew_runner.crews.content_plan.crew import ContentPlanCrew


def main() -> None:
    for line in sys.stdin:
        crew = ContentPlanCrew().crew()
        began = time.perf_counter()
        crew.kickoff(inputs=json.loads(line))
        sys.stdout.write(f"took {time.perf_counter() - began}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
