"""An execution's trace, as a collector gets it from all processes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import UUID

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SentSpan

from bot.settings import load_settings
from bot.tracing import NoTracer, OpenTelemetryTracer, tracer_for
from crew_runner.child.messages import Step
from crew_runner.host.step_spans import measured_steps
from storage.records import Action
from tests.crew_runner.claims import a_claim
from tests.crew_runner.conftest import RunnerFixture
from tests.crew_runner.harness import crew


class Collector:
    """Takes spans over HTTP as an OpenTelemetry collector does."""

    def __init__(self) -> None:
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                request = ExportTraceServiceRequest()
                request.ParseFromString(self.rfile.read(int(self.headers["Content-Length"])))
                collector.paths.append(self.path)
                collector.keys.append(self.headers["x-key"])
                for resource in request.resource_spans:
                    for scope in resource.scope_spans:
                        collector.spans.extend(scope.spans)
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.spans: list[SentSpan] = []
        self.paths: list[str] = []
        self.keys: list[str | None] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.stop()


def test_an_execution_is_one_trace_of_phases_checkpoints_and_tasks(
    runner: RunnerFixture, collector: Collector
) -> None:
    phases = {"facts": ["gather", "weigh"], "end": ["write"]}
    run = runner.harness.start(crew("three_tasks", phases, "facts"), "traces")
    runner.harness.decide(runner.harness.checkpoint(run), Action.CONTINUE)
    runner.harness.ended(run)

    # The processes need not know each other: here one sends what the bot did, one the worker.
    measurements = [m for m in runner.harness.meter.measurements if m.span is not None]
    of_run = [m for m in measurements if m.span is not None and m.span.execution_id == run]
    for part in (of_run[::2], of_run[1::2]):
        exporter = OTLPSpanExporter(endpoint=f"{collector.address}/v1/traces")
        tracer = OpenTelemetryTracer(exporter, service="countersign", role="worker")
        tracer.record(part)
        tracer.close()

    spans = collector.spans
    assert {span.trace_id for span in spans} == {UUID(run).bytes}
    names = sorted(span.name for span in spans)
    assert names == [
        "checkpoint after_facts",
        "execution three_tasks",
        "phase end",
        "phase facts",
        "task gather",
        "task weigh",
        "task write",
    ]
    by_id = {span.span_id: span for span in spans}
    parents = {span.name: by_id.get(span.parent_span_id) for span in spans}
    [root] = [span for span in spans if not span.parent_span_id]
    assert root.name == "execution three_tasks"
    assert [parents["phase facts"], parents["checkpoint after_facts"]] == [root, root]
    task_parent = parents["task write"]
    assert task_parent is not None
    assert task_parent.name == "phase end"
    assert all(span.start_time_unix_nano <= span.end_time_unix_nano for span in spans)


def test_model_calls_are_parts_of_their_phase(runner: RunnerFixture) -> None:
    run = runner.harness.start(crew("default_model", {"draft": ["draft"]}), "calls")
    runner.harness.ended(run)

    spans = [each.span for each in runner.harness.meter.measurements if each.span is not None]
    [phase_run] = runner.harness.runs(run)
    calls = [span for span in spans if span.execution_id == run and span.name.startswith("model ")]
    assert [span.parent for span in calls] == [phase_run.id]
    assert calls[0].started_at < calls[0].ended_at


def test_the_collector_and_its_key_come_from_opentelemetrys_own_variables(
    collector: Collector, runner: RunnerFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SLACK_BOT_TOKEN", raising=False)
    assert isinstance(tracer_for(load_settings(), role="serve"), NoTracer)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.address)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=a%20secret")
    settings = load_settings()
    tracer = tracer_for(settings, role="serve")
    run = runner.harness.start(
        crew("three_tasks", {"all": ["gather", "weigh", "write"]}, "all"), "keys"
    )
    runner.harness.decide(runner.harness.checkpoint(run), Action.STOP)
    tracer.record(runner.harness.meter.measurements)
    tracer.close()

    assert set(collector.paths) == {"/v1/traces"}
    assert set(collector.keys) == {"a secret"}
    assert "x-key=a%20secret" in settings.secrets
    assert "a secret" not in repr(settings)


@pytest.mark.parametrize("started", [float("nan"), -1.0, 1e30, 20.0])
def test_steps_with_impossible_times_are_left_out(started: float) -> None:
    claim = a_claim(crew("three_tasks", None, "way"))
    steps = [Step("task", "gather", started, 10.0), Step("task", "weigh", 1.0, 2.0)]
    assert [each.span and each.span.name for each in measured_steps(claim, steps)] == ["task weigh"]
