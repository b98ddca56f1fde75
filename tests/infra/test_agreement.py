"""Code, host.json, infra and docs say the same: settings, queues, tables, containers, functions."""

import ast
import json
import re
from typing import Any

from functions.schedules import DEFAULT_FEED_SCHEDULE, DEFAULT_RENEW_SCHEDULE, DEFAULT_TRACK_SCHEDULE
from shared.messages.models import QueueName
from shared.settings import Settings
from shared.storage.payloads import INCOMING, PAYLOADS
from shared.storage.tables import TABLES
from shared.upkeep.provision import CONTAINERS, QUEUES
from tests.infra.app_functions import triggers
from tests.infra.parameters import default_of
from tests.infra.predictions import INFRA, ROOT, Resource, committed, of_type, settings_of

HOST: dict[str, Any] = json.loads((ROOT / "host.json").read_text(encoding="utf-8"))
NAMES: dict[str, list[str]] = json.loads((INFRA / "names.json").read_text(encoding="utf-8"))
SETTINGS_DOC = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")

# Settings that the code reads and infra does not set, each with the reason.
NOT_IN_INFRA = {
    "INGEST_STORAGE": "the connection string of a local stack; Azure has the identity-based form",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "a collector of one's own, by extra-settings.json",
    "OTEL_SERVICE_NAME": "Azure has WEBSITE_SITE_NAME",
    "WEBSITE_SITE_NAME": "the platform sets it",
    "PLANETARY_COMPUTER_SUBSCRIPTION_KEY": "a secret, and optional: a Key Vault reference in extra-settings.json",
    "TIME_SCALE": "a faster clock for the local stack and tests; Azure keeps its default of 1",
}
# Settings that infra sets and no code of the app reads, each with who does.
READ_BY_OTHERS = {
    "INGEST_STORAGE__credential": "the Functions host",
    "AZURE_CLIENT_ID": "azure-identity",
    "AzureWebJobsStorage__credential": "the Functions host",
    "AzureWebJobsStorage__clientId": "the Functions host",
    "AzureWebJobsStorage__blobServiceUri": "the Functions host",
    "AzureWebJobsStorage__queueServiceUri": "the Functions host",
    "AzureWebJobsStorage__tableServiceUri": "the Functions host",
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING": "the Functions host and the exporter",
    "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL": "the exporter",
    "APPLICATIONINSIGHTS_SDKSTATS_DISABLED": "the exporter",
    "OTEL_METRIC_EXPORT_INTERVAL": "the OpenTelemetry SDK",
    "PYTHON_ENABLE_OPENTELEMETRY": "the Python worker",
    "FUNCTIONS_ENABLE_DRAIN_ON_APP_STOPPING": "the Functions host",
}
# Containers that only infra and people use, each with the reason.
NOT_IN_CODE = {
    "configuration": "people put the list of sources there; the code gets its URL",
    "event-deadletters": "Event Grid writes it",
}


READERS = ("os.environ.get", "os.getenv")


def _read_by_the_code() -> set[str]:
    """Return the names of environment variables that shared/ and functions/ read."""
    names = {str(field.alias) for field in Settings.model_fields.values()}
    for path in [*(ROOT / "shared").rglob("*.py"), *(ROOT / "functions").glob("*.py"), ROOT / "function_app.py"]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Constant(value=str(text)) if re.fullmatch(r"INGEST_STORAGE__\w+", text):
                    names.add(text)
                case ast.Call(func=func, args=[ast.Constant(value=str(text)), *_]) if ast.unparse(func) in READERS:
                    names.add(text)
                case ast.Subscript(value=value, slice=ast.Constant(value=str(text))) if _is_environment(value):
                    names.add(text)
    return names


def _is_environment(node: ast.expr) -> bool:
    return ast.unparse(node) == "os.environ"


def _set_by_infra() -> set[str]:
    return set(settings_of(committed()))


def _documented() -> dict[str, str]:
    """Return the settings of the tables in docs/settings.md, each with the rest of its row."""
    of_settings = SETTINGS_DOC.split("\n## host.json\n")[0]
    return dict(re.findall(r"^\| `([A-Za-z_]+)` \| (.+) \|$", of_settings, flags=re.MULTILINE))


def test_infra_sets_every_setting_that_the_code_reads() -> None:
    assert _read_by_the_code() - _set_by_infra() == set(NOT_IN_INFRA)


def test_infra_sets_nothing_that_nobody_reads() -> None:
    assert _set_by_infra() - _read_by_the_code() == set(READ_BY_OTHERS)


def test_every_setting_is_documented_and_no_other() -> None:
    assert set(_documented()) == _read_by_the_code() | _set_by_infra()


def _defaults_of_the_code() -> dict[str, str]:
    environment_forms = {"SAS_RENEWAL_MARGIN": "PT15M", "RETRY_MAX_AGE": "P7D", "OPERATION_DEADLINE": "PT24H"}
    defaults = {
        "FEED_SCHEDULE": DEFAULT_FEED_SCHEDULE,
        "TRACK_SCHEDULE": DEFAULT_TRACK_SCHEDULE,
        "RENEW_SCHEDULE": DEFAULT_RENEW_SCHEDULE,
        **environment_forms,
    }
    for field in Settings.model_fields.values():
        if not field.is_required() and field.alias not in defaults:
            value = "" if field.default is None else field.default
            defaults[str(field.alias)] = f"{value:g}" if isinstance(value, float) else str(value)
    for name, text in environment_forms.items():
        field = next(field for field in Settings.model_fields.values() if field.alias == name)
        read = Settings.model_validate({"GEOCATALOG_URL": "https://a.b", "INGEST_STORAGE": {}, name: text})
        assert field.default in vars(read).values()
    return defaults


