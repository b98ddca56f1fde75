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
$env:AZURE_EXTENSION_USE_DYNAMIC_INSTALL = 'yes_without_prompt'
az planetarycomputer geocatalog identity assign --subscription $subscription `
    --resource-group $env:EXISTING_GEOCATALOG_RESOURCE_GROUP --name $env:EXISTING_GEOCATALOG_NAME `
    --user-assigned $env:INGESTION_IDENTITY_ID --output none
exit $LASTEXITCODE
