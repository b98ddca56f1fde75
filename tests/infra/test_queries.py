"""Alerts and workbook look for log lines that the code writes, and each alert has its entry in the runbook."""

import ast
import re
from pathlib import Path

import pytest

from tests.infra.predictions import INFRA, ROOT, committed, of_type

QUERIES = sorted((INFRA / "queries").rglob("*.kql"))
RUNBOOK = ROOT / "docs" / "runbook.md"

# What a log line looks like, by its format: one line for each shape that the queries tell apart.
EXAMPLES = {
    "Message of queue %s rejected: %s %s": [
        "Message of queue items rejected: BadMessage The body is not JSON.",
        "Message of queue blob-events rejected: RepeatedCrash Handling the message crashed again and again.",
    ],
    "Item %s/%s: %s": [
        f"Item sentinel-2-l2a/S2A MSI: {outcome}"
        for outcome in ("ingested", "replaced", "unchanged", "superseded", "skipped", "failed", "canceled", "deleted")
    ],
    "Item %s/%s failed: %s %s": ["Item c/i failed: BadAsset The asset B01 has no href."],
    "%s %s for %s: %s %s": [
        "Item c/i held for 0:15:00: CollectionDoesNotExist There is no collection c.",
        "Item c/i delayed for 0:00:16.391847: Throttled GeoCatalog asked to wait.",
        "Item c/i delayed for 1 day, 0:00:00: Throttled GeoCatalog asked to wait.",
        "Message of queue collections delayed for 0:00:15: Unavailable GeoCatalog did not answer.",
        "Message of queue deletions held for 0:15:00: Forbidden GeoCatalog answered 403.",
    ],
    "Item %s/%s: operation %s failed with %s; tried again in %s": [
        "Item c/i: operation 3f1c failed with InternalError; tried again in 0:00:15"
    ],
    "Operation %s of item %s is stalled: open since %s": [
        "Operation 3f1c of item i is stalled: open since 2026-01-01 00:00:00+00:00"
    ],
    "Ingestion source %s: %s %s": [
        "Ingestion source https://a.blob.core.windows.net/c: Unavailable It did not answer."
    ],
    "Feed %s: %s %s": ["Feed iceland: Unavailable planetarycomputer.microsoft.com answered 500."],
    "Ingestion source %s is in place": ["Ingestion source https://a.blob.core.windows.net/c is in place"],
    "A message of queue %s came back from its poison queue and is tried once more": [
        "A message of queue items came back from its poison queue and is tried once more"
    ],
    "Following operations paused: %s": ["Following operations paused: GeoCatalog asked to wait."],
}

WRITERS = ("log.info", "log.warning", "log.error")

each_query = pytest.mark.parametrize("path", QUERIES, ids=lambda path: f"{path.parent.name}/{path.stem}")


def _needs(path: Path, kind: str) -> list[str]:
    return re.findall(rf"^// {kind}: (.+)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)


def _formats_of_the_code() -> set[str]:
    formats = set()
    for path in (ROOT / "shared").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=func, args=[ast.Constant(value=str(text)), *_]) if ast.unparse(func) in WRITERS:
                    formats.add(text)
    return formats


@each_query
def test_the_code_writes_the_lines_it_looks_for(path: Path) -> None:
    assert set(_needs(path, "log")) <= _formats_of_the_code()
    assert set(_needs(path, "log")) <= set(EXAMPLES)


@each_query
def test_each_pattern_and_phrase_finds_a_line(path: Path) -> None:
    lines = [line for format_ in _needs(path, "log") for line in EXAMPLES[format_]]
    query = path.read_text(encoding="utf-8")
    for pattern in re.findall(r'@"([^"]+)"', query):
        assert any(re.search(pattern, line) for line in lines), pattern
    for operator, phrase in re.findall(r'Message (startswith|contains|endswith) "([^"]+)"', query):
        matches = {"startswith": str.startswith, "contains": str.__contains__, "endswith": str.endswith}[operator]
        assert any(matches(line, phrase) for line in lines), phrase


