"""Many executions of all kinds at once, while workers die.

    python -m tests.storm --executions 200 --every 5

Prints the seed and a table by kind. The exit code is 1 if anything was lost, doubled, changed or
mixed up. The same seed gives the same plans and kills, not the same course: that depends on how
fast the machine is.
"""

from __future__ import annotations

import argparse
import signal
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from secrets import randbelow

from tests.storm.book import ENDED
from tests.storm.kinds import KINDS
from tests.storm.oracles import WAITING, Story, Verdict, verdict
from tests.storm.storm import Storm, Weather

_COLUMNS = ("executions", "ended", "waiting", "revisions", "kills met", "hashes", "seconds")


def main(arguments: Sequence[str]) -> int:
    wanted = _parser().parse_args(arguments)
    seed = randbelow(1_000_000) if wanted.seed is None else wanted.seed
    _say(f"seed {seed}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that nothing started here stays
    with tempfile.TemporaryDirectory(prefix="storm-") as folder:
        storm = Storm(Path(folder), executions=wanted.executions, seed=seed, every=wanted.every)
        weather = storm.run()
        judged = verdict(weather)
        _say(table(weather, judged))
    return 1 if judged.wrong else 0


def table(weather: Weather, judged: Verdict) -> str:
    """A line a kind; `seconds` is the median from an execution's start to its end."""
    lines = [f"{'kind':15}" + "".join(f"{name:>12}" for name in _COLUMNS)]
    for kind in KINDS:
        stories = [story for story in judged.stories if story.plan.kind is kind]
        if stories:
            lines.append(_line(kind.name, stories))
    lines.append(_line("all", judged.stories))
    apart = f", one in {weather.seconds / weather.kills:.1f} s" if weather.kills else ""
    lines.append(f"{weather.seconds:.0f} s; {weather.kills} kills{apart}")
    lines.append(f"{len(judged.wrong)} violations")
    lines += [f"  ✗ {wrong}" for wrong in judged.wrong]
    return "\n".join(lines)


def _line(name: str, stories: Sequence[Story]) -> str:
    states = [story.run.state for story in stories if story.run]
    ended = [s.run.seconds for s in stories if s.run and s.run.state in ENDED]
    figures = (
        len(stories),
        len(ended),
        states.count(WAITING),
        sum(story.revisions for story in stories),
        sum(story.losses for story in stories),
        sum(story.compared for story in stories),
        round(statistics.median(ended)) if ended else 0,
    )
    return f"{name:15}" + "".join(f"{figure:12}" for figure in figures)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.storm", description=__doc__)
    parser.add_argument("--executions", type=int, default=200, help="default: 200")
    parser.add_argument(
        "--every", type=float, default=5.0, help="seconds between two kills (default: 5)"
    )
    parser.add_argument("--seed", type=int, default=None, help="default: another one each time")
    return parser


def _say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
