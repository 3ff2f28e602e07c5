"""Workers: claim a phase run, run it in a child, hand what it gave to StateManager."""

from __future__ import annotations

import logging
import shutil
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final, assert_never

from crew_runner.host import owners
from crew_runner.host.child_supervisor import ChildSupervisor, Interrupted, Outcome
from crew_runner.host.crew_check import NOBODY_DECIDES, report_on
from crew_runner.host.fork_server_client import ForkServerClient, ForkServerGone
from crew_runner.host.jobs import check_of, job_of
from crew_runner.host.log_fields import facts_of, name_of
from crew_runner.host.outage import Outage, ask, insist
from crew_runner.host.slots import ReservedSlot
from crew_runner.models.source import ModelSource
from storage.definitions import CrewDefinition, CrewKind, CrewReport, ModelSettings
from storage.errors import CountersignError, LeaseLost, NoRule
from storage.ports import Seat
from storage.reads import Reads
from storage.records import Claim, Failure, PhaseOutput, Usage
from storage.state_manager import StateManager

log = logging.getLogger(__name__)

_CHECK_WAITS: Final = 15.0
"""Seconds that the check of a crew waits for phases that run."""

_MARGIN: Final = timedelta(seconds=2.5)
"""What of the grace is kept for ending the children and giving back their leases."""


