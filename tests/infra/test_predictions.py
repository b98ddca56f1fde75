"""The Bicep files compile without a word, and what each variant of the deployment comes to."""

import functools
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.infra.predictions import (
    BICEP,
    BICEP_FILES,
    COMMITTED,
    ELSEWHERE,
    INFRA,
    OPERATOR,
    PRODUCER,
    ROOT,
    VARIANTS,
    WITHOUT_BICEP,
    PredictionFailed,
    committed,
    digest,
    of_type,
    predict,
    settings_of,
)

needs_bicep = pytest.mark.skipif(BICEP is None, reason=WITHOUT_BICEP)
predicted = functools.cache(predict)

ASSIGNMENT = "Microsoft.Authorization/roleAssignments"


def _bicep(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(BICEP), *arguments], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


@needs_bicep
def test_the_compiler_has_nothing_to_say() -> None:
    # Warnings end with 0, and so do a misspelt property and a value of the wrong type.
    done = _bicep("lint", "--pattern", "infra/**/*.bicep")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@needs_bicep
def test_the_formatter_would_change_nothing(tmp_path: Path) -> None:
    copy = shutil.copytree(INFRA, tmp_path / "infra")
    done = _bicep("format", "--pattern", f"{copy}/**/*.bicep")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    for path in BICEP_FILES:
        formatted = copy / path.relative_to(INFRA)
        assert formatted.read_text(encoding="utf-8") == path.read_text(encoding="utf-8"), path.name


def test_the_committed_prediction_is_of_these_files() -> None:
    made_of = json.loads(COMMITTED.read_text(encoding="utf-8"))["made_of"]
    assert made_of == digest(), "infra/ was changed: run `python -m tests.infra.predictions` where bicep is on the PATH"


@needs_bicep
def test_the_committed_prediction_is_what_the_compiler_predicts() -> None:
    assert committed() == predicted("new")


def test_every_file_is_part_of_the_deployment() -> None:
    texts = [path.read_text(encoding="utf-8") for path in BICEP_FILES]
    for path in BICEP_FILES:
        assert path.name == "main.bicep" or any(f"{path.name}'" in text for text in texts), path.name
    assert (INFRA / "main.bicep").is_file()


@needs_bicep
@pytest.mark.parametrize("variant", [name for name in VARIANTS if name != "existing-without-group"])
def test_every_assignment_has_a_principal_and_a_role(variant: str) -> None:
    for assignment in of_type(predicted(variant), ASSIGNMENT):
        assert assignment["properties"]["principalId"]
        assert re.search(r"/roleDefinitions/[0-9a-f-]{36}$", assignment["properties"]["roleDefinitionId"])
        assert assignment["properties"]["description"]


@needs_bicep
@pytest.mark.parametrize("variant", ["odd-lists", "person-deploys", "pipeline-deploys"])
def test_each_person_counts_once_however_the_lists_are_written(variant: str) -> None:
    assert predicted(variant) == predicted("new")


@needs_bicep
def test_without_its_name_an_existing_geocatalog_counts_for_nothing() -> None:
    assert predicted("leftovers") == predicted("new")


@needs_bicep
def test_an_existing_geocatalog_without_its_group_is_refused_with_the_setting_to_make() -> None:
    with pytest.raises(PredictionFailed, match="EXISTING_GEOCATALOG_RESOURCE_GROUP is not; set it"):
        predict("existing-without-group")


@needs_bicep
def test_without_principals_only_identities_are_granted_roles() -> None:
    added, removed, changed = _compare("nobody")
    assert not added
    assert not changed
    assert {predicted("new")[name]["type"] for name in removed} == {ASSIGNMENT}
    kinds = {item["properties"].get("principalType") for item in of_type(predicted("nobody"), ASSIGNMENT)}
    assert kinds == {"ServicePrincipal"}


@needs_bicep
def test_an_existing_geocatalog_gets_roles_and_nothing_else() -> None:
    added, removed, changed = _compare("existing")
    made = {predicted("new")[name]["type"] for name in removed if "roleAssignments" not in name}
    assert made == {"Microsoft.Orbital/geoCatalogs", "Microsoft.Insights/diagnosticSettings"}
    theirs = f"/subscriptions/{ELSEWHERE}/resourceGroups/rg-theirs/providers/Microsoft.Orbital/geoCatalogs/theirs"
    assert len(added) == len([name for name in removed if "roleAssignments" in name]) == 2
    assert all(theirs in name and "roleAssignments" in name for name in added)
    assert changed == {"~/Microsoft.Web/sites/func-TOKEN/config/appsettings"}


