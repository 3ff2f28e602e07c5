"""A child that ends right after its last word."""

from __future__ import annotations

import os
import socket
from datetime import timedelta
from multiprocessing.connection import Connection

from crew_runner.child.messages import Described, Ready, to_worker
from crew_runner.child.records import PhaseDefinition
from crew_runner.host.crew_check import report_on
from crew_runner.host.fork_server_client import Child
from crew_runner.host.jobs import check_of
from storage.definitions import CrewDefinition, CrewKind


def ended_after(*messages: Ready | Described) -> Child:
    """A child that has said this and is gone before anybody listened."""
    ours, theirs = socket.socketpair()
    said = Connection(theirs.detach())
    for message in messages:
        said.send_bytes(to_worker(message))
    said.close()
    noise, noise_end = os.pipe()
    status, status_end = os.pipe()
    os.write(status_end, (4242).to_bytes(4, "big"))
    os.close(noise_end)
    os.close(status_end)
    return Child(Connection(ours.detach()), noise, status, lambda _pid, _number: None)


def test_what_a_child_said_counts_also_when_it_has_ended() -> None:
    definition = CrewDefinition(
        name="quick",
        description="Ends at once",
        kind=CrewKind.COMMAND,
        command=("true",),
        time_limit=timedelta(minutes=1),
    )
    child = ended_after(Ready(), Described((PhaseDefinition("run"),)))

    report, _ = report_on(definition, check_of(definition, model={}, extra={}, storage=""), child)

    child.close()
    assert report.problem is None
    assert report.phases == ("run",)
