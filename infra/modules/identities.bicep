// Two identities, so that neither can do the other's work: the app's own, and the one GeoCatalog reads assets with.
param location string
param tags object
param token string

resource app 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: 'id-app-${token}'
  location: location
  tags: tags
}

resource ingestion 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: 'id-ingestion-${token}'
  location: location
  tags: tags
}

output appId string = app.id
output appClientId string = app.properties.clientId
output appPrincipalId string = app.properties.principalId
output ingestionId string = ingestion.id
output ingestionPrincipalId string = ingestion.properties.principalId