@needs_bicep
def test_mail_adds_one_group_that_every_alert_tells() -> None:
    added, removed, changed = _compare("mail")
    assert added == {"~/Microsoft.Insights/actionGroups/ingestion-operators"}
    assert not removed
    alerts = of_type(predicted("mail"), "Microsoft.Insights/scheduledQueryRules")
    assert changed == {alert["id"] for alert in alerts}
    assert all(alert["properties"]["actions"]["actionGroups"] == list(added) for alert in alerts)


@needs_bicep
def test_always_ready_instances_change_the_app_only() -> None:
    assert _compare("always-ready") == (set(), set(), {"~/Microsoft.Web/sites/func-TOKEN"})
    app = of_type(predicted("always-ready"), "Microsoft.Web/sites")[0]
    ready = app["properties"]["functionAppConfig"]["scaleAndConcurrency"]["alwaysReady"]
    assert ready == [{"name": "function:ingest_item", "instanceCount": 2}]


@needs_bicep
def test_a_lock_is_on_the_geocatalog() -> None:
    added, removed, changed = _compare("locked")
    assert added == {"~/Microsoft.Orbital/geoCatalogs/gc-TOKEN/providers/Microsoft.Authorization/locks/keep-geocatalog"}
    assert (removed, changed) == (set(), set())
    assert of_type(predicted("locked"), "Microsoft.Authorization/locks")[0]["properties"]["level"] == "CanNotDelete"


@needs_bicep
def test_a_network_closes_both_accounts_and_gives_the_app_a_way_in() -> None:
    added, removed, changed = _compare("vnet")
    assert not removed
    assert changed == {
        "~/Microsoft.Web/sites/func-TOKEN",
        "~/Microsoft.Storage/storageAccounts/sthostTOKEN",
        "~/Microsoft.Storage/storageAccounts/stingestTOKEN",
    }
    resources = predicted("vnet")
    assert all(resources[name]["type"].startswith("Microsoft.Network/") for name in added)
    endpoints = {
        (connection["privateLinkServiceId"].rpartition("/")[2], *connection["groupIds"])
        for endpoint in of_type(resources, "Microsoft.Network/privateEndpoints")
        for connection in (item["properties"] for item in endpoint["properties"]["privateLinkServiceConnections"])
    }
    urls = " ".join(settings_of(resources).values())
    used = set(re.findall(r"/(st\w+)', '[\d-]+'\)\.primaryEndpoints\.(\w+)", urls))
    used.remove(("sthostTOKEN", "queue"))  # only a version with a blob trigger needs it, and that had no network
    assert (
        endpoints
        == used
        == {
            *(("sthostTOKEN", service) for service in ("blob", "table")),
            *(("stingestTOKEN", service) for service in ("blob", "queue", "table")),
        }
    )
    rules = {
        account["name"]: account["properties"]["networkAcls"]
        for account in of_type(resources, "Microsoft.Storage/storageAccounts")
    }
    assert {name: [rule["value"] for rule in acls["ipRules"]] for name, acls in rules.items()} == {
        "sthostTOKEN": [],
        "stingestTOKEN": ["203.0.113.7", "198.51.100.0/24"],
    }
    # Event Grid comes as a trusted service: `publicNetworkAccess: Disabled` would keep it out.
    for account in of_type(resources, "Microsoft.Storage/storageAccounts"):
        acls = account["properties"]["networkAcls"]
        assert (acls["defaultAction"], acls["bypass"]) == ("Deny", "AzureServices")
        assert account["properties"]["publicNetworkAccess"] == "Enabled"
    network = of_type(resources, "Microsoft.Network/virtualNetworks")[0]
    subnets = {subnet["name"]: subnet["properties"] for subnet in network["properties"]["subnets"]}
    assert [item["properties"]["serviceName"] for item in subnets["app"]["delegations"]] == [
        "Microsoft.App/environments"
    ]
    app = of_type(resources, "Microsoft.Web/sites")[0]
    assert app["properties"]["virtualNetworkSubnetId"] == f"{network['id']}/subnets/app"


def test_the_docs_tell_how_many_assignments_are_made() -> None:
    principals = [item["properties"]["principalId"] for item in of_type(committed(), ASSIGNMENT)]
    of_a_producer, of_an_operator = principals.count(PRODUCER), principals.count(OPERATOR)
    of_identities = len(principals) - of_a_producer - of_an_operator
    sentence = f"This makes {of_identities}, and {of_a_producer} more per producer and {of_an_operator} per operator"
    assert sentence in (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")


def _compare(variant: str) -> tuple[set[str], set[str], set[str]]:
    """Return the ids of what a variant has more, less and otherwise than `new`."""
    new, other = predicted("new"), predicted(variant)
    changed = {name for name in new.keys() & other.keys() if new[name] != other[name]}
    return set(other.keys() - new.keys()), set(new.keys() - other.keys()), changed
