"""The findings of `countersign doctor`, as lines for people and as JSON for programs."""

from __future__ import annotations

import pytest

from bot.findings import Finding, failed, good, warning


@pytest.mark.parametrize(
    ("finding", "line"),
    [
        (good("Database", "answers"), "✓ Database: answers"),
        (warning("Token", "is old"), "! Token: is old"),
        (warning("Token", "is old", "Make another."), "! Token: is old\n    → Make another."),
        (failed("Port", "is in use", "Free it."), "✗ Port: is in use\n    → Free it."),
    ],
)
def test_a_finding_is_a_line_with_its_mark_and_the_advice_below(
    finding: Finding, line: str
) -> None:
    assert finding.line() == line


def test_a_finding_as_json_has_all_that_its_line_says() -> None:
    assert failed("Port", "is in use", "Free it.").as_json() == {
        "mark": "failed",
        "about": "Port",
        "found": "is in use",
        "mend": "Free it.",
    }
