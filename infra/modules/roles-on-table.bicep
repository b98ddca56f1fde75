// Grants roles on one table of the ingestion account; roles.bicep says which.
param accountName string
param tableName string
param grants array
param roleIds object

resource account 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: accountName

  resource service 'tableServices' existing = {
    name: 'default'
  }
}

resource table 'Microsoft.Storage/storageAccounts/tableServices/tables@2025-06-01' existing = {
  parent: account::service
  name: tableName
}

resource assignments 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for grant in grants: {
    name: guid(table.id, grant.principalId, grant.role)
    scope: table
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds[grant.role])
      principalId: grant.principalId
      principalType: grant.principalType
    }
  }
]
