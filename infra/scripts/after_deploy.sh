#!/bin/sh
# Runs after `azd deploy`: has Event Grid hand dropped blobs to the app. It can be run again at any time.
# Needs the Azure CLI, logged in, and the outputs of the deployment in the environment (azd gives them to its hooks).
set -eu

say() { printf '%s\n' "$*" >&2; }

command -v az >/dev/null || { say "There is no Azure CLI (az); install it and run 'azd hooks run postdeploy'."; exit 1; }
: "${AZURE_SUBSCRIPTION_ID:?is not set; run this by azd hooks run postdeploy}"
: "${AZURE_RESOURCE_GROUP:?is not set; run this by azd hooks run postdeploy}"
: "${AZURE_FUNCTION_APP_NAME:?is not set; run this by azd hooks run postdeploy}"
: "${EVENT_TOPIC_NAME:?is not set; run this by azd hooks run postdeploy}"
: "${INGEST_ACCOUNT_NAME:?is not set; run this by azd hooks run postdeploy}"

tries="${AFTER_DEPLOY_TRIES:-40}"
pause="${AFTER_DEPLOY_PAUSE_SECONDS:-15}"

# Calls a command until it succeeds, or the tries are spent.
until_done() {
    what="$1"
    shift
    try=1
    until "$@"; do
        if [ "$try" -ge "$tries" ]; then
            say "$what: gave up after $tries tries; look at the app's log, then run 'azd hooks run postdeploy'."
            exit 1
        fi
        say "$what: not yet (try $try of $tries)"
        try=$((try + 1))
        sleep "$pause"
    done
}

# The app makes the key when it first starts with its code. Only whether it is there is asked for, never the key.
has_key() {
    found=$(az functionapp keys list --subscription "$AZURE_SUBSCRIPTION_ID" --resource-group "$AZURE_RESOURCE_GROUP" \
        --name "$AZURE_FUNCTION_APP_NAME" --query "contains(keys(systemKeys), 'blobs_extension')" --output tsv) || return 1
    [ "$found" = "true" ]
}

# Event Grid asks the app to confirm, which a cold start can make too slow the first time.
subscribe() {
    az deployment group create --subscription "$AZURE_SUBSCRIPTION_ID" --resource-group "$AZURE_RESOURCE_GROUP" \
        --name event-subscription --template-file "$(dirname "$0")/../event-subscription.bicep" \
        --parameters functionAppName="$AZURE_FUNCTION_APP_NAME" topicName="$EVENT_TOPIC_NAME" \
        ingestAccountName="$INGEST_ACCOUNT_NAME" --output none
}

until_done "The app's key blobs_extension" has_key
tries=5
until_done "The event subscription" subscribe
say "Blobs dropped in container incoming of $INGEST_ACCOUNT_NAME are handed to the app."
