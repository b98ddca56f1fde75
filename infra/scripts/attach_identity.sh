#!/bin/sh
# Runs after `azd provision`: attaches the ingestion identity to a GeoCatalog that existed before. A new one has it already.
set -eu

[ -n "${EXISTING_GEOCATALOG_NAME:-}" ] || exit 0
command -v az >/dev/null || { printf '%s\n' "There is no Azure CLI (az); install it and run 'azd hooks run postprovision'." >&2; exit 1; }
: "${EXISTING_GEOCATALOG_RESOURCE_GROUP:?is not set; see docs/deploy.md}"
: "${INGESTION_IDENTITY_ID:?is not set; run this by azd hooks run postprovision}"

AZURE_EXTENSION_USE_DYNAMIC_INSTALL=yes_without_prompt az planetarycomputer geocatalog identity assign \
    --subscription "${EXISTING_GEOCATALOG_SUBSCRIPTION_ID:-$AZURE_SUBSCRIPTION_ID}" \
    --resource-group "$EXISTING_GEOCATALOG_RESOURCE_GROUP" --name "$EXISTING_GEOCATALOG_NAME" \
    --user-assigned "$INGESTION_IDENTITY_ID" --output none
