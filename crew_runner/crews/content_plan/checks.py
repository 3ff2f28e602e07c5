"""Guardrails for the numbers of a content plan, in any language.

Each check reads the finished text and returns a wrong one to its author with the reason. A text
without such a table passes: whether it needs figures is the reviewer's decision.
"""

import re  # and no postponed annotations: CrewAI reads a guardrail's return type from the function
from typing import Any

from crewai import TaskOutput
from crewai.lite_agent_output import LiteAgentOutput

_ROW = re.compile(r"^\s*\|(.+)\|\s*$")
_SHARE = re.compile(r"(?<![\d.,])(\d{1,3}(?:[.,]\d+)?)\s*%")
_SCORE = re.compile(r"^\W*?(-?\d{1,4}(?:[.,]\d+)?)(?:\s*(?:/\s*100|%))?\W*$")
_RULE = re.compile(r"^[\s|:-]+$")


def shares_sum_to_100(output: TaskOutput | LiteAgentOutput) -> tuple[bool, Any]:
    """Rejects the text unless the first table of three shares sums to 100."""
    for rows in _tables(output.raw):
        shares = [share for row in rows if (share := _only(_SHARE, " ".join(row))) is not None]
        if len(shares) == len(rows) == 3:
            total = round(sum(shares), 1)
            if total == 100:
                break
            return False, (
                f"The shares of positive, neutral and negative sum to {total:g}, not to 100. "
                "Correct the shares and give the whole analysis again."
            )
    return True, output.raw


def scores_within_range(output: TaskOutput | LiteAgentOutput) -> tuple[bool, Any]:
    """Rejects the text unless every score of the first table with scores is within 0 and 100."""
    for rows in _tables(output.raw):
        scores = [(row[0], score) for row in rows for score in [_score(row)] if score is not None]
        if len(rows) >= 2 and len(scores) == len(rows):
            wrong = [
                f"{topic.strip()}: {score:g}" for topic, score in scores if not 0 <= score <= 100
            ]
            if not wrong:
                break
            return False, (
                f"Scores run from 0 to 100; these do not: {', '.join(wrong)}. "
                "Correct them and give the whole research again."
            )
    return True, output.raw


def _tables(text: str) -> list[list[list[str]]]:
    """The body rows of each Markdown table, by cell, without header and delimiter rows."""
    tables: list[list[list[str]]] = []
    rows: list[list[str]] = []
    for line in [*text.splitlines(), ""]:
        if match := _ROW.match(line):
            if not _RULE.match(line):
                rows.append(match.group(1).split("|"))
        elif rows:
            tables.append(rows[1:])
            rows = []
    return tables


def _score(row: list[str]) -> float | None:
    return next(
        (s for cell in row[1:] if (s := _only(_SCORE, cell.strip(" *_"))) is not None), None
    )


def _only(pattern: re.Pattern[str], text: str) -> float | None:
    match = pattern.search(text)
    return float(match.group(1).replace(",", ".")) if match else None
