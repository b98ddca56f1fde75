// A new GeoCatalog, with the identity that it reads assets with.
param location string
param tags object
param geocatalogName string
param ingestionIdentityId string
param isLocked bool
param workspaceId string

resource geocatalog 'Microsoft.Orbital/geoCatalogs@2026-04-15' = {
  name: geocatalogName
  location: location
  tags: tags
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${ingestionIdentityId}': {} }
  }
  properties: {
    tier: 'Basic'
  }
}

// The app's own role allows to delete the GeoCatalog (there is no lesser one that can ingest), but not to remove a lock.
resource lock 'Microsoft.Authorization/locks@2020-05-01' = if (isLocked) {
  name: 'keep-geocatalog'
  scope: geocatalog
  properties: {
    level: 'CanNotDelete'
    notes: 'Set by GEOCATALOG_DELETE_LOCK of the ingestion. docs/deploy.md says how to remove it.'
  }
}

// What GeoCatalog says of each ingestion, for operations that fail inside it.
resource toWorkspace 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: geocatalog
  properties: {
    workspaceId: workspaceId
    logs: [
      { category: 'Audit', enabled: true }
      { category: 'Ingestion', enabled: true }
    ]
  }
}

output url string = geocatalog.properties.catalogUri
