#!/bin/sh
# Runs after `azd provision`: attaches the ingestion identity to a GeoCatalog that existed before. A new one has it already.
set -eu

[ -n "${EXISTING_GEOCATALOG_NAME:-}" ] || exit 0
command -v az >/dev/null || { printf '%s\n' "There is no Azure CLI (az); install it and run 'azd hooks run postprovision'." >&2; exit 1; }
: "${EXISTING_GEOCATALOG_RESOURCE_GROUP:?is not set; see docs/deploy.md}"
: "${INGESTION_IDENTITY_ID:?is not set; run this by azd hooks run postprovision}"

group="/subscriptions/${EXISTING_GEOCATALOG_SUBSCRIPTION_ID:-$AZURE_SUBSCRIPTION_ID}/resourceGroups/$EXISTING_GEOCATALOG_RESOURCE_GROUP"
url="$group/providers/Microsoft.Orbital/geoCatalogs/$EXISTING_GEOCATALOG_NAME?api-version=2026-04-15"

# A type that leaves out SystemAssigned would remove the GeoCatalog's own identity, so the present type is read first.
present=$(az rest --method get --url "$url" --query identity.type --output tsv)
case "$present" in
    *SystemAssigned*) type="SystemAssigned,UserAssigned" ;;
    *) type="UserAssigned" ;;
esac

# PATCH adds to the user-assigned identities that are attached already
# (learn.microsoft.com/azure/planetary-computer/assign-managed-identity-geocatalog-resource).
az rest --method patch --headers Content-Type=application/json --output none --url "$url" \
    --body "{'identity': {'type': '$type', 'userAssignedIdentities': {'$INGESTION_IDENTITY_ID': {}}}}"
