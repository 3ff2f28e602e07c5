"""Workers claim phase runs, run them in children and record the results."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Final, assert_never

from crew_runner.child.withheld import Withheld
from crew_runner.host import owners
from crew_runner.host.child_supervisor import Interrupted
from crew_runner.host.copy_folders import remove_stale_copies
from crew_runner.host.crew_check import NO_APPROVERS
from crew_runner.host.crew_processes import CrewProcesses
from crew_runner.host.fork_server_client import ForkServerUnavailable
from crew_runner.host.fork_servers import ForkServers, starts_in_ours
from crew_runner.host.jobs import NOTHING_WITHHELD
from crew_runner.host.log_fields import claim_fields, outcome_name
from crew_runner.host.outage import Outage, call_storage, call_storage_with_retry
from crew_runner.host.phase_files import EndedPhase
from crew_runner.host.publishing import Publisher
from crew_runner.host.slots import PoolSlot
from crew_runner.models.source import ModelSource
from storage.definitions import CrewDefinition, CrewKind, CrewReport, ModelSettings
from storage.errors import CountersignError, LeaseLost, NoRule
from storage.ports import SlotReservation
from storage.reads import Reads
from storage.records import Claim, Failure, PhaseOutput
from storage.state_manager import StateManager

log = logging.getLogger(__name__)

_CHECK_DELAY_SECONDS: Final = 15.0
"""How long the check of a crew waits for running phases to finish."""

_SHUTDOWN_MARGIN: Final = timedelta(seconds=2.5)
"""The part of the grace period reserved for stopping children and returning their leases."""


class WorkerPool:
    """Runs up to `slots` phases at once, each in its own process.

    `environment`: variables for crews in addition to those of this process. `withheld`: what no
    crew may get. `poll`: seconds between checks for work without being woken. `warm`: whether to
    prepare for further phases of the same projects.
    """

    def __init__(
        self,
        *,
        state: StateManager,
        reads: Reads,
        model: ModelSettings,
        crews: Mapping[str, CrewDefinition],
        slots: int = 4,
        lease: timedelta,
        environment: Mapping[str, str] | None = None,
        withheld: Withheld = NOTHING_WITHHELD,
        poll: float = 0.5,
        warm: bool = True,
    ) -> None:
        self._state = state
        self._reads = reads
        self._model = ModelSource(model)
        self._crews = crews
        self.slots = slots
        self._lease = lease
        self._poll = poll
        self._owner = str(owners.this_process())
        # A crew that crews.yml no longer names may still run: executions keep their definition.
        crew_code = not crews or any(c.kind is CrewKind.CREW for c in crews.values())
        self._fork_servers = ForkServers(
            preload=crew_code,
            start_shared=not crews or any(map(starts_in_ours, crews.values())),
            warm=warm,
        )
        self._processes = CrewProcesses(
            state=state,
            reads=reads,
            model=self._model,
            fork_servers=self._fork_servers,
            lease=lease,
            environment=dict(environment or {}),
            withheld=withheld,
            abort_at=lambda: self._abort_at,
        )
        self._publisher = Publisher(state, reads)
        self._work = threading.Event()
        self._stopping = threading.Event()
        self._reclaimed = False
        self._abort_at: float | None = None
        self._available_slots = threading.Semaphore(slots)
        self._waits_for_slot = False
        self._executor = ThreadPoolExecutor(slots, thread_name_prefix="phase")
        self._phases: set[Future[None]] = set()
        self._running_ids: set[str] = set()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start to claim, and check every crew in the background. Returns at once."""
        self._fork_servers.start()
        remove_stale_copies()
        self._threads = [
            threading.Thread(target=self._poll_for_work, name="worker", daemon=True),
            threading.Thread(target=self._check_in_background, name="crew-check", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def alive(self) -> bool:
        """Whether it still claims work."""
        return bool(self._threads) and self._threads[0].is_alive()

    @property
    def running(self) -> int:
        """The number of running phases."""
        with self._lock:
            return len(self._running_ids)

    def wake(self) -> None:
        """Check for work now."""
        self._work.set()

    def reserve_slot(self) -> SlotReservation | None:
        """Reserve a free slot until it is taken or left. None if all are busy or the pool stops."""
        if (
            self._stopping.is_set()
            or not self._threads
            or not self._available_slots.acquire(blocking=False)
        ):
            return None
        return PoolSlot(self._owner, start=self._submit, release=self._free_slot)

    def stop(self, grace: timedelta) -> None:
        """Claim nothing new, let phases finish within `grace`, then stop them and return leases."""
        deadline = time.monotonic() + grace.total_seconds()
        self._abort_at = deadline - min(_SHUTDOWN_MARGIN, grace / 2).total_seconds()
        self._stopping.set()
        self._work.set()
        for thread in self._threads[:1]:
            thread.join(max(0.0, deadline - time.monotonic()))
        wait(set(self._phases), timeout=max(0.0, deadline - time.monotonic()))
        self._executor.shutdown(wait=False)
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._fork_servers.stop()
        self._model.stop()

    def check_crews(self) -> tuple[CrewReport, ...]:
        """Build every crew in a child, one after another; store and return the reports.

        Running phases have priority: before each crew it waits for them, for a limited time.
        """
        reports = []
        for definition in self._crews.values():
            self._wait_while_phases_run()
            if self._stopping.is_set():
                break
            reports.append(self._check(definition))
        return tuple(reports)

    def _wait_while_phases_run(self) -> None:
        deadline = time.monotonic() + _CHECK_DELAY_SECONDS
        while time.monotonic() < deadline and self._phases and not self._stopping.is_set():
            self._stopping.wait(self._poll)

    # --- claiming ---------------------------------------------------------------------------

    def _poll_for_work(self) -> None:
        woken = False
        while not self._stopping.is_set():
            with suppress(Outage):  # the pool stops during an outage
                call_storage_with_retry(partial(self._claim_due_work, woken=woken), self._stopping)
                self._publisher.publish_due()
            self._fork_servers.stop_idle()
            woken = self._work.wait(self._poll)

    def _claim_due_work(self, *, woken: bool) -> None:
        """Start due phase runs while slots are free. Raises Outage."""
        self._work.clear()
        try:
            self._claim_while_slots_are_free(woken=woken)
        except Outage:
            raise
        except Exception as error:  # the edge of the worker: it keeps claiming
            log.exception("claim.broke")
            raise Outage(type(error).__name__) from error

    def _claim_while_slots_are_free(self, *, woken: bool) -> None:
        """An idle pool first reads, which takes no lock; one that was woken claims at once."""
        if not self._reclaimed:
            call_storage(partial(owners.reclaim_leases, self._state, self._reads))
            self._reclaimed = True
        while not self._stopping.is_set():
            self._waits_for_slot = True  # set first, so that a slot freed from now on wakes it
            if not self._available_slots.acquire(blocking=False):
                return
            self._waits_for_slot = False
            claim = None
            try:
                if woken or call_storage(self._reads.anything_due):
                    claim = call_storage(lambda: self._state.claim(self._owner))
            finally:
                if claim is None:
                    self._available_slots.release()
            woken = False
            if claim is None:
                return
            self._submit(claim)

    # --- running ----------------------------------------------------------------------------

    def _submit(self, claim: Claim) -> None:
        """Run the claim in its slot, for which a thread is free. Raises RuntimeError."""
        phase = self._executor.submit(self._run_and_free, claim)
        self._phases.add(phase)
        phase.add_done_callback(self._phases.discard)

    def _run_and_free(self, claim: Claim) -> None:
        try:
            self._run(claim)
        finally:
            self._free_slot()

    def _free_slot(self) -> None:
        self._available_slots.release()
        if self._waits_for_slot:
            self._work.set()

    def _run(self, claim: Claim) -> None:
        started = time.monotonic()
        with self._lock:
            self._running_ids.add(claim.run.id)
        try:
            ended = self._run_in_child(claim)
            claim = ended.claim
            self._record_outcome(ended)
            fields = {
                "outcome": outcome_name(ended.outcome),
                "seconds": round(time.monotonic() - started, 3),
            }
            log.info("phase.ended", extra={**claim_fields(claim), **fields})
        except Outage:
            log.warning("phase.not_recorded", extra=claim_fields(claim))
        except Exception:  # the edge of the worker: a slot survives any error in it
            log.exception("phase.broke", extra=claim_fields(claim))
            self._record_crash(claim)
        finally:
            with self._lock:
                self._running_ids.discard(claim.run.id)

    def _run_in_child(self, claim: Claim) -> EndedPhase:
        return self._processes.run(claim, self._report_of)

    def _report_of(self, claim: Claim) -> CrewReport | None:
        """What is known about the crew, which is checked first if nothing is. Raises LeaseLost."""
        definition = claim.execution.definition
        report = call_storage(self._reads.crew_reports).get(definition.name)
        if report is not None or definition.name not in self._crews:
            return report
        with ThreadPoolExecutor(1, thread_name_prefix="crew-check") as executor:
            check = executor.submit(self._check, definition)
            while not wait({check}, timeout=self._lease.total_seconds() / 3).done:
                call_storage(partial(self._state.heartbeat, claim))
            return check.result()

    def _record_outcome(self, ended: EndedPhase) -> None:
        """Record how the phase ended, unless the lease was lost."""
        claim, outcome, usage = ended.claim, ended.outcome, ended.usage
        try:
            match outcome:
                case PhaseOutput():
                    call_storage_with_retry(
                        lambda: self._state.phase_done(
                            claim, outcome, usage=usage, files=ended.files
                        ),
                        self._stopping,
                    )
                case Failure():
                    log.warning(
                        "phase.failed",
                        extra={
                            **claim_fields(claim),
                            "why": outcome.message,
                            "detail": outcome.detail,
                        },
                    )
                    call_storage_with_retry(
                        lambda: self._state.fail(claim, outcome, usage=usage), self._stopping
                    )
                case Interrupted.STOPPING:
                    call_storage(lambda: self._state.release_claim(claim, usage=usage))
                case Interrupted.LOST:
                    return
                case _:
                    assert_never(outcome)
        except NoRule:
            failure = Failure(NO_APPROVERS, retryable=False, retry_helps=False)
            call_storage_with_retry(
                lambda: self._state.fail(claim, failure, usage=usage), self._stopping
            )
        except LeaseLost:
            log.info("phase.lease_lost", extra=claim_fields(claim))

    def _record_crash(self, claim: Claim) -> None:
        failure = Failure("The worker failed unexpectedly. Its log has the details.")
        try:
            call_storage_with_retry(lambda: self._state.fail(claim, failure), self._stopping)
        except CountersignError:
            log.info("phase.lease_lost", extra=claim_fields(claim))
        except Outage:
            log.warning("phase.not_recorded", extra=claim_fields(claim))

    # --- checking ---------------------------------------------------------------------------

    def _check_in_background(self) -> None:
        try:
            self.check_crews()
        except (Outage, ForkServerUnavailable) as error:
            log.warning("crews.not_checked", extra={"why": str(error)})

    def _check(self, definition: CrewDefinition) -> CrewReport:
        report, detail = self._processes.check(definition)
        if report.problem is not None:
            fields = {"crew": report.crew, "problem": report.problem, "detail": detail}
            log.warning("crew.cannot_run", extra=fields)
        call_storage_with_retry(lambda: self._state.report_crew(report), self._stopping)
        return report
