"""The OpenTelemetry SDK, set up and called in one place; only imported where telemetry is on."""

import atexit
import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from urllib.parse import urlsplit

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from shared.basics.redact import redact
from shared.telemetry import Gauge
from shared.telemetry.log_handler import LogHandler

Exporters = tuple[SpanExporter, MetricExporter, LogRecordExporter]
Attributes = Mapping[str, str | int | float | None]

_SCOPE = "geocatalog"
_ERROR_STATUS = 400
# What is still unsent when the process ends may take so long; the host kills the process after 10 s.
_EXIT_SECONDS = 5.0
# The SDK drops an export that takes longer; its thread is the only one that waits.
_SEND_SECONDS = 5

_COUNTERS = {
    "geocatalog.items.outcomes": "outcomes of messages, by outcome and collection",
    "geocatalog.items.retries": "items and messages that come back, by kind and reason",
    "geocatalog.dead_letters": "dead letters, by queue and reason",
    "geocatalog.functions.runs": "runs of functions, by function and outcome",
    "geocatalog.functions.failures": "functions that ended with an exception, by function and reason",
    "geocatalog.poison.messages": "messages that the host moved to a poison queue, by the queue they came from",
}
_DURATION = "geocatalog.functions.duration"
_GAUGE_UNITS = {
    Gauge.OLDEST_OPERATION: "s",
    Gauge.SOURCE_TIME_LEFT: "s",
    Gauge.QUEUE_MESSAGES: "{message}",
    Gauge.QUEUE_OLDEST: "s",
    Gauge.FEED_UNREAD: "{interval}",
}


class Sdk:
    """Providers of traces, metrics and logs, and the instruments of the app.

    Args:
        connection_string: that of Application Insights; empty: it is not sent to.
        otlp: whether to send by OTLP, to where the OTEL_EXPORTER_OTLP_… settings say.

    Raises:
        ValueError: the connection string is malformed.
    """

    def __init__(self, *, connection_string: str, otlp: bool) -> None:
        resource = Resource.create({} if os.environ.get("OTEL_SERVICE_NAME") else {SERVICE_NAME: _service_name()})
        self._traces = TracerProvider(resource=resource, shutdown_on_exit=False)
        receivers = [_application_insights(connection_string, self._traces)] if connection_string else []
        receivers += [_otlp()] if otlp else []

        self._logs = LoggerProvider(resource=resource, shutdown_on_exit=False)
        readers = []
        for spans, metrics, logs in receivers:
            self._traces.add_span_processor(BatchSpanProcessor(spans))
            self._logs.add_log_record_processor(BatchLogRecordProcessor(logs))
            readers.append(PeriodicExportingMetricReader(metrics))
        self._metrics = MeterProvider(readers, resource=resource, shutdown_on_exit=False)

        self._tracer = self._traces.get_tracer(_SCOPE)
        self._propagator = TraceContextTextMapPropagator()
        meter = self._metrics.get_meter(_SCOPE)
        self._counters = {name: meter.create_counter(name, description=text) for name, text in _COUNTERS.items()}
        self._gauges = {gauge: meter.create_gauge(gauge.value, unit) for gauge, unit in _GAUGE_UNITS.items()}
        self._duration = meter.create_histogram(_DURATION, "s", "how long functions ran, by function")
        logging.getLogger().addHandler(LogHandler(self._logs))
        atexit.register(self.stop)

    def stop(self) -> None:
        """Sends what is left and ends, within five seconds however dead the receiver is."""
        threads = [
            threading.Thread(target=provider.shutdown, daemon=True)
            for provider in (self._traces, self._logs, self._metrics)
        ]
        for thread in threads:
            thread.start()
        end = time.monotonic() + _EXIT_SECONDS
        for thread in threads:
            thread.join(max(0, end - time.monotonic()))

    # Traces

    def traceparent_of(self, given: str | None, own_id: str) -> str:
        """Returns a well-formed traceparent: the given one, or one whose trace has the id `own_id`."""
        if given and trace.get_current_span(self._context(given)).get_span_context().is_valid:
            return given
        return f"00-{own_id}-{own_id[:16]}-01"

    @contextmanager
    def message_span(self, queue: str, traceparent: str | None, attributes: Attributes) -> Iterator[Span]:
        """Spans the handling of a message; the host's own invocation is linked, since its trace is another one."""
        host = trace.get_current_span().get_span_context()
        with self._tracer.start_as_current_span(
            f"process {queue}",
            self._context(traceparent),
            SpanKind.CONSUMER,
            _safe({"messaging.destination.name": queue, **attributes}),
            links=[Link(host)] if host.is_valid else [],
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield span
            except Exception as error:
                _fail(span, type(error).__name__)
                raise

    @contextmanager
    def request_span(self, method: str, url: str) -> Iterator[Span]:
        """Spans a request made for an item; others, such as a timer's, belong to no trace and are many."""
        if not trace.get_current_span().is_recording():
            yield trace.INVALID_SPAN
            return
        parts = urlsplit(url)
        attributes = {
            "http.request.method": method,
            "url.full": f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}",
            "server.address": parts.hostname,
            "server.port": parts.port,
        }
        with self._tracer.start_as_current_span(
            method, kind=SpanKind.CLIENT, attributes=_safe(attributes),
            record_exception=False, set_status_on_exception=False,
        ) as span:  # fmt: skip
            try:
                yield span
            except Exception as error:
                _fail(span, type(error).__name__)
                raise

    @contextmanager
    def operation_span(
        self, kind: str, traceparent: str | None, submitted_at: datetime, attributes: Attributes
    ) -> Iterator[Span]:
        """Spans what another service did meanwhile, from its start to now."""
        span = self._tracer.start_span(
            f"operation {kind}",
            self._context(traceparent),
            attributes=_safe(attributes),
            start_time=int(submitted_at.astimezone(UTC).timestamp() * 1e9),
        )
        if attributes.get("error.type"):
            _fail(span, str(attributes["error.type"]))
        with trace.use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
            yield span

    def note(self, attributes: Attributes) -> None:
        """Adds attributes to the present span; an `error.type` makes it a failed one."""
        span = trace.get_current_span()
        span.set_attributes(_safe(attributes))
        if attributes.get("error.type"):
            _fail(span, str(attributes["error.type"]))

    def note_response(self, status: int) -> None:
        """Adds the answer's status code to the present span, which 400 and above make a failed one."""
        span = trace.get_current_span()
        span.set_attribute("http.response.status_code", status)
        if status >= _ERROR_STATUS:
            _fail(span, str(status))

    def _context(self, traceparent: str | None) -> Context:
        """Returns the context to start a span in: that of the trace, or an empty one, never the present one."""
        return self._propagator.extract({"traceparent": traceparent} if traceparent else {}, Context())

    # Metrics

    def add(self, counter: str, attributes: Attributes) -> None:
        """Counts one."""
        self._counters[counter].add(1, _safe(attributes))

    def time(self, seconds: float, attributes: Attributes) -> None:
        """Record how long a function ran."""
        self._duration.record(seconds, _safe(attributes))

    def measure(self, gauge: Gauge, value: float, attributes: Attributes) -> None:
        """Sets a gauge, which is sent with the next batch of metrics."""
        self._gauges[gauge].set(value, _safe(attributes))


