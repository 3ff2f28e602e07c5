"""`countersign check`: examines the crews of crews.yml and changes nothing."""

from __future__ import annotations

import difflib
import json
import logging
import sys
from collections.abc import Mapping
from typing import Final

from bot import starter
from bot.crews.describe import as_json as details_as_json
from bot.crews.describe import details, finding
from bot.crews.examine import examine
from bot.findings import Mark
from bot.settings import Settings
from crew_runner.config.registry import CrewsFileError, load_crews
from storage.definitions import CrewDefinition

OK: Final = 0
PROBLEM: Final = 1
WRONG_USE: Final = 2


def run(settings: Settings, *, name: str | None, as_json: bool) -> int:
    """Print a finding and the details for each crew.

    Returns 1 if one has a problem, and 2 if there is no crew `name`.
    """
    try:
        crews = load_crews(settings.crews_file)
    except CrewsFileError as error:
        print(error, file=sys.stderr)
        if not settings.crews_file.exists():
            print(starter.ADVICE, file=sys.stderr)
        return PROBLEM
    if name is not None and name not in crews:
        print(_unknown(name, crews, settings), file=sys.stderr)
        return WRONG_USE
    chosen = crews if name is None else {name: crews[name]}
    return _check(chosen, settings, as_json=as_json)


def _check(crews: Mapping[str, CrewDefinition], settings: Settings, *, as_json: bool) -> int:
    ok = True
    results: list[dict[str, object]] = []
    logging.disable(logging.CRITICAL)  # the findings report the errors
    try:
        for definition, report in examine(crews, settings):
            result = finding(definition, report, settings.crews_file)
            ok = ok and result.mark is not Mark.FAILED
            works = report is not None and report.problem is None
            if as_json:
                crew = details_as_json(definition, report) if report and works else None
                results.append({**result.as_json(), "crew": crew})
                continue
            lines = details(definition, report) if report and works else []
            print("\n".join([result.line(), *lines]), flush=True)
    finally:
        logging.disable(logging.NOTSET)
    if as_json:
        print(json.dumps({"ok": ok, "findings": results}, indent=2, ensure_ascii=False))
    return OK if ok else PROBLEM


def _unknown(name: str, crews: Mapping[str, CrewDefinition], settings: Settings) -> str:
    near = difflib.get_close_matches(name, crews, n=1)
    suggestion = f" Did you mean {near[0]!r}?" if near else ""
    return f"{settings.crews_file} has no crew {name!r}.{suggestion} It has: {', '.join(crews)}."
