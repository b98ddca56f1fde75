// Hands each blob dropped in container `incoming` to receive_blob. Deployed after the code (scripts/after_deploy.*): the
// key `blobs_extension` is made by the running app.
param functionAppName string
param topicName string
param ingestAccountName string

resource app 'Microsoft.Web/sites@2024-11-01' existing = {
  name: functionAppName
}

resource account 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: ingestAccountName
}

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = {
  name: topicName
}

resource blobEvents 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = {
  parent: topic
  name: 'receive-blob'
  properties: {
    eventDeliverySchema: 'EventGridSchema'
    filter: {
      // With `/blobs/` at its end it matches this container only, not `incoming-2`.
      subjectBeginsWith: '/blobServices/default/containers/incoming/blobs/'
      includedEventTypes: ['Microsoft.Storage.BlobCreated']
    }
    retryPolicy: {
      maxDeliveryAttempts: 30
      eventTimeToLiveInMinutes: 1440
    }
    destination: {
      endpointType: 'WebHook'
      properties: {
        // The key goes from the app to Event Grid within Azure; no person, file or shell sees it.
        #disable-next-line use-resource-symbol-reference
        endpointUrl: 'https://${app.properties.defaultHostName}/runtime/webhooks/blobs?functionName=Host.Functions.receive_blob&code=${listKeys('${app.id}/host/default', '2024-11-01').systemKeys.blobs_extension}'
        minimumTlsVersionAllowed: '1.2'
      }
    }
    deadLetterWithResourceIdentity: {
      identity: { type: 'SystemAssigned' }
      deadLetterDestination: {
        endpointType: 'StorageBlob'
        properties: {
          resourceId: account.id
          blobContainerName: 'event-deadletters'
        }
      }
    }
  }
}
