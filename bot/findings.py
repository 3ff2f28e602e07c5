"""What a check found, as `countersign doctor` prints it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum


class Mark(StrEnum):
    GOOD = "good"
    WARNING = "warning"
    FAILED = "failed"


SIGNS = {Mark.GOOD: "✓", Mark.WARNING: "!", Mark.FAILED: "✗"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, what was found, and how to mend it."""

    mark: Mark
    about: str
    found: str
    mend: str = ""

    def line(self) -> str:
        said = f"{SIGNS[self.mark]} {self.about}: {self.found}"
        return f"{said}\n    → {self.mend}" if self.mend else said

    def facts(self) -> dict[str, str]:
        return {name: str(value) for name, value in asdict(self).items()}


def good(about: str, found: str) -> Finding:
    return Finding(Mark.GOOD, about, found)


def warning(about: str, found: str, mend: str = "") -> Finding:
    return Finding(Mark.WARNING, about, found, mend)


def failed(about: str, found: str, mend: str) -> Finding:
    return Finding(Mark.FAILED, about, found, mend)
