// Grants roles on one queue of the ingestion account; roles.bicep says which.
param accountName string
param queueName string
param grants array
param roleIds object

resource account 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: accountName

  resource service 'queueServices' existing = {
    name: 'default'
  }
}

resource queue 'Microsoft.Storage/storageAccounts/queueServices/queues@2025-06-01' existing = {
  parent: account::service
  name: queueName
}

resource assignments 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for grant in grants: {
    name: guid(queue.id, grant.principalId, grant.role)
    scope: queue
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds[grant.role])
      principalId: grant.principalId
      principalType: grant.principalType
    }
  }
]
