"""Nobody gets more than needed: roles, keys, transport, telemetry."""

import re
from pathlib import Path

import pytest

from tests.infra.bicep_syntax import (
    BICEP_FILES,
    INFRA,
    body_of,
    declarations,
    members,
    resource_type,
    value_of,
    variable,
)

ROLES = INFRA / "modules" / "roles.bicep"

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

POISON = (
    "items-poison",
    "collections-poison",
    "deletions-poison",
    "blob-events-poison",
    "webjobs-blobtrigger-poison",
)
READ_BY_THE_APP = ("items", "collections", "deletions", "blob-events", *POISON)

# Every right that is granted, by who: (role, on what, its name). Change it only together with SECURITY.md.
EXPECTED = {
    "app": {
        ("Storage Blob Data Owner", "hostAccount", ""),
        ("Storage Table Data Contributor", "hostAccount", ""),
        *(("Storage Queue Data Contributor", "queue", name) for name in READ_BY_THE_APP),
        ("Storage Queue Data Message Sender", "queue", "results"),
        *(("Storage Table Data Contributor", "table", name) for name in ("status", "deadletters", "sources", "pacing")),
        ("Storage Blob Data Reader", "container", "incoming"),
        ("Storage Blob Data Contributor", "container", "payloads"),
        ("Storage Blob Data Reader", "container", "configuration"),
        ("Monitoring Metrics Publisher", "applicationInsights", ""),
        ("GeoCatalog Administrator", "geocatalog", ""),
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
        *(("Storage Queue Data Message Sender", "queue", name) for name in ("items", "collections", "deletions")),
        *(("Storage Queue Data Reader", "queue", name) for name in ("results", *READ_BY_THE_APP)),
        *(("Storage Table Data Contributor", "table", name) for name in ("status", "deadletters", "sources")),
        ("Storage Table Data Reader", "table", "pacing"),
        *(("Storage Blob Data Contributor", "container", name) for name in ("incoming", "payloads", "configuration")),
        ("Storage Blob Data Reader", "container", "event-deadletters"),
        ("Log Analytics Reader", "workspace", ""),
        ("GeoCatalog Reader", "geocatalog", ""),
    },
}


def _granted() -> list[dict[str, str]]:
    lines: list[dict[str, str]] = variable(ROLES, "roles")
    return lines


@pytest.mark.parametrize("who", EXPECTED)
def test_each_has_exactly_the_rights_it_needs(who: str) -> None:
    granted = {(line["role"], line["on"], line["name"]) for line in _granted() if line["who"] == who}
    assert granted == EXPECTED[who]


def test_nobody_else_is_granted_anything() -> None:
    assert {line["who"] for line in _granted()} == set(EXPECTED)


def test_each_right_is_granted_once_and_has_a_reason() -> None:
    lines = [(line["who"], line["role"], line["on"], line["name"]) for line in _granted()]
    assert len(lines) == len(set(lines))
    assert all(line["why"] for line in _granted())


def test_operators_may_do_all_that_producers_may() -> None:
    # main.bicep leaves an operator out of the producers on this ground: granting the same twice is an error.
    assert EXPECTED["producers"] <= EXPECTED["operators"]


def test_each_kind_of_scope_is_granted_somewhere() -> None:
    applied = set(re.findall(r"grant\.on == '(\w+)'", ROLES.read_text(encoding="utf-8")))
    assert applied == {line["on"] for line in _granted()}


def test_role_ids_are_those_of_the_roles_named() -> None:
    ids = variable(ROLES, "roleIds")
    assert ids == ROLE_IDS
    assert {line["role"] for line in _granted()} == set(ids)


def test_roles_are_granted_from_the_list_only() -> None:
    for path in BICEP_FILES:
        for name, node in declarations(path, "resource").items():
            if resource_type(node).startswith("Microsoft.Authorization/"):
                assert path.name.startswith("roles-on-"), f"{path.name}: {name}"
                properties = value_of(members(body_of(node))["properties"])
                assert properties["principalId"] == "grant.principalId"
                assert "roleIds[grant.role]" in properties["roleDefinitionId"]


@pytest.mark.parametrize("name", ["host-storage.bicep", "ingest-storage.bicep"])
def test_storage_takes_identities_only_over_tls(name: str) -> None:
    path = INFRA / "modules" / name
    properties = value_of(members(body_of(declarations(path, "resource")["account"]))["properties"])
    assert properties["allowSharedKeyAccess"] is False
    assert properties["allowBlobPublicAccess"] is False
    assert properties["minimumTlsVersion"] == "TLS1_2"
    assert properties["supportsHttpsTrafficOnly"] is True


def test_every_storage_account_is_one_of_the_two() -> None:
    made = [
        path.name
        for path in BICEP_FILES
        for node in declarations(path, "resource").values()
        if resource_type(node).startswith("Microsoft.Storage/storageAccounts@") and not _exists_already(node)
    ]
    assert sorted(made) == ["host-storage.bicep", "ingest-storage.bicep"]


def _exists_already(node: object) -> bool:
    return any(child.type == "existing" for child in getattr(node, "children", ()))


def test_telemetry_is_taken_from_identities_only() -> None:
    path = INFRA / "modules" / "monitoring.bicep"
    resources = declarations(path, "resource")
    insights = value_of(members(body_of(resources["applicationInsights"]))["properties"])
    workspace = value_of(members(body_of(resources["workspace"]))["properties"])
    assert insights["DisableLocalAuth"] is True
    assert insights["WorkspaceResourceId"] == "workspace.id"
    assert workspace["features"]["disableLocalAuth"] is True


# What looks like a secret and is none, each with the reason.
NO_SECRETS = {
    (
        "function-app.bicep",
        "ConnectionString",
    ): "says where telemetry goes; with local authentication off it opens nothing",
}


@pytest.mark.parametrize("path", BICEP_FILES, ids=lambda path: path.name)
def test_no_keys_and_no_connection_strings(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for word in ("listKeys", "ConnectionString", "AccountKey", "SharedAccessKey", "listAccountSas", "listServiceSas"):
        if word in text:
            assert (path.name, word) in NO_SECRETS, f"{path.name}: {word}"


def test_passwords_for_deployment_are_off() -> None:
    resources = declarations(INFRA / "modules" / "function-app.bicep", "resource")
    for name in ("scmCredentials", "ftpCredentials"):
        assert value_of(members(body_of(resources[name]))["properties"]) == {"allow": False}
