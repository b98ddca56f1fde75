// Event Grid puts an event on queue `blob-events` for each blob written to container `incoming`; receive_blob reads that queue.
// The topic's own identity delivers, because with a storage firewall Event Grid accepts no user-assigned one
// (learn.microsoft.com/azure/event-grid/managed-service-identity). Its roles must exist before the subscription: see main.bicep.
param topicName string
param ingestAccountId string

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = {
  name: topicName
}

var topicIdentity = { type: 'SystemAssigned' }

resource blobEvents 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = {
  parent: topic
  name: 'blob-events'
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
    deliveryWithResourceIdentity: {
      identity: topicIdentity
      destination: {
        endpointType: 'StorageQueue'
        properties: {
          resourceId: ingestAccountId
          queueName: 'blob-events'
          queueMessageTimeToLiveInSeconds: -1 // never; the default of 7 days would lose events in a longer pause
        }
      }
    }
    deadLetterWithResourceIdentity: {
      identity: topicIdentity
      deadLetterDestination: {
        endpointType: 'StorageBlob'
        properties: {
          resourceId: ingestAccountId
          blobContainerName: 'event-deadletters'
        }
      }
    }
  }
}
