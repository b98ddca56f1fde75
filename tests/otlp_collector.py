"""A small OTLP collector: a real HTTP server on loopback that decodes what is exported to it, and keeps it."""

import gzip
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span

_REQUESTS: dict[str, Any] = {
    "/v1/traces": ExportTraceServiceRequest,
    "/v1/metrics": ExportMetricsServiceRequest,
    "/v1/logs": ExportLogsServiceRequest,
}


@dataclass(frozen=True)
class Record:
    """A span, a data point of a metric or a log line, with its attributes flattened."""

    name: str
    attributes: dict[str, Any]
    trace_id: str = ""
    span_id: str = ""
    parent_id: str = ""
    kind: int = 0
    failed: bool = False
    links: tuple[str, ...] = ()
    start: int = 0
    end: int = 0
    value: float = 0


@dataclass
class Collector:
    """What has come in so far.

    Attributes:
        url: what OTEL_EXPORTER_OTLP_ENDPOINT is set to.
        texts: every export as text, to search for what must not be there.
        answers: set while the collector answers; cleared it takes connections and hangs.
    """

    url: str = ""
    answers: threading.Event = field(default_factory=threading.Event)
    spans: list[Record] = field(default_factory=list)
    points: list[Record] = field(default_factory=list)
    lines: list[Record] = field(default_factory=list)
    resources: list[dict[str, Any]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def take(self, path: str, body: bytes) -> None:
        """Decodes and keeps one export."""
        request = _REQUESTS[path].FromString(body)
        self.texts.append(str(request))
        for resource in getattr(request, request.DESCRIPTOR.fields[0].name):
            self.resources.append(_attributes(resource.resource.attributes))
            for scope in getattr(resource, resource.DESCRIPTOR.fields[1].name):
                if path == "/v1/traces":
                    self.spans += [_span(span) for span in scope.spans]
                elif path == "/v1/metrics":
                    self.points += [point for metric in scope.metrics for point in _points(metric)]
                else:
                    self.lines += [_line(line) for line in scope.log_records]

    def trace(self, **attributes: Any) -> list[Record]:
        """Returns the spans of the traces that have a span with these attributes, oldest first."""
        traces = {span.trace_id for span in self.spans if attributes.items() <= span.attributes.items()}
        return sorted((span for span in self.spans if span.trace_id in traces), key=lambda span: span.start)

    def series(self, name: str, attribute: str) -> dict[str | None, float]:
        """Returns the latest value of each series of a metric, by one attribute."""
        return {point.attributes.get(attribute): point.value for point in self.points if point.name == name}


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, str(pair.value.WhichOneof("value"))) for pair in pairs}


def _span(span: Span) -> Record:
    return Record(
        name=span.name,
        attributes=_attributes(span.attributes),
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        kind=span.kind,
        failed=span.status.code == span.status.STATUS_CODE_ERROR,
        links=tuple(link.trace_id.hex() for link in span.links),
        start=span.start_time_unix_nano,
        end=span.end_time_unix_nano,
    )


def _points(metric: Metric) -> Iterator[Record]:
    for point in getattr(metric, str(metric.WhichOneof("data"))).data_points:
        # Of a histogram, how many values there were.
        value = point.count if metric.HasField("histogram") else getattr(point, point.WhichOneof("value"))
        yield Record(metric.name, _attributes(point.attributes), value=value)


def _line(line: LogRecord) -> Record:
    return Record(line.body.string_value, _attributes(line.attributes), line.trace_id.hex(), line.span_id.hex())


@contextmanager
def running_collector() -> Iterator[Collector]:
    """Runs a collector on a free port."""
    collector = Collector()
    collector.answers.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            collector.answers.wait()
            body = self.rfile.read(int(self.headers["Content-Length"]))
            collector.take(self.path, gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
            """Keeps the test's output free of a line per export."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield collector
        finally:
            collector.answers.set()
            server.shutdown()
            thread.join()