@each_query
def test_each_line_is_found_by_a_pattern_or_phrase(path: Path) -> None:
    query = path.read_text(encoding="utf-8")
    wanted = re.findall(r'@"([^"]+)"', query)
    wanted += [re.escape(phrase) for phrase in re.findall(r'Message (?:startswith|contains|endswith) "([^"]+)"', query)]
    for format_ in _needs(path, "log"):
        assert any(re.search(pattern, line) for pattern in wanted for line in EXAMPLES[format_]), format_


@each_query
def test_the_code_has_the_functions_it_looks_for(path: Path) -> None:
    code = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "functions").glob("*.py"))
    for name in _needs(path, "function"):
        assert f"def {name}(" in code


@each_query
def test_it_names_each_metric_it_asks_for(path: Path) -> None:
    asked = set(re.findall(r'"(geocatalog\.[\w.]+)"', path.read_text(encoding="utf-8")))
    assert asked == set(_needs(path, "metric"))


def test_each_metric_is_sent() -> None:
    code = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "shared" / "telemetry").glob("*.py"))
    asked = {name for path in QUERIES for name in _needs(path, "metric")}
    assert asked - set(re.findall(r'"(geocatalog\.[\w.]+)"', code)) == set()


ALERTS = {alert["name"]: alert for alert in of_type(committed(), "Microsoft.Insights/scheduledQueryRules")}


def test_each_query_is_in_use() -> None:
    for path in QUERIES:
        module = {"alerts": "alerts.bicep", "workbook": "workbook.bicep"}[path.parent.name]
        use = f"loadTextContent('../queries/{path.parent.name}/{path.name}')"
        assert (INFRA / "modules" / module).read_text(encoding="utf-8").count(use) == 1, path.name


def test_each_alert_runs_the_query_of_its_name() -> None:
    for name, alert in ALERTS.items():
        (condition,) = alert["properties"]["criteria"]["allOf"]
        assert condition["query"] == (INFRA / "queries" / "alerts" / f"{name}.kql").read_text(encoding="utf-8")


def test_nothing_rests_on_what_the_host_sends() -> None:
    # With OpenTelemetry, hosts before 4.1044 send no requests of functions, and none sends the worker's errors.
    for path in QUERIES:
        tables = set(re.findall(r"^\(?(App\w+|AzureMetrics)", path.read_text(encoding="utf-8"), flags=re.MULTILINE))
        assert tables <= {"AppMetrics", "AppTraces", "AzureMetrics"}, path.name


def test_a_silent_app_is_told_of_within_half_an_hour() -> None:
    rule = ALERTS["app-silent"]["properties"]
    periods = rule["criteria"]["allOf"][0]["failingPeriods"]
    assert (rule["windowSize"], rule["evaluationFrequency"], rule["severity"]) == ("PT15M", "PT5M", 1)
    assert periods == {"numberOfEvaluationPeriods": 2, "minFailingPeriodsToAlert": 2}
    sites = [item for item in of_type(committed(), "Microsoft.Insights/diagnosticSettings") if "/sites/" in item["id"]]
    assert [item["properties"]["metrics"] for item in sites] == [[{"category": "AllMetrics", "enabled": True}]]


def test_the_docs_tell_how_many_alerts_are_paid_for() -> None:
    rules = [alert["properties"]["evaluationFrequency"] for alert in ALERTS.values()]
    costs = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8").split("\n## Costs\n")[1]
    told = {f"PT{minutes}M": int(number) for number, minutes in re.findall(r"(\d+) rules? every (\d+) minutes", costs)}
    assert told == {frequency: rules.count(frequency) for frequency in rules}


def test_each_alert_has_its_entry_in_the_runbook() -> None:
    section = RUNBOOK.read_text(encoding="utf-8").split("\n## Alerts\n")[1].split("\n## ")[0]
    anchors = {title.lower().replace(" ", "-") for title in re.findall(r"^### (.+)$", section, flags=re.MULTILINE)}
    assert anchors == set(ALERTS)


def test_each_entry_says_how_to_look_what_it_means_and_how_to_fix_it() -> None:
    section = RUNBOOK.read_text(encoding="utf-8").split("\n## Alerts\n")[1].split("\n## ")[0]
    for entry in section.split("\n### ")[1:]:
        for word in ("- Look: ", "- It means", "- Fix: "):
            assert word in entry, f"{entry.splitlines()[0]}: {word}"