def _service_name() -> str:
    # The Function App's name, as the host has it too (learn.microsoft.com/azure/app-service/reference-app-settings).
    return os.environ.get("WEBSITE_SITE_NAME") or "geocatalog-ingestion"


def _application_insights(connection_string: str, traces: TracerProvider) -> Exporters:
    # The identity comes from APPLICATIONINSIGHTS_AUTHENTICATION_STRING, which the exporter and the host read alike.
    from azure.monitor.opentelemetry.exporter import (  # noqa: PLC0415 - only the exporter that is used
        AzureMonitorLogExporter,
        AzureMonitorMetricExporter,
        AzureMonitorTraceExporter,
    )

    # Nothing unsent is kept on the instance's disk, which goes away with it.
    options = {"connection_string": connection_string, "disable_offline_storage": True, "timeout": _SEND_SECONDS}
    return (
        AzureMonitorTraceExporter(tracer_provider=traces, **options),
        AzureMonitorMetricExporter(**options),
        AzureMonitorLogExporter(**options),
    )


def _otlp() -> Exporters:
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter  # noqa: PLC0415
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter  # noqa: PLC0415
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

    return (
        OTLPSpanExporter(timeout=_SEND_SECONDS),
        OTLPMetricExporter(timeout=_SEND_SECONDS),
        OTLPLogExporter(timeout=_SEND_SECONDS),
    )


def _safe(attributes: Attributes) -> dict[str, str | int | float]:
    """Leaves out what has no value, and masks secrets in the rest."""
    given = {name: value for name, value in attributes.items() if value is not None}
    return {name: redact(value) if isinstance(value, str) else value for name, value in given.items()}


def _fail(span: Span, reason: str) -> None:
    span.set_attribute("error.type", redact(reason))
    span.set_status(Status(StatusCode.ERROR))