def test_infra_has_the_defaults_of_the_code() -> None:
    in_infra = settings_of(committed())
    for name, default in _defaults_of_the_code().items():
        assert in_infra.get(name, default) == default, name


def test_docs_have_the_defaults_of_the_code() -> None:
    documented = _documented()
    for name, default in _defaults_of_the_code().items():
        shown = documented[name].split(" | ")[0]
        assert shown == (f"`{default}`" if default else "none"), name


def test_queues_are_those_of_the_code() -> None:
    assert _made("queueServices/queues") == set(QUEUES)


def test_tables_are_those_of_the_code() -> None:
    assert _made("tableServices/tables") == set(TABLES)


def test_containers_are_those_of_the_code() -> None:
    assert _made("blobServices/containers") == set(CONTAINERS) | set(NOT_IN_CODE)


def _made(kind: str) -> set[str]:
    """Return the names of what the ingestion account holds."""
    made = of_type(committed(), f"Microsoft.Storage/storageAccounts/{kind}")
    return {resource["name"].rpartition("/")[2] for resource in made if "/stingestTOKEN/" in resource["id"]}


def test_old_payloads_are_removed_from_their_container() -> None:
    policy = _only("Microsoft.Storage/storageAccounts/managementPolicies")
    rules = policy["properties"]["policy"]["rules"]
    assert [rule["definition"]["filters"]["prefixMatch"] for rule in rules] == [[f"{PAYLOADS}/"]]


def _only(kind: str) -> Resource:
    (resource,) = of_type(committed(), kind)
    return resource


def test_payloads_outlive_the_retry_window() -> None:
    field = next(field for field in Settings.model_fields.values() if field.alias == "RETRY_MAX_AGE")
    assert int(default_of("payloadRetentionDays")) > 4 * field.default.days


def test_each_trigger_has_its_queue() -> None:
    queues = {trigger["queueName"] for trigger in triggers().values() if "queueName" in trigger}
    assert queues == set(QUEUES) - {QueueName.RESULTS}


def test_events_of_the_watched_container_only_reach_the_queue_and_never_expire_there() -> None:
    properties = _only("Microsoft.EventGrid/systemTopics/eventSubscriptions")["properties"]
    assert properties["filter"] == {
        "subjectBeginsWith": f"/blobServices/default/containers/{INCOMING}/blobs/",
        "includedEventTypes": ["Microsoft.Storage.BlobCreated"],
    }
    destination = properties["deliveryWithResourceIdentity"]["destination"]
    assert destination["endpointType"] == "StorageQueue"
    assert destination["properties"]["queueName"] in _made("queueServices/queues")
    assert destination["properties"]["queueMessageTimeToLiveInSeconds"] == -1
    # With a storage firewall Event Grid accepts no user-assigned identity.
    assert properties["deliveryWithResourceIdentity"]["identity"] == {"type": "SystemAssigned"}
    dead_letters = properties["deadLetterWithResourceIdentity"]["deadLetterDestination"]
    assert dead_letters["properties"]["blobContainerName"] in _made("blobServices/containers")


def test_always_ready_instances_are_of_a_function_that_exists() -> None:
    text = (INFRA / "modules" / "function-app.bicep").read_text(encoding="utf-8")
    assert set(re.findall(r"'function:(\w+)'", text)) <= set(triggers())


def test_all_triggers_are_timers_and_queues_of_the_connection_that_infra_sets() -> None:
    kinds = {(trigger["type"], trigger.get("connection")) for trigger in triggers().values()}
    assert kinds == {("timerTrigger", None), ("queueTrigger", "INGEST_STORAGE")}


def test_the_host_settings_are_documented() -> None:
    queues = HOST["extensions"]["queues"]
    for name in ("messageEncoding", "batchSize", "newBatchThreshold", "visibilityTimeout", "maxDequeueCount"):
        assert f"| `{name}` | `{queues[name]}` |" in SETTINGS_DOC, name
    assert f"| `functionTimeout` | `{HOST['functionTimeout']}` |" in SETTINGS_DOC


def test_the_deployed_python_is_one_the_project_supports() -> None:
    runtime = _only("Microsoft.Web/sites")["properties"]["functionAppConfig"]["runtime"]
    assert runtime == {"name": "python", "version": "3.13"}
    assert 'requires-python = ">=3.11,<3.14"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_roles_are_on_what_is_made() -> None:
    for assignment in of_type(committed(), "Microsoft.Authorization/roleAssignments"):
        kinds = ("queueServices/default/queues", "tableServices/default/tables", "blobServices/default/containers")
        for kind in kinds:
            for name in re.findall(rf"/{kind}/([\w-]+)", assignment["id"]):
                assert name in _made(kind.replace("/default", "")), name
