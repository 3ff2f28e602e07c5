"""Writes approved files into the projects that they belong to.

Any worker does it that has the project's folder. A lock on the folder keeps the order of approval:
the last approval of a file wins.
"""

from __future__ import annotations

import logging
import os
import tempfile
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Final

from crew_runner.host import project_lock
from crew_runner.host.outage import Outage, call_storage
from crew_runner.host.workspaces import TEMPORARY_PREFIX, NoPlace, make_folder, place_of
from storage.backoff import Backoff
from storage.kept_files import Publication, StoredFile
from storage.reads import Reads
from storage.state_manager import StateManager

log = logging.getLogger(__name__)

RETRIES: Final = Backoff(first=2.0, longest=300.0)


class Publisher:
    """Belongs to one thread."""

    def __init__(self, state: StateManager, reads: Reads) -> None:
        self._state = state
        self._reads = reads
        self._reported_missing: set[int] = set()

    def publish_due(self) -> None:
        """Publish what was approved and can be written now. Raises Outage."""
        try:
            self._publish_due()
        except Outage:
            raise
        except Exception:  # the edge of the worker: it keeps claiming
            log.exception("publishing.broke")

    def _publish_due(self) -> None:
        for name in call_storage(self._reads.projects_to_publish):
            project = Path(name)
            if not project.is_dir():
                self._report_missing(name)
                continue
            with project_lock.publishing(project) as is_locked:
                if is_locked:
                    for publication in self._due(name):
                        self._publish(publication, project)

    def _due(self, project: str) -> tuple[Publication, ...]:
        return call_storage(lambda: self._reads.publications_due(project))

    def _report_missing(self, project: str) -> None:
        """Report once that this host has no such folder; another host may have it."""
        for publication in self._due(project):
            if publication.seq not in self._reported_missing:
                self._reported_missing.add(publication.seq)
                self._fail(publication, f"there is no folder {project}.", timedelta(0))

    def _publish(self, publication: Publication, project: Path) -> None:
        files = call_storage(lambda: self._reads.files_to_publish(publication))
        refused = []
        try:
            for file in files:
                try:
                    write_file(project, file, self._content(file))
                except NoPlace as error:
                    refused.append(file.path)
                    log.warning("file.refused", extra={**_fields(publication), "why": str(error)})
        except OSError as error:
            delay = timedelta(seconds=RETRIES.after(publication.attempts + 1))
            self._fail(publication, f"{error.strerror or error}.", delay)
            return
        published = len(files) - len(refused)
        call_storage(
            lambda: self._state.record_published(publication, files=published, refused=refused)
        )
        log.info("files.published", extra={**_fields(publication), "files": published})

    def _content(self, file: StoredFile) -> bytes | None:
        return None if file.deleted else call_storage(lambda: self._reads.file_content(file.seq))

    def _fail(self, publication: Publication, reason: str, delay: timedelta) -> None:
        log.warning("files.not_published", extra={**_fields(publication), "why": reason})
        call_storage(lambda: self._state.record_not_published(publication, reason, delay=delay))


def write_file(project: Path, file: StoredFile, content: bytes | None) -> None:
    """Write the file, or delete it, so that a reader sees either the old or the new one.

    Raises NoPlace and OSError.
    """
    target = place_of(project, file.path)
    if file.deleted:
        target.unlink(missing_ok=True)
        return
    if content is not None:
        make_folder(target.parent)
        _replace(target, content, file.mode)


def _replace(target: Path, content: bytes, mode: int) -> None:
    handle, name = tempfile.mkstemp(prefix=TEMPORARY_PREFIX, dir=target.parent)
    try:
        with open(handle, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _fields(publication: Publication) -> dict[str, object]:
    return {"execution": publication.execution_id, "phase": publication.phase}
