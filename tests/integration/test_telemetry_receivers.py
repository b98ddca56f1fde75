"""Telemetry of one process: where it goes, by which identity, and that its receiver cannot hold the process up."""

import gzip
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from local.certificates import make_certificate
from tests.otlp_collector import running_collector

SECRET = "c2VjcmV0LXNpZ25hdHVyZQ"
CLIENT_ID = "00000000-0000-0000-0000-00000000000c"
FAILURE = "Function ingest_item ended with ValueError: https://example.com/?…"
# The trace of the host's invocation, as the worker attaches it before it calls a function.
HOST_TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
# A span with a request's span in it, an outcome, a gauge, a log line and a failure of a function.
PROGRAM = f"""
import logging
from datetime import UTC, datetime
logging.basicConfig(level=logging.INFO)
from opentelemetry.context import attach
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from shared import telemetry
attach(TraceContextTextMapPropagator().extract({{"traceparent": "00-{HOST_TRACE}-00f067aa0ba902b7-01"}}))
telemetry.start()
of_item = {{"collection": "c", "item": "i", "correlation_id": "https://example.com/?sig={SECRET}", "attempt": 0}}
with telemetry.message_span("items", None, **of_item):
    with telemetry.request_span("POST", "https://u:{SECRET}@example.com/a?sig={SECRET}"):
        telemetry.note_response(202)
    logging.getLogger("app").info("Item %s: %s", "c/i", "https://example.com/?sig={SECRET}")
telemetry.measure(telemetry.Gauge.QUEUE_MESSAGES, 3, queue="items")
try:
    with telemetry.invocation("ingest_item", "id-of-the-run"):
        raise ValueError("https://example.com/?sig={SECRET}")
except ValueError:
    print("raised on")
"""

# On a busy machine the receiver takes longer than the process waits for it at its end.
PATIENT = """
from shared.telemetry import sdk
sdk._EXIT_SECONDS = sdk._SEND_SECONDS = 50
"""


