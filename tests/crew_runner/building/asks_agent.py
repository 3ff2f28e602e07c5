"""A module that asks an agent when it is imported, and keeps only the text."""

from __future__ import annotations

from crewai import Crew

from tests.crew_runner.building.entry_points import crew, researcher

SUBJECT = str(researcher().kickoff("What is new?"))


def build() -> Crew:
    return crew()
