"""The findings of `countersign doctor`, and how they are printed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Mark(StrEnum):
    GOOD = "good"
    WARNING = "warning"
    FAILED = "failed"


SIGNS = {Mark.GOOD: "✓", Mark.WARNING: "!", Mark.FAILED: "✗"}


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check: what was checked, what it found, and what to do about it."""

    mark: Mark
    subject: str
    result: str
    advice: str = ""

    def line(self) -> str:
        line = f"{SIGNS[self.mark]} {self.subject}: {self.result}"
        return f"{line}\n    → {self.advice}" if self.advice else line

    def as_json(self) -> dict[str, str]:
        """For `doctor --json`. Scripts rely on the keys."""
        return {
            "mark": self.mark.value,
            "about": self.subject,
            "found": self.result,
            "mend": self.advice,
        }


def good(subject: str, result: str) -> Finding:
    return Finding(Mark.GOOD, subject, result)


def warning(subject: str, result: str, advice: str = "") -> Finding:
    return Finding(Mark.WARNING, subject, result, advice)


def failed(subject: str, result: str, advice: str) -> Finding:
    return Finding(Mark.FAILED, subject, result, advice)