def run(program: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a program in an interpreter of its own, which must end by itself."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "APPLICATION"))}
    command = [sys.executable, "-c", program]
    return subprocess.run(command, env=environment | settings, capture_output=True, text=True, timeout=60, check=False)


def test_all_is_sent_before_the_process_ends() -> None:
    with running_collector() as collector:
        ended = run(PATIENT + PROGRAM, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_SERVICE_NAME="named")
    assert (ended.returncode, ended.stdout) == (0, "raised on\n")
    spans = {span.name: span for span in collector.spans}
    assert spans.keys() == {"process items", "POST"}
    assert spans["process items"].attributes["geocatalog.correlation_id"] == "https://example.com/?…"
    assert spans["process items"].links == (HOST_TRACE,)
    assert spans["process items"].trace_id == spans["POST"].trace_id != HOST_TRACE
    assert collector.series("geocatalog.queue.messages", "queue") == {"items": 3}
    for name in ("failures", "runs", "duration"):
        assert collector.series(f"geocatalog.functions.{name}", "function") == {"ingest_item": 1}
    assert collector.series("geocatalog.functions.runs", "outcome") == {"failed": 1}
    lines = {line.name: line for line in collector.lines}
    assert lines["Item c/i: https://example.com/?…"].trace_id == collector.spans[0].trace_id
    failure = lines[FAILURE].attributes
    assert (failure["exception.type"], failure["exception.message"]) == ("ValueError", "https://example.com/?…")
    assert "in invocation" in failure["exception.stacktrace"]
    assert (failure["faas.name"], failure["faas.invocation_id"]) == ("ingest_item", "id-of-the-run")
    assert {resource["service.name"] for resource in collector.resources} == {"named"}
    assert SECRET not in "".join(collector.texts)


def test_of_sampled_out_items_no_span_is_sent_and_all_else_is() -> None:
    sampling = {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"}
    with running_collector() as collector:
        run(PATIENT + PROGRAM, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, **sampling)
    assert collector.spans == []
    assert collector.series("geocatalog.queue.messages", "queue") == {"items": 3}
    assert FAILURE in {line.name for line in collector.lines}


def test_application_insights_gets_it_by_the_app_s_identity(tmp_path: Path, start_part: Callable[..., str]) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    make_certificate(certificate, key)
    envelopes: list[dict[str, Any]] = []
    authorizations = set()

    class Ingestion(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            authorizations.add(self.headers["Authorization"])
            body = self.rfile.read(int(self.headers["Content-Length"]))
            body = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
            found = json.loads(body)
            envelopes.extend(found)
            answer = json.dumps({"itemsReceived": len(found), "itemsAccepted": len(found), "errors": []}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
            """Keeps the test's output free of a line per export."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    identity = start_part("local.identity", "--header", "shown")
    with ThreadingHTTPServer(("127.0.0.1", 0), Ingestion) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.05,)).start()
        endpoint = f"https://127.0.0.1:{server.server_address[1]}/"
        instrumentation_key = "00000000-0000-0000-0000-00000000000a"
        ended = run(
            PATIENT + PROGRAM,
            APPLICATIONINSIGHTS_CONNECTION_STRING=f"InstrumentationKey={instrumentation_key};IngestionEndpoint={endpoint}",
            APPLICATIONINSIGHTS_AUTHENTICATION_STRING=f"ClientId={CLIENT_ID};Authorization=AAD",
            APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL="true",
            APPLICATIONINSIGHTS_SDKSTATS_DISABLED="true",
            IDENTITY_ENDPOINT=f"{identity}/msi/token",
            IDENTITY_HEADER="shown",
            REQUESTS_CA_BUNDLE=str(certificate),
            WEBSITE_SITE_NAME="func-name",
        )
        server.shutdown()
    assert (ended.returncode, ended.stdout) == (0, "raised on\n"), ended.stderr
    assert authorizations, ended.stderr  # one of each exporter, which may have asked at different moments
    assert all(str(token).startswith("Bearer eyJ") for token in authorizations)
    assert {envelope["tags"]["ai.cloud.role"] for envelope in envelopes} == {"func-name"}
    data = {envelope["data"]["baseType"]: envelope["data"]["baseData"] for envelope in envelopes}
    assert data["RequestData"]["name"] == "process items"
    assert data["RemoteDependencyData"]["data"] == "https://example.com/a"
    assert data["ExceptionData"]["exceptions"][0]["message"] == FAILURE
    messages = [e["data"]["baseData"]["message"] for e in envelopes if e["data"]["baseType"] == "MessageData"]
    assert messages == ["Item c/i: https://example.com/?…"]
    points = [e["data"]["baseData"] for e in envelopes if e["data"]["baseType"] == "MetricData"]
    sent = {(point["metrics"][0]["name"], point["metrics"][0]["value"]): point["properties"] for point in points}
    assert sent["geocatalog.queue.messages", 3] == {"queue": "items"}
    assert SECRET not in json.dumps(envelopes)


def test_a_receiver_that_hangs_does_not_keep_the_process() -> None:
    # It takes connections and never answers; were it waited for, the program would not end within its time-out.
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        ended = run(PROGRAM, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}")
    assert (ended.returncode, ended.stdout) == (0, "raised on\n")


@pytest.mark.parametrize("settings", [{}, {"APPLICATIONINSIGHTS_CONNECTION_STRING": f"InstrumentationKey={SECRET}"}])
def test_without_a_receiver_nothing_is_told_and_all_goes_on(settings: dict[str, str]) -> None:
    ended = run(PROGRAM, **settings)
    assert (ended.returncode, ended.stdout) == (0, "raised on\n")
    assert ("Telemetry stays off" in ended.stderr) == bool(settings)
    assert SECRET not in ended.stderr.replace(f"?sig={SECRET}", "")
