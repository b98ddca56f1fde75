# Runs after `azd deploy`: has Event Grid hand dropped blobs to the app. It can be run again at any time.
# Needs the Azure CLI, logged in, and the outputs of the deployment in the environment (azd gives them to its hooks).
$ErrorActionPreference = 'Stop'

function Stop-With([string] $Sentence) {
    [Console]::Error.WriteLine($Sentence)
    exit 1
}

if (-not (Get-Command az -ErrorAction SilentlyContinue)) {
    Stop-With "There is no Azure CLI (az); install it and run 'azd hooks run postdeploy'."
}
foreach ($name in 'AZURE_SUBSCRIPTION_ID', 'AZURE_RESOURCE_GROUP', 'AZURE_FUNCTION_APP_NAME', 'EVENT_TOPIC_NAME', 'INGEST_ACCOUNT_NAME') {
    if (-not [Environment]::GetEnvironmentVariable($name)) {
        Stop-With "$name is not set; run this by 'azd hooks run postdeploy'."
    }
}

$tries = if ($env:AFTER_DEPLOY_TRIES) { [int] $env:AFTER_DEPLOY_TRIES } else { 40 }
$pause = if ($env:AFTER_DEPLOY_PAUSE_SECONDS) { [int] $env:AFTER_DEPLOY_PAUSE_SECONDS } else { 15 }

# Calls a block until it returns true, or the tries are spent.
function Wait-Until([string] $What, [int] $Tries, [scriptblock] $Block) {
    for ($try = 1; -not (& $Block); $try++) {
        if ($try -ge $Tries) {
            Stop-With "${What}: gave up after $Tries tries; look at the app's log, then run 'azd hooks run postdeploy'."
        }
        [Console]::Error.WriteLine("${What}: not yet (try $try of $Tries)")
        Start-Sleep -Seconds $pause
    }
}

# The app makes the key when it first starts with its code. Only whether it is there is asked for, never the key.
Wait-Until "The app's key blobs_extension" $tries {
    $found = az functionapp keys list --subscription $env:AZURE_SUBSCRIPTION_ID --resource-group $env:AZURE_RESOURCE_GROUP `
        --name $env:AZURE_FUNCTION_APP_NAME --query "contains(keys(systemKeys), 'blobs_extension')" --output tsv
    $LASTEXITCODE -eq 0 -and $found -eq 'true'
}

# Event Grid asks the app to confirm, which a cold start can make too slow the first time.
Wait-Until 'The event subscription' 5 {
    az deployment group create --subscription $env:AZURE_SUBSCRIPTION_ID --resource-group $env:AZURE_RESOURCE_GROUP `
        --name event-subscription --template-file (Join-Path $PSScriptRoot '..' 'event-subscription.bicep') `
        --parameters "functionAppName=$env:AZURE_FUNCTION_APP_NAME" "topicName=$env:EVENT_TOPIC_NAME" `
        "ingestAccountName=$env:INGEST_ACCOUNT_NAME" --output none | Out-Null
    $LASTEXITCODE -eq 0
}
[Console]::Error.WriteLine("Blobs dropped in container incoming of $env:INGEST_ACCOUNT_NAME are handed to the app.")
