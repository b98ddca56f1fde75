"""Nobody gets more than needed: roles, keys, transport, telemetry."""

import re

import pytest

from tests.infra.predictions import BICEP_FILES, OPERATOR, PRODUCER, Resource, committed, of_type

# learn.microsoft.com/azure/role-based-access-control/built-in-roles, and for GeoCatalog
# learn.microsoft.com/azure/planetary-computer/manage-access
ROLE_IDS = {
    "GeoCatalog Administrator": "c9c97b9c-105d-4bb5-a2a7-7d15666c2484",
    "GeoCatalog Reader": "b7b8f583-43d0-40ae-b147-6b46f53661c1",
    "Log Analytics Reader": "73c42c96-874c-492b-b04d-ab87d138a893",
    "Monitoring Metrics Publisher": "3913510d-42f4-4e42-8a64-420c390055eb",
    "Storage Blob Data Contributor": "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    "Storage Blob Data Owner": "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "Storage Blob Data Reader": "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
    "Storage Queue Data Contributor": "974c5e8b-45b9-4653-ba55-5f855dd0fb88",
    "Storage Queue Data Message Sender": "c6a89b2d-59bc-44d0-9896-0f6e12d7b80a",
    "Storage Queue Data Reader": "19e7f393-937e-4f77-808e-94535e297925",
    "Storage Table Data Contributor": "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
    "Storage Table Data Reader": "76199698-9eea-4c19-bc75-cec21354c6b6",
}

WORK = ("items", "collections", "deletions", "blob-events")
POISON = tuple(f"{queue}-poison" for queue in WORK)
READ_BY_THE_APP = (*WORK, *POISON)

# Every right that is granted, by who: (role, on what, its name). Change it only together with SECURITY.md.
EXPECTED = {
    "app": {
        ("Storage Blob Data Owner", "host account", ""),
        ("Storage Table Data Contributor", "host account", ""),
        *(("Storage Queue Data Contributor", "queue", name) for name in READ_BY_THE_APP),
        ("Storage Queue Data Message Sender", "queue", "results"),
        *(
            ("Storage Table Data Contributor", "table", name)
            for name in ("status", "deadletters", "sources", "pacing", "feeds")
        ),
        ("Storage Blob Data Reader", "container", "incoming"),
        ("Storage Blob Data Contributor", "container", "payloads"),
        ("Storage Blob Data Reader", "container", "configuration"),
        ("Monitoring Metrics Publisher", "Application Insights", ""),
        ("GeoCatalog Administrator", "GeoCatalog", ""),
    },
    "eventTopic": {
        ("Storage Queue Data Message Sender", "queue", "blob-events"),
        ("Storage Blob Data Contributor", "container", "event-deadletters"),
    },
    "producers": {
        ("Storage Queue Data Message Sender", "queue", "items"),
        ("Storage Blob Data Contributor", "container", "incoming"),
        ("Storage Blob Data Contributor", "container", "payloads"),
    },
    "operators": {
        *(("Storage Queue Data Message Sender", "queue", name) for name in WORK),
        *(("Storage Queue Data Reader", "queue", name) for name in ("results", *READ_BY_THE_APP)),
        *(("Storage Table Data Contributor", "table", name) for name in ("status", "deadletters", "sources", "feeds")),
        ("Storage Table Data Reader", "table", "pacing"),
        *(("Storage Blob Data Contributor", "container", name) for name in ("incoming", "payloads", "configuration")),
        ("Storage Blob Data Reader", "container", "event-deadletters"),
        ("Log Analytics Reader", "workspace", ""),
        ("GeoCatalog Reader", "GeoCatalog", ""),
    },
}

SCOPES = {
    r"/storageAccounts/sthostTOKEN$": "host account",
    r"/storageAccounts/stingestTOKEN/queueServices/default/queues/([\w-]+)$": "queue",
    r"/storageAccounts/stingestTOKEN/tableServices/default/tables/(\w+)$": "table",
    r"/storageAccounts/stingestTOKEN/blobServices/default/containers/([\w-]+)$": "container",
    r"/components/appi-TOKEN$": "Application Insights",
    r"/workspaces/log-TOKEN$": "workspace",
    r"/geoCatalogs/gc-TOKEN$": "GeoCatalog",
}
PRINCIPALS = {"id-app-TOKEN": "app", "evgt-TOKEN": "eventTopic", PRODUCER: "producers", OPERATOR: "operators"}


