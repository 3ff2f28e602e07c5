"""What `doctor` found, as a line for people and as facts for programs."""

from __future__ import annotations

import pytest

from bot.findings import Finding, failed, good, warning


@pytest.mark.parametrize(
    ("finding", "line"),
    [
        (good("database", "it answers"), "✓ database: it answers"),
        (warning("token", "it is old"), "! token: it is old"),
        (warning("token", "it is old", "make another"), "! token: it is old\n    → make another"),
        (failed("port", "it is taken", "free it"), "✗ port: it is taken\n    → free it"),
    ],
)
def test_a_finding_is_a_line_with_its_sign_and_below_it_the_way_out(
    finding: Finding, line: str
) -> None:
    assert finding.line() == line


def test_a_finding_as_facts_holds_all_that_its_line_says() -> None:
    facts = failed("port", "it is taken", "free it").facts()

    assert list(facts.values()) == ["failed", "port", "it is taken", "free it"]
