"""The working copy of one phase run: prepared before its child runs, and compared afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from crew_runner.host.child_supervisor import Outcome
from crew_runner.host.copy_folders import copy_folder
from crew_runner.host.outage import call_storage
from crew_runner.host.workspaces import WorkingCopy
from storage.definitions import CrewDefinition, Workspace
from storage.kept_files import KeptFile, StoredFile
from storage.reads import Reads
from storage.records import Claim, PhaseOutput, Usage
from storage.state_manager import StateManager


@dataclass(frozen=True, slots=True)
class EndedPhase:
    """How a phase ended, with the claim as last renewed, its usage, and the files to keep."""

    claim: Claim
    outcome: Outcome
    usage: Usage | None = None
    files: tuple[KeptFile, ...] = ()


def project_to_copy(definition: CrewDefinition) -> str | None:
    """Return the project that is copied for each run, if there is one."""
    return definition.project if definition.workspace is Workspace.COPY else None


class PhaseFiles:
    """Belongs to one thread. Without a working copy, nothing is prepared and nothing kept.

    `kept` are the files to keep, once they were collected.
    """

    def __init__(
        self, claim: Claim, *, state: StateManager, reads: Reads, lease: timedelta
    ) -> None:
        self._claim = claim
        self._state = state
        self._reads = reads
        self._renew_seconds = lease.total_seconds() / 3
        self._copy: WorkingCopy | None = None
        self._kept_before = 0
        self._stack = ExitStack()
        self.kept: tuple[KeptFile, ...] = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove the working copy."""
        self._stack.close()

    def prepare(self, job_directory: Path) -> Path | None:
        """Copy the project, and add what earlier phases wrote. Returns the copy's folder.

        A revision also gets the files of the output that it revises, which count as its own.
        Renews the lease meanwhile. Raises WorkspaceProblem, LeaseLost, Outage.
        """
        project = project_to_copy(self._claim.execution.definition)
        if project is None:
            return None
        renew = self._renewing()
        kept = call_storage(lambda: self._reads.kept_files(self._claim.execution.id))
        index = self._claim.run.phase_index
        earlier = [file for file in kept if file.phase_index < index]
        self._kept_before = sum(file.size for file in earlier)
        fallback = job_directory / "copy"
        within = self._stack.enter_context(copy_folder(self._claim.execution.id, fallback=fallback))
        self._copy = copy = WorkingCopy.of(project, within=within, between=renew)
        copy.add(earlier, self._content, renew)
        copy.mark()
        copy.add([file for file in kept if file.phase_index == index], self._content, renew)
        return copy.folder

    def collect(self, outcome: Outcome) -> Outcome:
        """Return the outcome with the list of files that the phase wrote."""
        if not isinstance(outcome, PhaseOutput):
            return outcome
        if self._copy is None:
            return replace(outcome, files=())
        written = self._copy.written(kept_before=self._kept_before)
        self.kept = written.kept
        return replace(outcome, files=written.files)

    def _content(self, file: StoredFile) -> bytes | None:
        return call_storage(lambda: self._reads.file_content(file.seq))

    def _renewing(self) -> Callable[[], None]:
        """Return a function that renews the lease when that is due."""
        renew_at = time.monotonic() + self._renew_seconds

        def renew() -> None:
            nonlocal renew_at
            if time.monotonic() >= renew_at:
                renew_at = time.monotonic() + self._renew_seconds
                call_storage(lambda: self._state.heartbeat(self._claim))

        return renew