def _granted() -> list[tuple[str, str, str, str]]:
    """Return each assignment as who, role, kind of scope, name."""
    roles = {role_id: name for name, role_id in ROLE_IDS.items()}
    return [
        (
            next(who for name, who in PRINCIPALS.items() if name in assignment["properties"]["principalId"]),
            roles[assignment["properties"]["roleDefinitionId"].rpartition("/")[2]],
            *_scope(assignment),
        )
        for assignment in of_type(committed(), "Microsoft.Authorization/roleAssignments")
    ]


def _scope(assignment: Resource) -> tuple[str, str]:
    # The id is a path, or where it is not known before the deployment an expression that begins with the scope.
    scope = re.split(r"/providers/Microsoft.Authorization/|', 'Microsoft.Authorization/", assignment["id"])[0]
    kind, found = next(
        (kind, found) for pattern, kind in SCOPES.items() if (found := re.search(pattern, scope)) is not None
    )
    return kind, found[1] if found.groups() else ""


@pytest.mark.parametrize("who", EXPECTED)
def test_each_has_exactly_the_rights_it_needs(who: str) -> None:
    granted = [tuple(rest) for principal, *rest in _granted() if principal == who]
    assert set(granted) == EXPECTED[who]
    assert len(granted) == len(EXPECTED[who])


def test_operators_may_do_all_that_producers_may() -> None:
    # main.bicep leaves an operator out of the producers on this ground: granting the same twice is an error.
    assert EXPECTED["producers"] <= EXPECTED["operators"]


def test_each_assignment_says_why_and_those_of_new_identities_say_their_type() -> None:
    for assignment in of_type(committed(), "Microsoft.Authorization/roleAssignments"):
        properties = assignment["properties"]
        assert properties["description"]
        # Without the type Azure looks an identity up in a directory that may not know it yet.
        assert (properties.get("principalType") == "ServicePrincipal") == properties["principalId"].startswith("[")


def test_both_storage_accounts_take_identities_only_over_tls() -> None:
    accounts = of_type(committed(), "Microsoft.Storage/storageAccounts")
    assert [account["name"] for account in accounts] == ["sthostTOKEN", "stingestTOKEN"]
    for account in accounts:
        properties = account["properties"]
        assert properties["allowSharedKeyAccess"] is False
        assert properties["allowBlobPublicAccess"] is False
        assert properties["minimumTlsVersion"] == "TLS1_2"
        assert properties["supportsHttpsTrafficOnly"] is True


def test_telemetry_is_taken_from_identities_only() -> None:
    insights = of_type(committed(), "Microsoft.Insights/components")[0]["properties"]
    workspace = of_type(committed(), "Microsoft.OperationalInsights/workspaces")[0]
    assert insights["DisableLocalAuth"] is True
    assert insights["WorkspaceResourceId"] == workspace["id"]
    assert workspace["properties"]["features"]["disableLocalAuth"] is True


def test_no_keys_and_no_connection_strings() -> None:
    # The one exception says where telemetry goes; with local authentication off it opens nothing.
    exception = "applicationInsights.properties.ConnectionString"
    for path in BICEP_FILES:
        text = path.read_text(encoding="utf-8").replace(exception, "")
        for word in (
            "listKeys",
            "ConnectionString",
            "AccountKey",
            "SharedAccessKey",
            "listAccountSas",
            "listServiceSas",
        ):
            assert word not in text, f"{path.name}: {word}"


def test_passwords_for_deployment_are_off() -> None:
    policies = of_type(committed(), "Microsoft.Web/sites/basicPublishingCredentialsPolicies")
    assert {policy["name"]: policy["properties"] for policy in policies} == {
        "func-TOKEN/ftp": {"allow": False},
        "func-TOKEN/scm": {"allow": False},
    }
