"""Runs the trouble scenarios: every kind of failure that the bot must survive, at any size.

    python -m tests.trouble --kind kills --size 500 --seed 1,2,3
    python -m tests.trouble --kind server

Prints the seed, the figures and the violations. The exit code is 1 if anything was lost, duplicated
or left behind. The same seed repeats the same acts, but not their timing, which depends on the
speed of the machine.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from secrets import randbelow
from typing import Final

from tests.trouble.db import DATABASES
from tests.trouble.result import Options, Result, say
from tests.trouble.scenarios import SCENARIOS

MAX_SHOWN: Final = 40


def main(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that every process started here ends
    wrong = 0
    for seed in options.seed or [randbelow(1_000_000)]:
        for kind in options.kind or SCENARIOS:
            scenario = SCENARIOS[kind]
            databases = scenario.databases
            if options.database is not None:
                databases = (*scenario.databases, *scenario.on_request)
            for database in databases:
                if options.database in (None, database):
                    size, people = options.size or scenario.size, options.people or scenario.people
                    scenario_options = Options(database, seed, size, people, options.verbose)
                    wrong += len(_run(kind, scenario_options).wrong)
    say(f"{wrong} violations")
    return 1 if wrong else 0


def _run(kind: str, options: Options) -> Result:
    say(
        f"{kind} on {options.database}, seed {options.seed}: {options.size} {SCENARIOS[kind].about}"
    )
    started = time.monotonic()
    try:
        result = SCENARIOS[kind].run(options)
    except Exception as error:  # noqa: BLE001  # the other kinds still have to run
        traceback.print_exc()
        result = Result(wrong=[f"it did not finish: {type(error).__name__} {error}"])
    for line in result.lines:
        say(f"    {line}")
    say(f"    {time.monotonic() - started:.0f} s, {len(result.wrong)} violations")
    for line in result.wrong[:MAX_SHOWN]:
        say(f"    ✗ {line}")
    return result


def _parser() -> argparse.ArgumentParser:
    kinds = "\n".join(
        f"  {name:10}{scenario.size} {scenario.about}" for name, scenario in SCENARIOS.items()
    )
    parser = argparse.ArgumentParser(
        prog="python -m tests.trouble",
        description=f"{__doc__}\nKinds, with their default sizes:\n{kinds}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--kind", type=_kinds, metavar="A,B,C", help="default: all of them")
    parser.add_argument("--size", type=int, help="how many of what the kind counts")
    parser.add_argument("--people", type=int, help="clicks in each round of clicks and audience")
    parser.add_argument("--database", choices=DATABASES, help="default: all databases of the kind")
    parser.add_argument("--seed", type=_seeds, metavar="A,B,C", help="default: a random one")
    parser.add_argument("--verbose", action="store_true", help="print each step")
    return parser


def _kinds(value: str) -> list[str]:
    kinds = value.split(",")
    if unknown := [kind for kind in kinds if kind not in SCENARIOS]:
        raise argparse.ArgumentTypeError(f"{unknown} is not one of {', '.join(SCENARIOS)}")
    return kinds


def _seeds(value: str) -> list[int]:
    return [int(seed) for seed in value.split(",")]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