class WorkerPool:
    """Runs up to `slots` phases at once, each in a process of its own.

    `environment`: variables for crews beyond those of this process. `poll`: seconds between looks
    for work that nobody woke it for.
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
        poll: float = 0.5,
    ) -> None:
        self._state = state
        self._reads = reads
        self._model = ModelSource(model)
        self._crews = crews
        self.slots = slots
        self._lease = lease
        self._environment = dict(environment or {})
        self._poll = poll
        self._owner = str(owners.this_process())
        # A crew may run that crews.yml no longer names: its definition is the execution's own.
        crew_code = not crews or any(c.kind is CrewKind.CREW for c in crews.values())
        self._nursery = ForkServerClient(preload=crew_code)
        self._work = threading.Event()
        self._stopping = threading.Event()
        self._released = False
        self._give_up_at: float | None = None
        self._free = threading.Semaphore(slots)
        self._full = False
        self._threads_of_phases = ThreadPoolExecutor(slots, thread_name_prefix="phase")
        self._phases: set[Future[None]] = set()
        self._begun: set[str] = set()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin to claim, and check every crew in the background. Returns at once."""
        self._nursery.start()
        self._threads = [
            threading.Thread(target=self._serve, name="worker", daemon=True),
            threading.Thread(target=self._check_in_background, name="crew-check", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def alive(self) -> bool:
        """Whether it still looks for work."""
        return bool(self._threads) and self._threads[0].is_alive()

    @property
    def running(self) -> int:
        """How many phases run."""
        with self._lock:
            return len(self._begun)

    def wake(self) -> None:
        """There may be work: look now."""
        self._work.set()

    def seat(self) -> Seat | None:
        """A slot that is free now, kept until it is taken or left. None where the pool stops."""
        if self._stopping.is_set() or not self._threads or not self._free.acquire(blocking=False):
            return None
        return ReservedSlot(self._owner, begin=self._begin_claimed, leave=self._free_slot)

    def stop(self, grace: timedelta) -> None:
        """Take nothing new, let phases end for a while, then end them and give them back."""
        until = time.monotonic() + grace.total_seconds()
        self._give_up_at = until - min(_MARGIN, grace / 2).total_seconds()
        self._stopping.set()
        self._work.set()
        for thread in self._threads[:1]:
            thread.join(max(0.0, until - time.monotonic()))
        wait(set(self._phases), timeout=max(0.0, until - time.monotonic()))
        self._threads_of_phases.shutdown(wait=False)
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        self._nursery.stop()
        self._model.stop()

    def check_crews(self) -> tuple[CrewReport, ...]:
        """Build every crew in a child, one after another; store and return what that gave.

        Phases that run go first: before each crew it waits for a quiet moment, not for ever.
        """
        reports = []
        for definition in self._crews.values():
            self._wait_while_phases_run()
            if self._stopping.is_set():
                break
            reports.append(self._check(definition))
        return tuple(reports)

    def _wait_while_phases_run(self) -> None:
        until = time.monotonic() + _CHECK_WAITS
        while time.monotonic() < until and self._phases and not self._stopping.is_set():
            self._stopping.wait(self._poll)

    # --- claiming ---------------------------------------------------------------------------

    def _serve(self) -> None:
        woken = False
        while not self._stopping.is_set():
            with suppress(Outage):  # the pool stops during an outage
                insist(partial(self._look, woken=woken), self._stopping)
            woken = self._work.wait(self._poll)

    def _look(self, *, woken: bool) -> None:
        """Begin what is due, as long as slots are free. Raises Outage."""
        self._work.clear()
        try:
            self._begin_what_is_due(woken=woken)
        except Outage:
            raise
        except Exception as error:  # the edge of the worker: it goes on looking for work
            log.exception("claim.broke")
            raise Outage(type(error).__name__) from error

    def _begin_what_is_due(self, *, woken: bool) -> None:
        """An idle pool asks first, which takes no lock; one that was woken claims at once."""
        if not self._released:
            ask(partial(owners.reclaim_leases, self._state, self._reads))
            self._released = True
        while not self._stopping.is_set():
            self._full = True  # said first: a slot that is freed from now on leads to another look
            if not self._free.acquire(blocking=False):
                return
            self._full = False
            claim = None
            try:
                if woken or ask(self._reads.anything_due):
                    claim = ask(lambda: self._state.claim(self._owner))
            finally:
                if claim is None:
                    self._free.release()
            woken = False
            if claim is None:
                return
            self._begin_claimed(claim)

    # --- running ----------------------------------------------------------------------------

    def _begin_claimed(self, claim: Claim) -> None:
        """In a slot that is held for it, so that a thread is free. Raises RuntimeError."""
        phase = self._threads_of_phases.submit(self._run_and_free, claim)
        self._phases.add(phase)
        phase.add_done_callback(self._phases.discard)

    def _run_and_free(self, claim: Claim) -> None:
        try:
            self._run(claim)
        finally:
            self._free_slot()

    def _free_slot(self) -> None:
        self._free.release()
        if self._full:
            self._work.set()

    def _run(self, claim: Claim) -> None:
        began = time.monotonic()
        with self._lock:
            self._begun.add(claim.run.id)
        try:
            claim, outcome, usage = self._attempt(claim)
            self._settle(claim, outcome, usage)
            facts = {"outcome": name_of(outcome), "seconds": round(time.monotonic() - began, 3)}
            log.info("phase.ended", extra={**facts_of(claim), **facts})
        except Outage:
            log.warning("phase.not_recorded", extra=facts_of(claim))
        except Exception:  # the edge of the worker: a slot outlives whatever went wrong in it
            log.exception("phase.broke", extra=facts_of(claim))
            self._give_up(claim)
        finally:
            with self._lock:
                self._begun.discard(claim.run.id)

    def _attempt(self, claim: Claim) -> tuple[Claim, Outcome, Usage | None]:
        """Run the phase: how it ended, and what it used. The claim is as it was renewed last."""
        problem = self._model_problem(claim.execution.definition)
        if problem is not None:
            return claim, Failure(problem, retryable=False), None
        try:
            with self._storage() as storage, closing(self._nursery.fork()) as child:
                job = job_of(
                    claim,
                    model=self._model.variables(claim.execution.definition.model),
                    extra=self._environment,
                    storage=str(storage),
                )
                attempt = ChildSupervisor(
                    claim=claim,
                    job=job,
                    child=child,
                    state=self._state,
                    reads=self._reads,
                    lease=self._lease,
                    give_up_at=lambda: self._give_up_at,
                )
                outcome = attempt.run()
                return attempt.claim, outcome, attempt.usage
        except ForkServerGone as error:
            return claim, Failure("The process that runs crews did not start.", str(error)), None

    def _model_problem(self, definition: CrewDefinition) -> str | None:
        """Why the crew's model would refuse it. What a program asks is its own affair."""
        if definition.kind is CrewKind.COMMAND and definition.model is None:
            return None
        return self._model.problem(definition.model)

    def _settle(self, claim: Claim, outcome: Outcome, usage: Usage | None) -> None:
        """Write down how the phase ended. A lease that is lost meanwhile settles itself."""
        try:
            match outcome:
                case PhaseOutput():
                    insist(
                        lambda: self._state.phase_done(claim, outcome, usage=usage), self._stopping
                    )
                case Failure():
                    log.warning(
                        "phase.failed",
                        extra={**facts_of(claim), "why": outcome.message, "detail": outcome.detail},
                    )
                    insist(lambda: self._state.fail(claim, outcome, usage=usage), self._stopping)
                case Interrupted.STOPPING:
                    ask(lambda: self._state.give_back(claim, usage=usage))
                case Interrupted.LOST:
                    return
                case _:
                    assert_never(outcome)
        except NoRule:
            failure = Failure(NOBODY_DECIDES, retryable=False)
            insist(lambda: self._state.fail(claim, failure, usage=usage), self._stopping)
        except LeaseLost:
            log.info("phase.lease_lost", extra=facts_of(claim))

    def _give_up(self, claim: Claim) -> None:
        failure = Failure("Something went wrong in the worker; its log says more.")
        try:
            insist(lambda: self._state.fail(claim, failure), self._stopping)
        except CountersignError:
            log.info("phase.lease_lost", extra=facts_of(claim))
        except Outage:
            log.warning("phase.not_recorded", extra=facts_of(claim))

    @contextmanager
    def _storage(self) -> Iterator[Path]:
        """A directory for one job."""
        storage = self._nursery.storage()
        try:
            yield storage
        finally:
            shutil.rmtree(storage, ignore_errors=True)

    # --- checking ---------------------------------------------------------------------------

    def _check_in_background(self) -> None:
        try:
            self.check_crews()
        except (Outage, ForkServerGone) as error:
            log.warning("crews.not_checked", extra={"why": str(error)})

    def _check(self, definition: CrewDefinition) -> CrewReport:
        with self._storage() as storage, closing(self._nursery.fork()) as child:
            job = check_of(
                definition,
                model=self._model.variables(definition.model),
                extra=self._environment,
                storage=str(storage),
            )
            report, detail = report_on(definition, job, child)
            child.kill(signal.SIGKILL)
        if report.problem is not None:
            facts = {"crew": report.crew, "problem": report.problem, "detail": detail}
            log.warning("crew.cannot_run", extra=facts)
        insist(lambda: self._state.report_crew(report), self._stopping)
        return report
