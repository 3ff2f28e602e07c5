"""OpenTelemetry traces: each execution is one trace, across all processes that work on it.

An execution's id is its trace id, and a span's id follows from its row's id. So processes need not
tell each other anything, and a span is sent once it has ended, even days later.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import unquote
from uuid import UUID

from bot.settings import Settings
from bot.version import VERSION
from storage.measurements import Measurement, Span

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import SpanContext

TRACES_PATH: Final = "/v1/traces"

FLUSH_MILLISECONDS: Final = 2_000
"""How long the last spans may take when the process stops."""


class Tracer(Protocol):
    def record(self, measurements: Sequence[Measurement], /) -> None: ...

    def close(self) -> None:
        """Send what is left."""


class NoTracer:
    """No collector is configured."""

    def record(self, measurements: Sequence[Measurement]) -> None:
        pass

    def close(self) -> None:
        pass


def tracer_for(settings: Settings, *, role: str) -> Tracer:
    """The tracer that OTEL_EXPORTER_OTLP_ENDPOINT asks for. Loads the library only then."""
    if settings.traces_endpoint is None:
        return NoTracer()
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    headers = settings.traces_headers
    exporter = OTLPSpanExporter(
        endpoint=settings.traces_endpoint.rstrip("/") + TRACES_PATH,
        headers=_headers(headers.get_secret_value()) if headers is not None else None,
    )
    return OpenTelemetryTracer(exporter, service=settings.service_name, role=role)


class OpenTelemetryTracer:
    """Sends spans in the background, and drops them if the collector does not take them."""

    def __init__(self, exporter: SpanExporter, *, service: str, role: str) -> None:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        self._resource = Resource.create(
            {"service.name": service, "service.version": VERSION, "countersign.role": role}
        )
        self._processor = BatchSpanProcessor(exporter)

    def record(self, measurements: Sequence[Measurement]) -> None:
        for measurement in measurements:
            if measurement.span is not None:
                self._processor.on_end(self._readable(measurement.span))

    def close(self) -> None:
        self._processor.force_flush(FLUSH_MILLISECONDS)
        self._processor.shutdown()  # type: ignore[no-untyped-call]

    def _readable(self, span: Span) -> ReadableSpan:
        from opentelemetry.sdk.trace import ReadableSpan
        from opentelemetry.trace import SpanKind, Status, StatusCode

        return ReadableSpan(
            name=span.name,
            context=_context(span.execution_id, span.id),
            parent=None if span.parent is None else _context(span.execution_id, span.parent),
            resource=self._resource,
            attributes={
                "countersign.execution_id": span.execution_id,
                **{f"countersign.{name}": value for name, value in span.attributes.items()},
            },
            kind=SpanKind.INTERNAL,
            status=Status(StatusCode.ERROR if span.failed else StatusCode.OK),
            start_time=_nanoseconds(span.started_at),
            end_time=max(_nanoseconds(span.started_at), _nanoseconds(span.ended_at)),
        )


def _context(execution_id: str, row_id: str) -> SpanContext:
    from opentelemetry.trace import SpanContext, TraceFlags

    digest = hashlib.sha256(row_id.encode()).digest()
    return SpanContext(
        trace_id=UUID(execution_id).int,
        span_id=int.from_bytes(digest[:8]) or 1,
        is_remote=False,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
    )


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000) * 1_000


def _headers(text: str) -> dict[str, str]:
    """The headers of OTEL_EXPORTER_OTLP_HEADERS: `name=value`, comma-separated, percent-encoded."""
    pairs = (part.partition("=") for part in text.split(",") if "=" in part)
    return {name.strip().lower(): unquote(value.strip()) for name, _, value in pairs}
