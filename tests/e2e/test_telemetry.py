"""What the running app tells a collector: one trace per item, metrics, log lines, and no secret in any of them."""

import re
from collections.abc import Iterator

import pytest

from tests.otlp_collector import Collector, Record, running_collector
from tests.running_stack import RunningStack, running_stack, small_item, wait_for

COLLECTION = "telling"
SECRET = "c2VjcmV0LXNpZ25hdHVyZQ"
CONSUMER, CLIENT = 5, 3
RUNNING = {"ingest_item", "configure_collection", "track_operations", "renew_sources", "record_items_poison"}
# Sent often, so that a test need not wait for a minute.
OFTEN = {"OTEL_BSP_SCHEDULE_DELAY": "200", "OTEL_BLRP_SCHEDULE_DELAY": "200", "OTEL_METRIC_EXPORT_INTERVAL": "500"}


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with running_collector() as running:
        yield running


@pytest.fixture(scope="module")
def stack(collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    # As in Azure: the worker attaches the host's trace.
    settings = {**OFTEN, "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "PYTHON_ENABLE_OPENTELEMETRY": "true"}
    with running_stack(tmp_path_factory.mktemp("telling"), "--assets", "trust", settings=settings) as running:
        running.create_collection(COLLECTION)
        yield running


def told(collector: Collector, *names: str, **attributes: object) -> dict[str, Record]:
    """Waits for the trace that has spans of these names, and returns its spans by name."""

    def spans() -> dict[str, Record]:
        found = {span.name: span for span in collector.trace(**attributes)}
        return found if set(names) <= set(found) else {}

    return wait_for(spans, f"a trace of {names} with {attributes}")


def test_one_trace_goes_from_the_queue_to_the_outcome(stack: RunningStack, collector: Collector) -> None:
    stack.catalog("PUT", "/_emulator/behavior", json={"ingest_seconds": [0.5, 0.6]})
    stack.send("items", {"item": small_item(COLLECTION, "followed"), "correlation_id": "order-7"})
    result = stack.result(id="followed", outcome="ingested")
    spans = told(collector, "process items", "POST", "operation AddItem", **{"geocatalog.item": "followed"})
    work, call, operation = spans["process items"], spans["POST"], spans["operation AddItem"]

    assert {span.trace_id for span in spans.values()} == {work.trace_id}
    assert (work.kind, call.kind, call.parent_id) == (CONSUMER, CLIENT, work.span_id)
    assert call.attributes["url.full"] == f"{stack.env['GEOCATALOG_URL']}/stac/collections/{COLLECTION}/items"
    assert call.attributes["http.response.status_code"] == 202
    for span in (work, operation):
        assert span.attributes["geocatalog.collection"] == COLLECTION
        assert span.attributes["geocatalog.correlation_id"] == "order-7"
        assert span.attributes["geocatalog.operation_id"] == result["operation_id"]
    assert work.attributes["geocatalog.attempt"] == 0
    assert operation.attributes["geocatalog.outcome"] == "ingested"
    assert operation.end - operation.start > 0.5e9

    def lines() -> set[str]:
        return {line.name for line in collector.lines if line.trace_id == work.trace_id}

    wait_for(lambda: f"Item {COLLECTION}/followed: ingested" in lines(), "the log line of the outcome in its trace")


def test_a_producer_s_own_trace_goes_on(stack: RunningStack, collector: Collector) -> None:
    trace_id, span_id = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    message = {"item": small_item(COLLECTION, "given"), "traceparent": f"00-{trace_id}-{span_id}-01"}
    stack.send("items", message)
    spans = told(collector, "process items", "operation AddItem", **{"geocatalog.item": "given"})
    for name in ("process items", "operation AddItem"):
        assert (spans[name].trace_id, spans[name].parent_id) == (trace_id, span_id)


@pytest.mark.parametrize("given", ["no trace", "00-00000000000000000000000000000000-0000000000000000-01"])
def test_without_a_usable_trace_the_correlation_id_is_its_id(
    stack: RunningStack, collector: Collector, given: str
) -> None:
    item_id = f"own-{len(given)}"
    stack.send("items", {"item": small_item(COLLECTION, item_id), "traceparent": given})
    spans = told(collector, "process items", "operation AddItem", **{"geocatalog.item": item_id})
    correlation_id = spans["process items"].attributes["geocatalog.correlation_id"]
    assert {span.trace_id for span in spans.values()} == {correlation_id}


def test_what_is_sent_again_stays_in_its_trace(stack: RunningStack, collector: Collector) -> None:
    fault = {"method": "POST", "path": "/stac/collections/*/items", "kind": "status", "status": 500, "count": 1}
    failure = {"code": "InternalError", "probability": 1, "count": 1}
    stack.catalog("PUT", "/_emulator/behavior", json={"faults": [fault], "operation_failures": [failure]})
    stack.send("items", small_item(COLLECTION, "again"))
    stack.result(id="again", outcome="ingested", seconds=120)
    ours = {"geocatalog.item": "again"}
    wait_for(lambda: len(collector.trace(**ours)) >= 8, "the spans of three tries")
    spans = collector.trace(**ours)
    attempts = [span for span in spans if span.name == "process items"]
    assert len({span.trace_id for span in spans}) == 1
    assert [span.attributes["geocatalog.attempt"] for span in attempts] == [0, 1, 2]
    assert attempts[0].attributes["geocatalog.retry_reason"] == "LostResponse"
    outcomes = [span.attributes["geocatalog.outcome"] for span in spans if span.name == "operation AddItem"]
    assert outcomes == ["delayed", "ingested"]
    assert [span.failed for span in spans if span.name == "operation AddItem"] == [True, False]


def test_metrics_have_the_names_that_alerts_ask_for(stack: RunningStack, collector: Collector) -> None:
    stack.send("collections", {"planetary_computer": "sentinel-2-l2a", "collection": "with-a-source"})
    stack.send("items", small_item("no-such-collection", "held"))
    stack.send("items", "not json", plain=True)
    stack.send("items", small_item(COLLECTION, "counted"))
    stack.send("items-poison", small_item(COLLECTION, "moved"))
    stack.result(id="counted", outcome="ingested")

    def series(name: str, attribute: str) -> dict[str | None, float]:
        return collector.series(f"geocatalog.{name}", attribute)

    wait_for(lambda: series("items.outcomes", "outcome").keys() >= {"ingested", "rejected", "applied"}, "outcomes")
    wait_for(lambda: series("items.retries", "reason").get("CollectionDoesNotExist"), "retries by reason")
    wait_for(lambda: series("dead_letters", "queue").get("items"), "dead letters")
    wait_for(lambda: series("poison.messages", "queue").get("items"), "the message on the poison queue")
    wait_for(lambda: series("functions.runs", "function").keys() >= RUNNING, "runs of each function")
    wait_for(lambda: series("functions.duration", "function").keys() >= RUNNING, "how long each function ran")
    assert series("functions.runs", "outcome").keys() == {"succeeded"}
    wait_for(lambda: series("sources.time_left", "container_url"), "the source's time left")
    [(container_url, seconds)] = series("sources.time_left", "container_url").items()
    assert str(container_url).endswith("/sentinel2-l2")
    assert 0 < seconds <= 3600
    wait_for(lambda: series("operations.oldest_age", "").get(None) == 0, "no operation left open")
    wait_for(lambda: series("queue.messages", "queue").get("items", 0) >= 1, "the held item's message")
    assert series("queue.oldest_age", "queue").keys() == series("queue.messages", "queue").keys()
    assert "results" not in series("queue.messages", "queue")


def test_a_message_that_is_due_has_an_age(stack: RunningStack, collector: Collector) -> None:
    # Twice as many as the app works on at once, while GeoCatalog is slow.
    stack.catalog("PUT", "/_emulator/behavior", json={"latency_ms": 1500})
    for number in range(80):
        stack.send("items", small_item(COLLECTION, f"waiting-{number}"))
    wait_for(lambda: collector.series("geocatalog.queue.oldest_age", "queue")["items"] > 0, "a message that waits")
    stack.catalog("PUT", "/_emulator/behavior", json={"latency_ms": 0})


def test_no_secret_is_told(stack: RunningStack, collector: Collector) -> None:
    sas = f"sv=2026-01-01&se=2099-01-01T00%3A00%3A00Z&sr=c&sp=rl&sig={SECRET}%3D"
    item = small_item(COLLECTION, "signed")
    item["assets"]["data"]["href"] += f"?{sas}"
    failure = {"code": "InternalError", "message": f"Source: https://a.blob.core.windows.net/c/x.tif?{sas}", "count": 1}
    stack.catalog("PUT", "/_emulator/behavior", json={"operation_failures": [{**failure, "probability": 1}]})
    stack.send("items", {"item": item, "correlation_id": f"https://a.example/?{sas}"})
    stack.send("items", {"href": f"https://elsewhere.example.org/x.json?{sas}"})
    stack.send("items", f"not json {sas} Bearer {SECRET}", plain=True)
    stack.send("deletions", {"collection": COLLECTION, "id": f"a?{sas}"})
    told(collector, "operation AddItem", **{"geocatalog.item": "signed"})
    wait_for(lambda: len(stack.results(outcome="rejected")) >= 3, "the rejections")
    before = len(collector.texts)
    wait_for(lambda: len(collector.texts) > before + 3, "what was left to tell")

    token = stack.clients.credential.get_token(stack.clients.settings.geocatalog_scope).token
    key = stack.env["INGEST_STORAGE"].partition("AccountKey=")[2].partition(";")[0]
    everything = "\n".join(collector.texts)
    for secret in (SECRET, token, key, stack.env["IDENTITY_HEADER"], "eyJ", "not json"):
        assert secret not in everything, secret[:6]
    assert not re.search(r"sig=(?!…)", everything)


def test_what_sends_is_named(collector: Collector) -> None:
    assert "geocatalog-ingestion" in {resource["service.name"] for resource in collector.resources}


def test_a_dead_collector_holds_up_nobody(stack: RunningStack, collector: Collector) -> None:
    collector.answers.clear()
    stack.send("items", small_item(COLLECTION, "untold"))
    stack.wait_all(COLLECTION, "Succeeded", {"untold"})
    told_before = len(collector.texts)  # what was under way when the collector stopped has come by now
    ids = {f"untold-{number}" for number in range(20)}
    for item_id in ids:
        stack.send("items", small_item(COLLECTION, item_id))
    stack.wait_all(COLLECTION, "Succeeded", ids)
    assert len(collector.texts) == told_before
