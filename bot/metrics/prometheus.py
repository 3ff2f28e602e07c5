"""Metrics for Prometheus: what this process did, and what waits in the database.

Counters and histograms count the commits of this process, so they are added up over processes.
Gauges are read from the database at each scrape, so every process shows the same; use `max`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from storage.errors import Busy
from storage.measurements import Measure, Measurement
from storage.monitoring_reads import Backlog, Gauges

log = logging.getLogger(__name__)

_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR

_OF_PEOPLE: Final = (5, 15, _MINUTE, 5 * _MINUTE, 15 * _MINUTE, _HOUR, 4 * _HOUR, _DAY, 7 * _DAY)
_OF_MACHINES: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, _MINUTE)
_OF_PHASES: Final = (1, 5, 15, 30, _MINUTE, 2 * _MINUTE, 5 * _MINUTE, 15 * _MINUTE, _HOUR)
_OF_RUNS: Final = (_MINUTE, 5 * _MINUTE, 15 * _MINUTE, _HOUR, 4 * _HOUR, _DAY, 7 * _DAY)


class PrometheusMeter:
    """The metrics of a process. `gauges` reads the database. Safe to share between threads."""

    def __init__(self, gauges: Callable[[], Gauges], *, version: str, role: str) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Backlogs(gauges, version=version, role=role))
        seconds = {
            Measure.EXECUTION: self._histogram(
                "execution_seconds", "From the start of an execution to its end", "state", _OF_RUNS
            ),
            Measure.DECISION: self._histogram(
                "decision_seconds", "How long a checkpoint waited", "action", _OF_PEOPLE
            ),
            Measure.PICKUP: self._histogram(
                "pickup_seconds",
                "How long a phase waited for a worker; after=decision: from click to resume",
                "after",
                _OF_MACHINES,
            ),
            Measure.PHASE: self._histogram(
                "phase_seconds", "How long a phase ran", "state", _OF_PHASES
            ),
        }
        counts = {
            Measure.MODEL_CALLS: self._counter("model_calls", "Calls of models"),
            Measure.MODEL_TOKENS: self._counter("model_tokens", "Tokens of models", "kind"),
            Measure.SLACK_ERROR: self._counter("slack_errors", "Failed calls to Slack", "kind"),
        }
        self._record = {
            **{measure: _observe(histogram) for measure, histogram in seconds.items()},
            **{measure: _add(counter) for measure, counter in counts.items()},
        }

    def record(self, measurements: Sequence[Measurement]) -> None:
        for each in measurements:
            record = self._record.get(each.measure)
            if record is not None:
                record(each)

    def exposition(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self._registry)

    def _histogram(self, name: str, text: str, label: str, buckets: Sequence[float]) -> Histogram:
        return Histogram(
            f"countersign_{name}", text, [label], buckets=buckets, registry=self._registry
        )

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"countersign_{name}", text, labels, registry=self._registry)


def _observe(histogram: Histogram) -> Callable[[Measurement], None]:
    return lambda each: histogram.labels(each.label).observe(each.value)


def _add(counter: Counter) -> Callable[[Measurement], None]:
    return lambda each: (counter.labels(each.label) if each.label else counter).inc(each.value)


class _Backlogs(Collector):
    """Reads the gauges when it is scraped."""

    def __init__(self, gauges: Callable[[], Gauges], *, version: str, role: str) -> None:
        self._gauges = gauges
        self._version = version
        self._role = role

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Nothing: registration must not read the database."""
        return ()

    def collect(self) -> Iterable[GaugeMetricFamily]:
        build = GaugeMetricFamily("countersign_build", "Version", labels=["version", "role"])
        build.add_metric([self._version, self._role], 1)
        yield build
        try:
            gauges = self._gauges()
        except (Busy, SQLAlchemyError) as error:
            log.warning("metrics.no_database", extra={"error": type(error).__name__})
            yield _gauge("database_up", "Whether the database answers", 0)
            return
        yield _gauge("database_up", "Whether the database answers", 1)
        yield from _families(gauges)


def _families(gauges: Gauges) -> Iterable[GaugeMetricFamily]:
    executions = GaugeMetricFamily(
        "countersign_executions", "Executions that are stored, by state", labels=["state"]
    )
    for state, count in gauges.executions.items():
        executions.add_metric([state.value], count)
    yield executions
    yield from _backlog(
        "checkpoints_waiting", "checkpoint_oldest_wait_seconds", "Checkpoints", gauges.checkpoints
    )
    yield from _backlog("phases_queued", "phase_oldest_wait_seconds", "Phases", gauges.queued)
    yield _gauge("phases_running", "Phases that run", gauges.running)
    yield from _backlog("outbox_waiting", "outbox_oldest_seconds", "Messages", gauges.outbox)
    yield from _backlog(
        "webhooks_waiting", "webhook_oldest_seconds", "Webhook deliveries", gauges.webhooks
    )


def _backlog(
    count_name: str, age_name: str, things: str, backlog: Backlog
) -> Iterable[GaugeMetricFamily]:
    yield _gauge(count_name, f"{things} that wait", backlog.count)
    yield _gauge(age_name, f"{things}: how long the oldest has waited", backlog.oldest_seconds)


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"countersign_{name}", text, value=value)
