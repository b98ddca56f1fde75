// Grants roles on a GeoCatalog, which may lie in another resource group or subscription; roles.bicep says which.
param geocatalogName string
param grants array
param roleIds object

resource geocatalog 'Microsoft.Orbital/geoCatalogs@2026-04-15' existing = {
  name: geocatalogName
}

resource assignments 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for grant in grants: {
    name: guid(geocatalog.id, grant.principalId, grant.role)
    scope: geocatalog
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds[grant.role])
      principalId: grant.principalId
      principalType: grant.principalType
    }
  }
]
