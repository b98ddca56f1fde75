# Runs after `azd provision`: attaches the ingestion identity to a GeoCatalog that existed before. A new one has it already.
$ErrorActionPreference = 'Stop'

if (-not $env:EXISTING_GEOCATALOG_NAME) { exit 0 }
if (-not (Get-Command az -ErrorAction SilentlyContinue)) {
    [Console]::Error.WriteLine("There is no Azure CLI (az); install it and run 'azd hooks run postprovision'.")
    exit 1
}
foreach ($name in 'EXISTING_GEOCATALOG_RESOURCE_GROUP', 'INGESTION_IDENTITY_ID') {
    if (-not [Environment]::GetEnvironmentVariable($name)) {
        [Console]::Error.WriteLine("$name is not set; see docs/deploy.md.")
        exit 1
    }
}

$subscription = if ($env:EXISTING_GEOCATALOG_SUBSCRIPTION_ID) { $env:EXISTING_GEOCATALOG_SUBSCRIPTION_ID } else { $env:AZURE_SUBSCRIPTION_ID }
$group = "/subscriptions/$subscription/resourceGroups/$env:EXISTING_GEOCATALOG_RESOURCE_GROUP"
$url = "$group/providers/Microsoft.Orbital/geoCatalogs/${env:EXISTING_GEOCATALOG_NAME}?api-version=2026-04-15"

# A type that leaves out SystemAssigned would remove the GeoCatalog's own identity, so the present type is read first.
$present = az rest --method get --url $url --query identity.type --output tsv
if ($LASTEXITCODE -ne 0) { exit $LASTEXITCODE }
$type = if ($present -match 'SystemAssigned') { 'SystemAssigned,UserAssigned' } else { 'UserAssigned' }

# PATCH adds to the user-assigned identities that are attached already
# (learn.microsoft.com/azure/planetary-computer/assign-managed-identity-geocatalog-resource).
az rest --method patch --headers Content-Type=application/json --output none --url $url `
    --body "{'identity': {'type': '$type', 'userAssignedIdentities': {'$env:INGESTION_IDENTITY_ID': {}}}}"
exit $LASTEXITCODE
