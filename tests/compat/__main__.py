"""`python -m tests.compat`: the contract of crews under every supported version of CrewAI.

Prints a table: a tick, or what the check of such a crew says instead.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.compat.contract import FEATURES, Contract, contract_in
from tests.compat.environments import NotInstalled, python_with

VERSIONS: Final = (
    "1.0.0",
    "1.6.1",
    "1.8.1",
    "1.9.3",
    "1.10.1",
    "1.11.1",
    "1.12.2",
    "1.13.0",
    "1.14.7",
    "1.15.30",
)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.compat", description=__doc__)
    parser.add_argument("versions", nargs="*", default=VERSIONS)
    parser.add_argument("--python", default=sys.executable, help="the environments' interpreter")
    parser.add_argument("--only", action="append", choices=[*FEATURES])
    chosen = parser.parse_args(arguments)
    features = chosen.only or [*FEATURES]
    _say("| CrewAI | " + " | ".join(features) + " |")
    _say("|---" * (len(features) + 1) + "|")
    notes: dict[str, None] = {}
    for version in chosen.versions:
        try:
            python = python_with(version, python=chosen.python)
        except NotInstalled as error:
            _say(str(error))
            return 1
        with TemporaryDirectory() as folder, contract_in(Path(folder), python) as contract:
            results = {feature: _result(contract, feature) for feature in features}
        _say(f"| {version} | " + " | ".join("✓" if not r else "–" for r in results.values()) + " |")
        notes.update({f"{version}, {name}: {text}": None for name, text in results.items() if text})
    _say("\n" + "\n".join(notes))
    return 0


def _result(contract: Contract, feature: str) -> str:
    """Empty if it works, else what people read."""
    try:
        FEATURES[feature](contract)
    except AssertionError as error:
        return str(error).partition("\nassert ")[0] or "failed"
    return ""


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
