// A new GeoCatalog, with the identity that it reads assets with.
param location string
param tags object
param geocatalogName string
param ingestionIdentityId string

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

output name string = geocatalog.name
output url string = geocatalog.properties.catalogUri
